"""Compare a model with the one that its training started from, on the same recordings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from rich.table import Table

from kws.audio.audio_file import read_each
from kws.config import ModelConfig
from kws.data.clips import Clip
from kws.data.dataset import Dataset
from kws.evaluation.scores import Scorer, Scores
from kws.evaluation.whole_model import Share, count_alarms, model_thresholds
from kws.model_file import ModelFile
from kws.parallel import workers
from kws.training.calibration import merge_folds, miss_rate
from kws.training.dataset_scores import ScoresByCondition, Tested, score_test_set
from kws.training.plan import Plan
from kws.training.workers import run_jobs
from kws.types import Int

KEPT_KIND = "kept"  # of clips that a person marked

NOT_MEASURED = "not measured"


def marked_in(dataset: Dataset) -> Dataset:
    """Return the clips of a dataset that a person marked."""

    def marked(clips: Sequence[Clip]) -> list[Clip]:
        return [clip for clip in clips if clip.kind == KEPT_KIND]

    positives = {keyword: marked(clips) for keyword, clips in dataset.positives.items()}
    return replace(dataset, positives=positives, negatives=marked(dataset.negatives))


@dataclass(frozen=True)
class MarkedPeaks:
    """Hold the greatest confidences (Q15) of a model in clips that a person marked."""

    keywords: dict[str, Int]  # of the keyword that was said, in each of its clips
    negatives: Int  # [clips, keywords] in false alarms


@dataclass(frozen=True)
class FoldScores:
    """Hold what a model gives on the recordings and on the marked clips that a fold holds out."""

    scores: ScoresByCondition
    marked: MarkedPeaks


@dataclass(frozen=True)
class FoldComparison:
    """Describe the comparison of a fold's model, which was tested before, with the former one."""

    before: ModelFile
    after: ModelFile
    after_scores: ScoresByCondition
    test: Dataset
    marked: Dataset

    def run(self) -> tuple[FoldScores, FoldScores]:
        """Return what the models give on what the fold holds out."""
        before = FoldScores(score_test_set(self.before, self.test), self._peaks(self.before))
        return before, FoldScores(self.after_scores, self._peaks(self.after))

    def _peaks(self, model: ModelFile) -> MarkedPeaks:
        return marked_peaks(model, self.marked)


def marked_peaks(model: ModelFile, marked: Dataset) -> MarkedPeaks:
    """Return the peaks of a model in marked clips, each from a fresh start."""
    scorer, count = Scorer(model), len(model.config.keywords)

    def peaks(clips: Sequence[Clip]) -> Int:
        paths = [clip.path for clip in clips]
        found = [scorer.peaks([samples]) for _, samples in read_each(paths, warn=False)]
        return np.array(found, np.int64).reshape(-1, count)

    return MarkedPeaks(
        {
            keyword: peaks(marked.positives[keyword])[:, index]
            for index, keyword in enumerate(model.config.keywords)
        },
        peaks(marked.negatives),
    )


@dataclass(frozen=True)
class Comparison:
    """Hold what the models of all folds gave, and the settings that they are judged with."""

    folds: Sequence[FoldScores]
    config: ModelConfig

    @property
    def scores(self) -> dict[str, Scores]:
        """Return the scores by condition of all folds as one test set."""
        return merge_folds([fold.scores for fold in self.folds])

    def missed(self) -> dict[str, Share]:
        """Return the misses of all keywords together, by condition."""
        rates = {name: miss_rate(self.config, scores) for name, scores in self.scores.items()}
        return {name: Share(rate.missed, rate.utterances) for name, rate in rates.items()}

    def alarms(self) -> dict[str, tuple[int, float]]:
        """Return the false alarms of the whole model and the hours of speech, by condition."""
        thresholds = model_thresholds(self.config)
        refractory = self.config.smoothing.refractory_steps
        found = {}
        for name, scores in self.scores.items():
            trace = np.stack(
                [scores.negatives[keyword] for keyword in self.config.keywords], axis=1
            )
            found[name] = count_alarms(trace, thresholds, refractory), scores.hours
        return found

    def marked_missed(self) -> Share:
        """Return how many clips that hold a keyword are missed."""
        thresholds = dict(zip(self.config.keywords, model_thresholds(self.config), strict=True))
        missed = [
            fold.marked.keywords[keyword] < threshold
            for fold in self.folds
            for keyword, threshold in thresholds.items()
        ]
        return _share(missed)

    def marked_alarms(self) -> Share:
        """Return how many false alarms still set the model off."""
        thresholds = model_thresholds(self.config)
        fired = [(fold.marked.negatives >= thresholds).any(axis=1) for fold in self.folds]
        return _share(fired)


def compare(
    plan: Plan, config: ModelConfig, tested: Sequence[Tested]
) -> tuple[Comparison, Comparison] | None:
    """Return what the former model and the new one give on what the folds held out."""
    if not plan.former or not tested:
        return None
    jobs = []
    for fold, found in zip(plan.tested, tested, strict=True):
        held_out = plan.dataset.partitions(fold.held_out)
        marked = marked_in(held_out)
        former = plan.former.tested(fold)
        job = FoldComparison(former, found.model, found.scores, held_out.testable(), marked)
        jobs.append((fold.log, job))
    with workers(plan.cluster, min(len(jobs), os.cpu_count() or 1)) as pool:
        found_by_fold = run_jobs(pool, FoldComparison.run, jobs)
    before, after = zip(*found_by_fold, strict=True)
    return Comparison(before, plan.former.model.config), Comparison(after, config)


def comparison_table(before: Comparison, after: Comparison) -> Table:
    """Return both models side by side, each tested on the same recordings, at its thresholds."""
    both = before, after
    caption = "Each at its own thresholds, on the same recordings: those that the folds left out."
    table = Table(title="before and after", caption=caption, caption_justify="left")
    for heading in ("", "before", "after"):
        table.add_column(heading, justify="right" if heading else "left")
    figures = {
        "marked false alarms that set it off": [_count(of.marked_alarms()) for of in both],
        "marked keywords missed": [_count(of.marked_missed()) for of in both],
    }
    missed, alarms = [of.missed() for of in both], [of.alarms() for of in both]
    for name in missed[0]:
        figures[f"missed, {name}"] = [_count(of[name]) for of in missed]
    for name, (_, hours) in alarms[0].items():
        if hours:
            figures[f"false alarms in {hours:.2f} h, {name}"] = [str(of[name][0]) for of in alarms]
        else:
            figures[f"false alarms, {name}"] = [NOT_MEASURED] * len(both)
    for label, values in figures.items():
        table.add_row(label, *values)
    return table


def comparison_values(before: Comparison, after: Comparison) -> Mapping[str, object]:
    """Return the same for the model's card."""

    def values(of: Comparison) -> dict[str, object]:
        shares = {"marked_alarms": of.marked_alarms(), "marked_missed": of.marked_missed()}
        shares |= {f"missed, {name}": share for name, share in of.missed().items()}
        counts = {name: [share.count, share.recordings] for name, share in shares.items()}
        alarms = {name: [count, round(hours, 3)] for name, (count, hours) in of.alarms().items()}
        return {**counts, "false_alarms": alarms}

    return {"before": values(before), "after": values(after)}


def _count(share: Share) -> str:
    return f"{share.count} of {share.recordings}" if share.recordings else NOT_MEASURED


def _share(found: Sequence[npt.NDArray[np.bool_]]) -> Share:
    return Share(sum(int(each.sum()) for each in found), sum(map(len, found)))
