"""Write the report of `kws evaluate --report`: report.json, report.html and det.svg.

Each of them stands alone.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from kws.atomic_write import encoded, replacing
from kws.errors import KwsError
from kws.evaluation.condition_report import ConditionReport
from kws.evaluation.det import DetCurves, det_curves
from kws.evaluation.evaluate import Evaluation
from kws.evaluation.figures import det_svg
from kws.evaluation.report_html import report_page
from kws.evaluation.scores import Scorer, Scores
from kws.evaluation.test_set import EvaluationSet
from kws.evaluation.worst_cases import KeywordCases, WorstCase, keyword_cases, worst_false_alarms
from kws.model_file import ModelFile


def prepare_report_folder(folder: Path) -> None:
    """Make a report's folder before a long evaluation; KwsError where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # leaves nothing if the evaluation fails
            pass
    except OSError as error:
        raise KwsError(f"{folder}: the report cannot be written: {error.strerror}") from error


def write_report(
    folder: Path,
    model: ModelFile,
    condition: dict[str, Any],
    test_set: EvaluationSet,
    scores: Scores,
    result: Evaluation,
    in_conditions: ConditionReport | None = None,
) -> list[Path]:
    """Write report.json, report.html and det.svg; return their paths.

    condition: what tested_as() returns. in_conditions: figures by condition and by kind of speech,
    if they were measured.
    """
    scorer = Scorer(model)
    cases = {keyword: keyword_cases(scorer, test_set, keyword) for keyword in test_set.positives}
    false_alarms = worst_false_alarms(scorer, test_set, scores)
    curves = det_curves(scores, model.config.smoothing.refractory_steps)
    values = {
        **condition,
        **result.to_dict(),
        **(in_conditions.values if in_conditions else {}),
        "det": _det_values(curves),
        **_case_values(cases, false_alarms),
    }
    files = {
        "report.json": encoded(json.dumps(values, indent=1, ensure_ascii=False) + "\n"),
        "report.html": encoded(
            report_page(condition, result, curves, cases, false_alarms, in_conditions)
        ),
        "det.svg": det_svg(curves),
    }
    try:
        with ExitStack() as reports:  # none replaces a former one before all are written
            for name, content in files.items():
                unfinished = reports.enter_context(replacing(folder / name))
                unfinished.write_bytes(content)
    except OSError as error:
        raise KwsError(f"{folder}: the report cannot be written: {error.strerror}") from error
    return [folder / name for name in files]


def _det_values(curves: DetCurves) -> dict[str, Any]:
    """Return DET curves for JSON."""
    return {
        "false_alarms_per_hour": curves.false_alarms_per_hour.round(4).tolist(),
        "miss_rate": {keyword: row.round(4).tolist() for keyword, row in curves.miss_rates.items()},
        "mean_miss_rate": curves.mean.round(4).tolist(),
    }


def _case_values(
    cases: Mapping[str, KeywordCases], false_alarms: Sequence[WorstCase]
) -> dict[str, Any]:
    """Return latencies and worst cases for JSON."""
    return {
        "latency_seconds": {
            keyword: of_keyword.latency_summary()
            for keyword, of_keyword in cases.items()
            if len(of_keyword.latencies)
        },
        "worst_misses": [_values(miss) for k in cases.values() for miss in k.misses],
        "least_confident": [_values(found) for k in cases.values() for found in k.faintest],
        "worst_false_alarms": [_values(alarm) for alarm in false_alarms],
    }


def _values(case: WorstCase) -> dict[str, Any]:
    """Return a worst case for JSON."""
    return {
        "keyword": case.keyword,
        "file": str(case.path),
        "seconds": round(case.start_seconds, 3),
        "confidence": round(case.confidence, 4),
    }
