"""The commands. Each imports its room only when it runs, so that `kws --help` is quick."""

from __future__ import annotations

import io
import json as json_format
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from kws import __version__
from kws.errors import KwsError

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
NoGate = Annotated[bool, typer.Option("--no-gate", help="Hear silence too, which is else cut out.")]

app = typer.Typer(
    name="kws",
    help="An always-on keyword spotter: it listens, and when somebody says a wake word it acts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Public datasets: list them, get one.", no_args_is_help=True)
app.add_typer(data_app, name="data")


def main() -> None:
    """Run the command line: exit status 1 and one line for a KwsError, 2 for wrong usage."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # which may not know a keyword's or path's letters
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="kws")
    except KwsError as error:
        sys.exit("kws: error: " + " ".join(str(error).split()))


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"kws {__version__}")
        raise typer.Exit


@app.callback()
def kws(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Options of the program itself."""


@app.command()
def listen(
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH", help="Shipped model, or .tflite file.", show_default="home"
        ),
    ] = None,
    wav: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Hear a WAV, FLAC or OGG file, as fast as it goes."),
    ] = None,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Hear raw int16 samples, 16 kHz, mono, from a pipe.")
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Microphone: its number, or its name or a part of it; with --ble a board's"
            " name or address.",
        ),
    ] = None,
    ble: Annotated[
        bool, typer.Option("--ble", help="Hand on what a board hears, by Bluetooth.")
    ] = False,
    actions: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="What the keywords set off.")
    ] = None,
    no_gate: NoGate = False,
    json: Json = False,
) -> None:
    """Listen for the model's keywords: on the microphone, until Ctrl-C.

    A terminal shows a live display; elsewhere one line is printed per detection.
    Times are seconds of audio from its start, of a board's from when it was
    switched on. Ctrl-C is the usual end of a live source, and the exit status
    is 0; a file that it breaks off gives 130.
    """
    if sum((wav is not None, stdin, ble or device is not None)) > 1:
        raise typer.BadParameter("--wav, --stdin and --device or --ble exclude each other")
    if ble:
        if model is not None or no_gate:
            raise typer.BadParameter("a board has its own model and gate: no --model or --no-gate")
        if find_spec("bleak") is None:
            raise KwsError("kws listen --ble needs bleak: pip install 'kws[ble]'")
        from kws.session import run_board

        raise typer.Exit(run_board(device, actions, json))
    from kws.model_file import DEFAULT_MODEL, ModelFile
    from kws.session import run

    model_file = ModelFile.load(model or DEFAULT_MODEL)
    model_file = model_file.without_gate() if no_gate else model_file
    raise typer.Exit(run(model_file, wav, stdin, device, actions, json))


@app.command()
def devices(json: Json = False) -> None:
    """List the microphones; * marks the default."""
    from kws.devices import devices as input_devices

    found = input_devices()
    if json:
        print(json_format.dumps([vars(device) for device in found], indent=2))
        return
    if not found:
        print("kws: no input device; is a microphone connected?", file=sys.stderr)
        return
    width = max(len(device.name) for device in found)
    print(f"  ID  {'Name':{width}}  Host API, channels, sample rate")
    for device in found:
        print(
            f"{'*' if device.is_default else ' '}{device.index:3d}  {device.name:{width}}  "
            f"{device.host_api}, {device.channels}, {device.default_sample_rate} Hz"
        )


@app.command()
def info(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name or path of a model.")],
    json: Json = False,
) -> None:
    """Show what a model listens for, what it costs and what it was made from."""
    from kws.info import describe, text
    from kws.model_file import ModelFile

    model_file = ModelFile.load(model)
    if json:
        print(json_format.dumps(describe(model_file), indent=2))
    else:
        print(text(model_file))


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name or path of a model.")],
    positives: Annotated[
        Path, typer.Option(metavar="DIR", help="A folder of recordings for each keyword.")
    ],
    negatives: Annotated[
        Path, typer.Option(metavar="DIR", help="Recordings without the keywords, hours of them.")
    ],
    noise: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Noise, mixed into all of it.")
    ] = None,
    snr: Annotated[
        float | None,
        typer.Option(
            metavar="DB", help="How far the noise lies below a recording.", min=-50, max=100
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write report.html, with curves and clips, and report.json."
        ),
    ] = None,
    no_gate: NoGate = False,
    json: Json = False,
) -> None:
    """Measure a model's miss rates and false alarms on recordings.

    Each file of a keyword's folder is one chance to detect it, the negatives
    are one long stream. The folder of "smart mirror" is smart_mirror.
    """
    if (noise is None) != (snr is None):
        raise typer.BadParameter("--noise and --snr belong together")
    if report is not None and find_spec("matplotlib") is None:
        raise KwsError("kws evaluate --report needs matplotlib: pip install 'kws[report]'")
    from kws.evaluation.command import run
    from kws.model_file import ModelFile

    model_file = ModelFile.load(model)
    model_file = model_file.without_gate() if no_gate else model_file
    run(model_file, positives, negatives, noise, snr or 0.0, json, report)


