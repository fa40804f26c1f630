"""`kws train --report`: a report as of `kws evaluate` of each tested model, on its test set."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from kws.config import ModelConfig
from kws.evaluation.evaluate import evaluate
from kws.evaluation.report import prepare_report_folder, write_report
from kws.evaluation.test_set import EvaluationSet
from kws.training.cross_validation import CLEAN, Conditions
from kws.training.plan import Plan


def write_reports(plan: Plan, config: ModelConfig, heard: list[Conditions], folder: Path) -> None:
    """Write folder/fold-1/report.html and so on; config: the kept model's, with its thresholds."""
    for fold, conditions in zip(plan.tested, heard, strict=True):
        test, traces = fold.test_set(plan.dataset), conditions[CLEAN]
        utterances = {
            k: [clip.path for clip in clips] for k, clips in test.positives.items() if clips
        }
        if not utterances or not test.negatives:
            print(
                f"kws: no report of {fold}: it was left too little to be tested on", file=sys.stderr
            )
            continue
        model = fold.load(plan.recipe)
        model = replace(model, config=replace(model.config, thresholds=config.thresholds))
        material = EvaluationSet(utterances, [clip.path for clip in test.negatives], None, 0.0)
        condition = {"model": str(fold), "snr": None, "gate": model.config.gate.on}
        place = folder / f"fold-{fold.index + 1}"
        prepare_report_folder(place)
        for path in write_report(
            place, model, condition, material, traces, evaluate(traces, model.config)
        ):
            print(f"kws: wrote {path}", file=sys.stderr)
