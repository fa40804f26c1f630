"""Make a model of a phrase that is only named: `kws new`."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws.commands.options import (
    ClusterAddress,
    Kokoro,
    Language,
    Work,
    finite,
    require_training_extras,
)
from kws.commands.train_options import Init
from kws.errors import KwsError

if TYPE_CHECKING:
    from kws.config import FrontEnd
    from kws.data.dataset import Dataset

_log = logging.getLogger(__name__)


Phrase = Annotated[str, typer.Argument(metavar="PHRASE", help="What shall be said, in quotes.")]
Recordings = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Recordings of the phrase, if you have some; or a dataset folder, with _negative_"
        " and _noise_.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        metavar="MODEL.tflite", help="Model to write.", show_default="PHRASE.tflite, here"
    ),
]
Alarms = Annotated[
    float | None,
    typer.Option(
        "--alarms-per-hour",
        min=0,
        max=100,
        callback=finite,
        help="False alarms that the thresholds are set for.",
        show_default="0.2",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Write a report of each tested model, and what was synthesised, to hear.",
    ),
]
Anyway = Annotated[bool, typer.Option("--anyway", help="Train a phrase that is refused, too.")]


def new(
    phrase: Phrase,
    recordings: Recordings = None,
    output: Output = None,
    init: Init = None,
    alarms: Alarms = None,
    report: Report = None,
    work: Work = None,
    kokoro: Kokoro = None,
    language: Language = None,
    cluster: ClusterAddress = None,
    anyway: Anyway = False,
) -> None:
    """Make a wake word of a phrase: check it, synthesise, train, test, calibrate.

    A phrase alone is enough: the installed synthesisers say it, and phrases that
    sound like it. Recordings by those who will say it make it much better. At
    the end it says what was reached on voices that training never had, and what
    would help most. With --init esphome it is a word for ESPHome's devices, which
    kws export --format esphome writes. Needs the extra named train.
    """
    require_training_extras("kws new", report, kokoro, cluster)
    from kws.data.keywords import folder_name
    from kws.parallel import Cluster

    name = folder_name(phrase)
    _check(phrase, anyway, language)
    workers = None if cluster is None else Cluster(cluster).reached()
    from kws.training.pipeline import run
    from kws.training.plan import plan
    from kws.training.training_options import TrainingOptions
    from kws.training.work_folder import default_work

    output = output or Path(f"{name}.tflite")
    folder = work or default_work(output)
    options = TrainingOptions(
        initial=init, alarms_per_hour=alarms, kokoro=kokoro, language=language, phrase=phrase
    )
    planned = plan(recordings, folder, options=options)
    _require_utterances(planned.dataset)
    run(replace(planned, cluster=workers), output, folder, report, tidy=work is None)
    _show_what_to_do_next(output, planned.recipe.front_end)


def _show_what_to_do_next(model: Path, front_end: FrontEnd) -> None:
    from kws.config import MICRO_FRONTEND

    typer.echo(f"try it: kws listen --model {model}")
    if front_end.kind == MICRO_FRONTEND:
        typer.echo(f"for ESPHome: kws export {model} --format esphome --output DIR")


def _check(phrase: str, anyway: bool, language: str | None) -> None:
    """Log what is wrong with a phrase; KwsError where it should not be trained."""
    from kws.tts.phrase_check import alternatives, phrase_problems
    from kws.tts.voices import known_language

    spoken = None if language is None else known_language(language)
    problems = phrase_problems(phrase, language=spoken)
    if not problems:
        return
    better = ", ".join(repr(text) for text in alternatives(phrase, language=spoken))
    advice = f"; {better} would do better" if better else ""
    if problems[0].refused and not anyway:
        raise KwsError(f"{phrase!r}: {problems[0].text}{advice}; --anyway trains it all the same")
    for problem in problems:
        _log.warning("%r: %s%s", phrase, problem.text, advice)
        advice = ""


def _require_utterances(dataset: Dataset) -> None:
    """Raise KwsError where nobody says the phrase: no recording of it, no synthesiser."""
    if not dataset.synthesis.utterances_per_keyword and not any(dataset.positives.values()):
        raise KwsError(
            "there is nobody to say the phrase: install a speech synthesiser (Debian, Ubuntu: apt"
            " install espeak-ng flite festival festlex-cmu scowl), or give recordings of it with"
            " --recordings"
        )