@app.command()
def train(
    dataset: Annotated[
        Path,
        typer.Argument(
            metavar="DATASET_DIR", help="<keyword>/, _negative_/ and, better, _noise_/."
        ),
    ],
    output: Annotated[Path, typer.Option(metavar="MODEL.tflite", help="Model that is written.")],
    recipe: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Which folders within DATASET_DIR serve what."),
    ] = None,
    keywords: Annotated[
        str, typer.Option(metavar="A,B,C", help="Which words; the others are negatives.")
    ] = "",
    init: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH|none",
            help="Model whose weights training starts from.",
            show_default="home; with --recipe and for Speech Commands, none",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=8,
            help="Models that are tested, beside the one that is kept.",
            show_default="2; from none, 4",
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Of each training, at most.")
    ] = None,
    alarms: Annotated[
        float,
        typer.Option(
            "--alarms-per-hour", min=0, max=100, help="False alarms that thresholds are set for."
        ),
    ] = 0.5,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a report of each tested model."),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keeps what an interrupted run made.", show_default="MODEL.work"
        ),
    ] = None,
) -> None:
    """Train a model on recordings of keywords, synthetic ones, or both.

    It starts from the shipped model, so that few recordings suffice. Models
    that each leave out a quarter of the speakers are tested on it: that gives
    the figures, and the thresholds of the model that is written, which is
    trained on everything. An interrupted run, started again, goes on with the
    epoch that it was at. Needs the extra named train.
    """
    if find_spec("tensorflow") is None:
        raise KwsError("kws train needs TensorFlow: pip install 'kws[train]'")
    if report is not None and find_spec("matplotlib") is None:
        raise KwsError("kws train --report needs matplotlib: pip install 'kws[report]'")
    from kws.training.command import run
    from kws.training.plan import plan

    work = work or output.with_suffix(".work")
    words = [word.strip() for word in keywords.split(",") if word.strip()]
    run(plan(dataset, work, recipe, words, init, folds, epochs, alarms), output, work, report)


@app.command()
def record(
    word: Annotated[
        str, typer.Argument(metavar="WORD", help="The keyword, or _noise_, or _negative_.")
    ],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Dataset folder that it goes into.")],
    count: Annotated[
        int | None,
        typer.Option(
            min=1, max=100_000, help="Takes; of _noise_, of 10 s each.", show_default="50, 6 or all"
        ),
    ] = None,
    speaker: Annotated[
        str, typer.Option(metavar="NAME", help="Who speaks; kws train keeps speakers apart.")
    ] = "",
    device: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Microphone: its number, or its name or a part of it."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=1, max=10, help="Length of a take, before it is trimmed.")
    ] = 2.5,
    text: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Text to read for _negative_, a piece in each line."),
    ] = None,
) -> None:
    """Record a keyword, the room (_noise_) or other speech (_negative_), guided.

    After a countdown each take is recorded, judged and trimmed to the word.
    Enter keeps a good take, r repeats it; without a keyboard good takes are kept
    and others repeated. The same command again goes on where it stopped; what
    is there is never overwritten. Without --speaker each run is a session.
    """
    from kws.recorder.command import run

    raise typer.Exit(run(word, output, count, speaker, device, seconds, text))


@app.command()
def synth(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The keyword, a word or a phrase.")],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Dataset folder that it goes into.")],
    count: Annotated[int, typer.Option(min=1, max=100_000, help="Utterances of it.")] = 200,
    near: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=100_000,
            help="Phrases that sound like it, for _negative_.",
            show_default="300",
        ),
    ] = None,
    sentences: Annotated[
        int, typer.Option(min=0, max=100_000, help="Sentences of random words, for _negative_.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Another one draws other voices.")] = 1,
    piper: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of voices for Piper, if you have any."),
    ] = None,
) -> None:
    """Have the installed speech synthesisers say a keyword, and what sounds like it.

    espeak-ng, flite and festival with all their English voices, at many rates
    and pitches. The same command again makes only what is missing.
    """
    from kws.data.synth import run

    run(text, output, count, near, sentences, seed, piper)


@data_app.command("list")
def data_list(json: Json = False) -> None:
    """List the public datasets that kws knows."""
    from kws.data.known_sets import KNOWN

    if json:
        print(json_format.dumps([vars(known) for known in KNOWN.values()], indent=2))
        return
    for known in KNOWN.values():
        print(f"{known.name}\n    {known.what}; {known.size / 1e9:.1f} GB, {known.licence}")
        print(f"    {known.url}")


@data_app.command("get")
def data_get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One that kws data list names.")],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder that it becomes.", show_default="as the archive is called"
        ),
    ] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="A mirror; its checksum must be the same.")
    ] = None,
) -> None:
    """Download a dataset, check it and unpack it.

    A download that broke off goes on where it stopped when the command is given
    again. The folder is there only when all of it is.
    """
    from kws.data.known_sets import KNOWN, get

    if name not in KNOWN:
        raise KwsError(f"no dataset named {name!r}; known are {', '.join(KNOWN)}")
    get(KNOWN[name], output, url)


@app.command()
def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name or path of a model.")],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder that is written to.")],
    count: Annotated[
        bool,
        typer.Option(
            "--count/--no-count",
            help="Count the report's instructions, where QEMU and compilers are installed.",
        ),
    ] = True,
) -> None:
    """Write a model and its engine as C sources, for a board.

    A model made by kws gives a sketch with a report of what it takes: flash, RAM,
    instructions, power.
    """
    from kws.export import export as write

    for path in write(model, output, count):
        print(path)
