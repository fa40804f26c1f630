"""`kws evaluate --report`: what a test set showed of a model, as JSON and as a page of HTML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kws.errors import KwsError
from kws.evaluation.det import Curves, curves
from kws.evaluation.evaluate import Evaluation
from kws.evaluation.report_page import page
from kws.evaluation.scores import Detector, Traces
from kws.evaluation.test_set import Material
from kws.evaluation.worst_cases import Example, Spoken, false_alarms, spoken
from kws.model_file import ModelFile


def write_report(
    folder: Path,
    model: ModelFile,
    condition: dict[str, Any],
    material: Material,
    heard: Traces,
    result: Evaluation,
) -> list[Path]:
    """Write report.json and report.html; what was written."""
    detector = Detector(model)
    found = {keyword: spoken(detector, material, keyword) for keyword in material.utterances}
    alarms = false_alarms(detector, material, heard)
    rates = curves(heard, model.config.smoothing.refractory_steps)
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


def _det(rates: Curves) -> dict[str, Any]:
    return {
        "false_alarms_per_hour": rates.alarms_per_hour.round(4).tolist(),
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
