"""`kws evaluate`: a model judged on folders of recordings."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from kws.data.clips import HIDDEN, audio_files
from kws.errors import KwsError
from kws.evaluation.evaluate import evaluate
from kws.evaluation.mixing import Samples
from kws.evaluation.scores import Scorer, Scores, score_recordings
from kws.evaluation.test_set import EvaluationClip, EvaluationSet, all_of
from kws.model_file import ModelFile


def run(
    model: ModelFile,
    positives: Path,
    negatives: Path,
    noise: Path | None,
    snr: float,
    as_json: bool,
    report: Path | None = None,
) -> None:
    """Print miss rates and false alarms; what cannot be used is told on stderr and passed over.

    positives: a folder for each keyword; negatives: speech without them; noise: mixed into both
    at snr dB; report: a folder for a report. KwsError where nothing is left to judge by.
    """
    material = EvaluationSet(
        utterances_by_keyword(positives, model.config.keywords),
        audio_files(negatives),
        all_of(audio_files(noise)) if noise else None,
        snr,
    )
    if report:
        from kws.evaluation.report import prepare_report_folder  # matplotlib: for a report alone

        prepare_report_folder(report)
    heard = hear(model, material)
    if not sum(map(len, heard.positives.values())):
        raise KwsError(f"{positives}: none of the recordings can be read")
    if not heard.hours:
        raise KwsError(f"{negatives}: none of the recordings can be read")
    result = evaluate(heard, model.config)
    condition = {
        "model": model.name,
        "snr": snr if noise else None,
        "gate": model.config.gate.on,
    }
    if report:
        from kws.evaluation.report import write_report

        for path in write_report(report, model, condition, material, heard, result):
            print(f"kws: wrote {path}", file=sys.stderr)
    if as_json:
        print(json.dumps({**condition, **result.to_dict()}, indent=2))
    else:
        title = model.name + (f", noise at {snr:g} dB" if noise else "")
        title += f", gate {'on' if model.config.gate.on else 'off'}"
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


def hear(model: ModelFile, material: EvaluationSet) -> Scores:
    """What a model makes of recordings, read one by one; the progress is shown to a person."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("listening", total=material.recording_count)

        def followed(takes: Iterator[EvaluationClip]) -> Iterator[Samples]:
            for take in takes:
                yield take.mixed
                progress.advance(task)

        return score_recordings(
            Scorer(model),
            {
                keyword: followed(material.read_positives(keyword, warn=True))
                for keyword in material.positives
            },
            followed(material.read_negatives(warn=True)),
        )


def _plain(name: str) -> str:
    return name.replace("_", " ").casefold()


def _warn(problem: str) -> None:
    print(f"kws: {problem}", file=sys.stderr)
