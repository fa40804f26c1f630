"""`kws train`: examples, trainings and tests, calibration, one model file."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from kws.config import ModelConfig
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.evaluation.evaluate import Evaluation
from kws.evaluation.scores import Scorer
from kws.evaluation.top1_accuracy import Top1Accuracy, labelled_clips, top1_accuracy
from kws.model_file import ModelFile
from kws.training.calibration import calibrated, likeliest
from kws.training.cross_validation import (
    CLEAN,
    Conditions,
    Job,
    judged,
    together,
    train_and_test,
    watch,
)
from kws.training.fold import Fold
from kws.training.plan import Plan
from kws.training.prepare import make_material
from kws.training.progress import shown
from kws.training.recipe import Recipe
from kws.training.status import Status
from kws.training.work_folder import check_dataset, check_folder, check_work
from kws.training.workers import processes, quietly

EXAMPLES, SYNTHETIC = "examples", "synthetic"  # folders within the work folder


def run(plan: Plan, output: Path, work: Path, report: Path | None = None) -> None:
    """Make the model `output`; `work` keeps what an interrupted run made.

    report: folder for a report of each tested model.
    """
    check_folder(output)
    if report:
        from kws.evaluation.report import prepare_report_folder  # matplotlib, as below

        prepare_report_folder(report)
    check_dataset(plan.dataset)
    check_work(work, plan)
    console = Console()
    _material(plan, work, console)
    kept, tested = _trained(plan, work, console)
    heard = [conditions for _, conditions in tested]
    if plan.own_split or not tested:
        config = likeliest(kept.config)
    else:
        config = calibrated(
            kept.config, together(heard)[CLEAN], plan.recipe.posterior.false_alarms_per_hour
        )
    results = judged(config, heard)
    answers = _answers(plan, kept) if plan.own_split else None
    config = replace(config, card=card(plan, results, answers))
    with processes(1) as executor:
        job = executor.submit(quietly, plan.kept.log, _embedded, (kept.content, config))
        _write(output, job.result())
    for condition, evaluation in results.items():
        title = f"{len(plan.tested)} models on what they left out, {condition}"
        console.print(evaluation.table("validation, " + condition if plan.own_split else title))
    if answers:
        console.print(answers.table("validation, the likest answer to each clip"))
    if report:
        from kws.training.fold_reports import write_reports  # matplotlib: for a report alone

        write_reports(plan, config, heard, report)
    console.print(f"wrote {output}, {output.stat().st_size} bytes")


def _material(plan: Plan, work: Path, console: Console) -> None:
    folder = work / EXAMPLES
    if folder.exists():
        return
    status = Status("examples", work / "examples.progress")
    job = plan.dataset, plan.recipe, work / SYNTHETIC, folder, status, plan.embedding
    with processes(1) as executor, shown([status], console) as look:
        made = executor.submit(quietly, work / "examples.log", _made, job)
        watch([made], look)
    _tell(made.result())


def _made(job: tuple[Dataset, Recipe, Path, Path, Status, Path | None]) -> list[str]:
    return make_material(*job)


def _tell(problems: Sequence[str]) -> None:
    for problem in problems:
        print(f"kws: {problem}", file=sys.stderr)


def _trained(
    plan: Plan, work: Path, console: Console
) -> tuple[ModelFile, list[tuple[ModelFile, Conditions]]]:
    """The model that is kept, and those that were tested with what they made of their tests.

    The kept one is trained for as long as was best for those that were tested.
    """
    cores = os.cpu_count() or 1
    count = min(max(1, len(plan.tested)), cores)
    material = work / EXAMPLES

    def jobs(folds: Sequence[Fold], epochs: int, threads: int) -> list[Job]:
        return [Job(plan.dataset, plan.recipe, fold, material, epochs, threads) for fold in folds]

    folds = plan.tested if plan.own_split else [*plan.tested, plan.kept]
    with shown([f.status for f in folds], console) as look:
        epochs = plan.recipe.schedule.epochs
        with processes(count) as executor:
            tested = train_and_test(jobs(plan.tested, epochs, cores // count), executor, look)
        if plan.own_split:
            return tested[0][0], tested
        if tested:
            epochs = round(median(fold.epochs for fold in plan.tested))
        with processes(1) as executor:  # a new one: how many cores TensorFlow has is said once
            ((kept, _),) = train_and_test(jobs([plan.kept], epochs, cores), executor, look)
    return kept, tested


def _answers(plan: Plan, model: ModelFile) -> Top1Accuracy | None:
    """How often a model of single words takes each for what it is."""
    try:
        return top1_accuracy(Scorer(model), labelled_clips(plan.kept.test_set(plan.dataset)))
    except KwsError as error:
        _tell([f"accuracy is not measured: {error}"])
        return None


def _write(output: Path, content: bytes) -> None:
    try:
        output.write_bytes(content)
    except OSError as error:
        raise KwsError(f"{output}: {error.strerror or error}") from error


def card(
    plan: Plan, results: dict[str, Evaluation], answers: Top1Accuracy | None = None
) -> dict[str, Any]:
    """What the model file says of its making."""
    dataset = plan.dataset
    left_out = f"{len(plan.tested)} models, each on the 1/{plan.kept.folds} that it never heard"
    measured = "validation speakers" if plan.own_split else left_out if plan.tested else "not"
    return {
        **dataset.card,
        "recordings": {keyword: len(clips) for keyword, clips in dataset.positives.items()},
        "negative_recordings": len(dataset.negatives),
        "measured": measured,
        "figures": {condition: result.to_dict() for condition, result in results.items()},
        **({"top-1": answers.to_dict()} if answers else {}),
    }


def _embedded(job: tuple[bytes, ModelConfig]) -> bytes:
    from kws.training.quantise import embed

    return embed(*job)
