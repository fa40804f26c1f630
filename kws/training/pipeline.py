"""Train a model from a plan: examples, folds, final model, thresholds, one model file."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from rich.console import Console

from kws.atomic_write import write_atomically
from kws.calibration_card import FOLDS, HELD_OUT, SYNTHETIC
from kws.config import ModelConfig
from kws.console.plain_line import print_line
from kws.errors import KwsError
from kws.evaluation.condition_scores import SPACINGS
from kws.evaluation.speech_peaks import join_peaks
from kws.model_file import ModelFile
from kws.parallel import workers
from kws.process_lock import locked
from kws.training.before_after import compare, comparison_table, comparison_values
from kws.training.calibration import arg_max_thresholds, calibrate, merge_folds
from kws.training.cross_validation import Job, train_and_test
from kws.training.dataset_scores import Tested
from kws.training.fold import Fold
from kws.training.former import store_split
from kws.training.held_out_speech import HeldOutResult, held_out_result
from kws.training.listening_page import write_listening_page
from kws.training.plan import Plan, is_recorded
from kws.training.prepare import Preparation, prepare_material
from kws.training.results import (
    evaluate_plan,
    model_card,
    show_calibration,
    show_results,
    write_loss_curves,
    write_reports,
)
from kws.training.summary import summarise
from kws.training.work_folder import (
    HELD_OUT_VOICES,
    SYNTHESISED,
    check_dataset,
    check_output,
    check_work,
    finish,
    make_work_folder,
    what_is_kept,
)
from kws.training.workers import Status, run_jobs, show_progress

EXAMPLES, LOCK = "examples", ".lock"  # within the work folder

_log = logging.getLogger(__name__)


def run(
    plan: Plan, output: Path, work: Path, report: Path | None = None, tidy: bool = False
) -> None:
    """Train by a plan and write the model `output`.

    Args:
        plan: Dataset, recipe and folds.
        output: The model file.
        work: Folder that keeps what an interrupted run made.
        report: Folder for a report of each tested model.
        tidy: Whether the examples, most of the work folder, are removed at the end.

    Raises:
        KwsError: A file cannot be read or written, or a training cannot be done.
    """
    check_output(output, report, work)
    check_dataset(plan.dataset)
    make_work_folder(work)
    with (
        locked(work / LOCK, f"work folder {work}"),
        locked(output.with_name(f".{output.name}{LOCK}"), f"model {output}"),
    ):
        try:
            _run(plan, output, work, report, tidy)
        except KeyboardInterrupt:
            _log.warning("interrupted; the same command continues with what is in %s", work)
            raise


def _run(plan: Plan, output: Path, work: Path, report: Path | None, tidy: bool) -> None:
    """Train by a plan as run() does, while nobody else works on the same files."""
    check_work(work, plan)
    console = Console()
    if plan.tested and not plan.own_split:
        synthetic = synthetic_folder(plan, work)
        store_split(work, plan.dataset, plan.tested, plan.kept, synthetic)
    material = make_material(plan, work, console)
    tested = train_folds(plan, material, console)
    final = tested[0].model if plan.keeps_tested else train_final(plan, material, console)
    held_out = held_out_result(plan, final, tested, work, console)
    scores = [found.scores for found in tested]
    config = set_thresholds(plan, final.config, tested, held_out)
    results = evaluate_plan(plan, final, config, scores, held_out)
    card = {**model_card(plan, results), **config.card}
    comparison = compare(plan, config, tested)
    if plan.former and comparison:
        card |= {"continued_from": plan.former.model.name, **comparison_values(*comparison)}
    config = replace(config, card=card)
    write_model(output, final, config, plan.kept.log)
    show_results(plan, results, console)
    show_calibration(config, console)
    if comparison:
        console.print(comparison_table(*comparison))
    summary = summarise(plan, config, results, held_out)
    summary.show(console)
    if report:
        summary.write(report)
        said, unsaid = synthetic_folder(plan, work), plan.dataset.synthesis.excluded_phrases
        write_listening_page(report, config, said, work / HELD_OUT_VOICES, held_out, unsaid)
        write_loss_curves(plan, report)
        write_reports(plan, config, scores, report)
    if tidy:
        finish(work, work / EXAMPLES)
    print_line(what_is_kept(work, output), console)
    print_line(f"wrote {output}, {output.stat().st_size} bytes", console)


def make_material(plan: Plan, work: Path, console: Console) -> Path:
    """Synthesise speech and make examples, unless they are there; return their folder."""
    folder, networks = work / EXAMPLES, plan.recipe.committee.networks
    trainings = [each for fold in (*plan.tested, plan.kept) for each in fold.networks(networks)]
    if not folder.exists() and not all(each.is_trained() for each in trainings):
        status = Status("examples", work / "examples.progress")
        synthetic = synthetic_folder(plan, work)
        job = Preparation(
            *(plan.dataset, plan.recipe, synthetic, folder, status), plan.plugin, plan.cluster
        )
        with workers(processes=1) as pool, show_progress([status], console) as update:
            run_jobs(pool, prepare_material, [(work / "examples.log", job)], update)
    return folder


def synthetic_folder(plan: Plan, work: Path) -> Path:
    """Return where the synthetic speech is: that of a former training serves again."""
    split = plan.former.split if plan.former else None
    there = split is not None and Path(split.synthetic).is_dir()
    return Path(split.synthetic) if split and there else work / SYNTHESISED


def train_folds(plan: Plan, material: Path, console: Console) -> list[Tested]:
    """Return the models that are tested, each with its scores on what its fold holds out."""
    return _train(plan, plan.tested, material, plan.recipe.schedule.epochs, console)


def train_final(plan: Plan, material: Path, console: Console) -> ModelFile:
    """Return the model that is kept, which is trained on everything.

    It is trained for as many epochs as were best for the tested ones, in the median.
    """
    epochs = plan.recipe.schedule.epochs
    if plan.tested:
        networks = plan.recipe.committee.networks
        trained = [each for fold in plan.tested for each in fold.networks(networks)]
        epochs = round(median(fold.epochs for fold in trained))
    (final,) = _train(plan, [plan.kept], material, epochs, console)
    return final.model


def _train(
    plan: Plan, folds: Sequence[Fold], material: Path, epochs: int, console: Console
) -> list[Tested]:
    """Train and test the models of folds, as many networks at a time as there are workers."""
    networks = [each for fold in folds for each in fold.networks(plan.recipe.committee.networks)]
    count = min(max(1, len(networks)), os.cpu_count() or 1)
    # New processes: TensorFlow's number of threads is set only once.
    with (
        show_progress([each.status for each in networks], console) as update,
        workers(plan.cluster, count) as pool,
    ):
        threads = pool.threads_for(len(networks))
        jobs = [
            Job(
                *(plan.dataset, plan.recipe, fold, material, epochs, threads),
                plan.plugin,
                plan.former,
            )
            for fold in folds
        ]
        return train_and_test(jobs, pool, update)


def set_thresholds(
    plan: Plan,
    config: ModelConfig,
    tested: Sequence[Tested],
    held_out: HeldOutResult | None = None,
) -> ModelConfig:
    """Return the settings with thresholds and operating points, from what the folds held out.

    Where that is too little speech, voices that no training has speak for it. Where the dataset has
    a split of its own or nothing was tested, the most probable class wins.
    """
    if plan.own_split or not tested:
        return arg_max_thresholds(config)
    if plan.former and not plan.former.work:
        return plan.former.with_thresholds(config)
    target = plan.recipe.posterior.false_alarms_per_hour
    scores = merge_folds([found.scores for found in tested])
    spoken = [found.peaks for found in tested]
    measured_on = HELD_OUT if plan.keeps_tested else FOLDS
    if held_out:
        scores |= held_out.scores
    if held_out and held_out.peaks:
        spoken, measured_on = [*spoken, held_out.peaks], SYNTHETIC
    peaks = {name: join_peaks([of_part[name] for of_part in spoken]) for name in SPACINGS}
    return calibrate(config, peaks, scores, target, measured_on, is_recorded(plan.dataset))


def write_model(output: Path, model: ModelFile, config: ModelConfig, log: Path) -> None:
    """Write a model with its settings; a worker process embeds them, which takes TensorFlow."""
    with workers(processes=1) as pool:
        (content,) = run_jobs(pool, _embed, [(log, (model.content, config, model.networks))])
    try:
        write_atomically(output, content)
    except OSError as error:
        raise KwsError(f"{output}: {error.strerror or error}") from error


def _embed(job: tuple[bytes, ModelConfig, tuple[bytes, ...]]) -> bytes:
    from kws.training.quantise import embed

    return embed(*job)
