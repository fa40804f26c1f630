"""`kws listen`: hear a microphone, a file, a pipe or a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.commands.extras import need
from kws.commands.options import Json, NoGate


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
        need("kws listen --ble", "bleak", "ble")
        from kws.listen_session import run_board

        raise typer.Exit(run_board(device, actions, json))
    from kws.listen_session import run
    from kws.model_file import DEFAULT_MODEL, ModelFile

    model_file = ModelFile.load(model or DEFAULT_MODEL)
    model_file = model_file.without_gate() if no_gate else model_file
    raise typer.Exit(run(model_file, wav, stdin, device, actions, json))
