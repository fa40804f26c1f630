"""`kws evaluate`: a model judged on folders of recordings."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from kws.data.audio import read_audio
from kws.data.clips import HIDDEN, audio_files
from kws.errors import KwsError
from kws.evaluation.evaluate import evaluate
from kws.evaluation.mixing import Samples, with_noise
from kws.evaluation.traces import Detector, Traces, traces
from kws.model_file import ModelFile


def run(
    model: ModelFile,
    positives: Path,
    negatives: Path,
    noise: Path | None,
    snr: float,
    as_json: bool,
) -> None:
    """Print miss rates and false alarms; what cannot be used is told on stderr and passed over.

    positives: a folder for each keyword; negatives: speech without them; noise: mixed into both
    at snr dB. KwsError where nothing is left to judge by.
    """
    utterances = utterances_by_keyword(positives, model.config.keywords)
    speech = audio_files(negatives)
    mixed_in = all_of(audio_files(noise)) if noise else None
    heard = hear(model, utterances, speech, mixed_in, snr)
    if not sum(map(len, heard.peaks.values())):
        raise KwsError(f"{positives}: none of the recordings can be read")
    if not heard.hours:
        raise KwsError(f"{negatives}: none of the recordings can be read")
    result = evaluate(heard, model.config)
    if as_json:
        condition = {
            "model": model.name,
            "snr": snr if noise else None,
            "gate": model.config.gating.on,
        }
        print(json.dumps({**condition, **result.to_dict()}, indent=2))
    else:
        title = model.name + (f", noise at {snr:g} dB" if noise else "")
        title += f", gate {'on' if model.config.gating.on else 'off'}"
        Console().print(result.table(title))


def utterances_by_keyword(folder: Path, keywords: tuple[str, ...]) -> dict[str, list[Path]]:
    """The recordings of each keyword, in a folder of its name, "_" for " ", in any case."""
    known = {_plain(keyword): keyword for keyword in keywords}
    found = {}
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError as error:
        raise KwsError(f"{folder}: {error.strerror}") from error
    for path in inside:
        if keyword := known.get(_plain(path.name)):
            found[keyword] = audio_files(path)
        elif not path.name.startswith(HIDDEN):
            _warn(f"{path}: passed over, the model does not know {path.name!r}")
    if not found:
        names = ", ".join(keyword.replace(" ", "_") for keyword in keywords)
        raise KwsError(f"{folder}: no folder of a keyword of the model: {names}")
    return found


def hear(
    model: ModelFile,
    utterances: dict[str, list[Path]],
    speech: list[Path],
    noise: Samples | None,
    snr: float,
) -> Traces:
    """What a model makes of recordings, read one by one; the progress is shown to a person."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        total = sum(map(len, (*utterances.values(), speech)))
        task = progress.add_task("listening", total=total)

        def recordings(paths: list[Path], seed: int) -> Iterator[Samples]:
            clean = readable(progress.track(paths, task_id=task))
            return clean if noise is None else with_noise(clean, noise, snr, seed)

        return traces(
            Detector(model),
            {
                keyword: recordings(paths, i)
                for i, (keyword, paths) in enumerate(utterances.items())
            },
            recordings(speech, len(utterances)),
        )


def all_of(paths: list[Path]) -> Samples:
    """Recordings as one; KwsError where none can be read."""
    pieces = list(readable(paths))
    if not pieces:
        raise KwsError(f"{paths[0].parent}: none of the recordings can be read")
    return np.concatenate(pieces)


def readable(paths: Iterable[Path]) -> Iterator[Samples]:
    """The recordings that can be read; each other one is a line on stderr."""
    for path in paths:
        try:
            yield read_audio(path)
        except KwsError as error:
            _warn(str(error))


def _plain(name: str) -> str:
    return name.replace("_", " ").casefold()


def _warn(problem: str) -> None:
    print(f"kws: {problem}", file=sys.stderr)
