"""`kws evaluate --report`: what a test set showed of a model, as JSON and as a page of HTML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kws.errors import KwsError
from kws.evaluation.det import DetCurves, det_curves
from kws.evaluation.evaluate import Evaluation
from kws.evaluation.report_page import page
from kws.evaluation.scores import Scorer, Scores
from kws.evaluation.test_set import EvaluationSet
from kws.evaluation.worst_cases import Example, Spoken, false_alarms, spoken
from kws.model_file import ModelFile


def prepare_report_folder(folder: Path) -> None:
    """Make a report's folder, before hours of listening; KwsError where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").touch()
    except OSError as error:
        raise KwsError(f"{folder}: the report cannot be written: {error.strerror}") from error


def write_report(
    folder: Path,
    model: ModelFile,
    condition: dict[str, Any],
    material: EvaluationSet,
    heard: Scores,
    result: Evaluation,
) -> list[Path]:
    """Write report.json and report.html; what was written."""
    scorer = Scorer(model)
    found = {keyword: spoken(scorer, material, keyword) for keyword in material.positives}
    alarms = false_alarms(scorer, material, heard)
    rates = det_curves(heard, model.config.smoothing.refractory_steps)
    values = {**condition, **result.to_dict(), "det": _det(rates), **_examples(found, alarms)}
    files = {
        "report.json": json.dumps(values, indent=1, ensure_ascii=False) + "\n",
        "report.html": page(condition, result, rates, found, alarms),
    }
    try:
        for name, text in files.items():
            (folder / name).write_text(text, "utf-8")
    except OSError as error:
        raise KwsError(f"{folder}: the report cannot be written: {error.strerror}") from error
    return [folder / name for name in files]


def _det(rates: DetCurves) -> dict[str, Any]:
    return {
        "false_alarms_per_hour": rates.false_alarms_per_hour.round(4).tolist(),
        "miss_rate": {keyword: row.round(4).tolist() for keyword, row in rates.miss_rates.items()},
        "mean_miss_rate": rates.mean.round(4).tolist(),
    }


def _examples(found: dict[str, Spoken], alarms: list[Example]) -> dict[str, Any]:
    return {
        "latency_seconds": {
            keyword: one.latency_summary() for keyword, one in found.items() if len(one.latencies)
        },
        "worst_misses": [_values(miss) for one in found.values() for miss in one.misses],
        "worst_false_alarms": [_values(alarm) for alarm in alarms],
    }


def _values(example: Example) -> dict[str, Any]:
    return {
        "keyword": example.keyword,
        "file": str(example.path),
        "seconds": round(example.seconds, 3),
        "confidence": round(example.confidence, 4),
    }
