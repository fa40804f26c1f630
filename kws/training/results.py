"""Report what a cross-validation found: evaluations, the model's card, a report of each fold."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from kws.atomic_write import write_atomically
from kws.calibration_card import calibration_lines
from kws.config import ModelConfig
from kws.console.plain_line import print_line
from kws.errors import KwsError
from kws.evaluation.evaluate import Evaluation, evaluate, tested_as
from kws.evaluation.scores import Scorer
from kws.evaluation.test_set import EvaluationSet
from kws.evaluation.top1_accuracy import Top1Accuracy, labelled_clips, top1_accuracy
from kws.foreign_text import bounded
from kws.model_file import ModelFile
from kws.training.calibration import evaluate_folds
from kws.training.checkpoint import read_losses
from kws.training.dataset_scores import CLEAN, ScoresByCondition
from kws.training.held_out_speech import HeldOutResult, is_synthetic
from kws.training.plan import Plan

HELD_OUT_KEY = "held_out_partitions"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Results:
    """Hold the figures of a model: those of its folds, and top-1 accuracy on single words."""

    evaluations: Mapping[str, Evaluation]  # by condition
    top1: Top1Accuracy | None = None


def evaluate_plan(
    plan: Plan,
    model: ModelFile,
    config: ModelConfig,
    scores: Sequence[ScoresByCondition],
    held_out: HeldOutResult | None = None,
) -> Results:
    """Return the figures of all folds with a model's settings, and of voices new to the model.

    Where the dataset has a split of its own, the model itself is tested on single words as well.
    """
    evaluations = evaluate_folds(config, scores)
    if held_out:
        evaluations |= {name: evaluate(of, config) for name, of in held_out.scores.items()}
    if not plan.own_split:
        return Results(evaluations)
    try:
        clips = labelled_clips(plan.kept.test_set(plan.dataset))
        return Results(evaluations, top1_accuracy(Scorer(model), clips))
    except KwsError as error:
        _log.warning("accuracy is not measured: %s", error)
        return Results(evaluations)


def model_card(plan: Plan, results: Results) -> dict[str, Any]:
    """Return what the model file says of its data and figures."""
    dataset = plan.dataset
    share = f"the 1/{plan.kept.folds} that it was not trained on"
    held_out = f"{_tested(plan)} {share}" if plan.tested else "not"
    kept = "validation speakers" if plan.own_split else f"this model, on {share}"
    card = {
        **dataset.card,
        "recordings": {keyword: len(clips) for keyword, clips in dataset.positives.items()},
        "negative_recordings": len(dataset.negatives),
        **({"speakers": dataset.speakers} if dataset.speakers else {}),
        "measured": kept if plan.keeps_tested else held_out,
        # So that a benchmark knows what the model never had.
        **({HELD_OUT_KEY: plan.kept.held_out} if plan.keeps_tested and not plan.own_split else {}),
        "figures": {condition: e.to_dict() for condition, e in results.evaluations.items()},
        **({"top-1": results.top1.to_dict()} if results.top1 else {}),
    }
    checked: dict[str, Any] = bounded(card)
    return checked


def show_results(plan: Plan, results: Results, console: Console) -> None:
    """Print a table for each condition and one for top-1 accuracy."""
    kept = "validation" if plan.own_split else "the model, on the speakers that it left out"
    title = kept if plan.keeps_tested else f"{_tested(plan)} what it left out"
    for condition, evaluation in results.evaluations.items():
        if not evaluation.hours and not evaluation.utterances:
            continue  # of a training without recordings
        of_whom = "the model" if is_synthetic(condition) else title
        console.print(evaluation.table(f"{of_whom}, {condition}"))
    if results.top1:
        console.print(results.top1.table("validation, the most probable class of each clip"))


def show_calibration(config: ModelConfig, console: Console) -> None:
    """Print what the sensitivities stand for, and how sure that is."""
    if lines := list(calibration_lines(config)):
        print_line("\n".join(lines), console)


def write_loss_curves(plan: Plan, folder: Path) -> None:
    """Write loss.svg, the losses of all trainings by epoch, into a report's folder."""
    from kws.evaluation.figures import loss_svg  # loads matplotlib

    folds = [*plan.tested, *([] if plan.keeps_tested else [plan.kept])]
    trainings = [each for fold in folds for each in fold.networks(plan.recipe.committee.networks)]
    losses = {str(each): read_losses(each.checkpoint) for each in trainings}
    path = folder / "loss.svg"
    try:
        write_atomically(path, loss_svg({name: rows for name, rows in losses.items() if rows}))
    except OSError as error:
        raise KwsError(f"{path}: {error.strerror or error}") from error
    _log.info("wrote %s", path)


def write_reports(
    plan: Plan, config: ModelConfig, scores: Sequence[ScoresByCondition], folder: Path
) -> None:
    """Write a report of each tested model on its test set, folder/fold-1/report.html and so on.

    config: the kept model's, with its thresholds.
    """
    from kws.evaluation.report import prepare_report_folder, write_report  # loads matplotlib

    for fold, by_condition in zip(plan.tested, scores, strict=True):
        test, clean = fold.test_set(plan.dataset), by_condition[CLEAN]
        utterances = {
            keyword: [clip.path for clip in clips]
            for keyword, clips in test.positives.items()
            if clips
        }
        if not utterances or not test.negatives:
            _log.warning("no report of %s: too little is left to test it on", fold)
            continue
        model = fold.load(plan.recipe)
        model = replace(model, config=replace(model.config, thresholds=config.thresholds))
        material = EvaluationSet(utterances, [clip.path for clip in test.negatives], None, 0.0)
        condition = tested_as(str(fold), None, model.config)
        place = folder / f"fold-{fold.index + 1}"
        prepare_report_folder(place)
        for path in write_report(
            place, model, condition, material, clean, evaluate(clean, model.config)
        ):
            _log.info("wrote %s", path)


def _tested(plan: Plan) -> str:
    """Return the number of tested models in words, before what each was tested on."""
    return "1 model, on" if len(plan.tested) == 1 else f"{len(plan.tested)} models, each on"
