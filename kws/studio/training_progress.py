"""Read from its work folder how far a training is: stages, losses, and the time that is left."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path
from typing import Any

from kws.errors import KwsError
from kws.training.checkpoint import read_losses
from kws.training.workers import DONE, Status

EXAMPLES, FINAL = "examples", "final model"
EXAMPLES_SHARE = 0.15  # of the time of a training, roughly
LEAST_SHARE = 0.03  # below it the time that is left cannot be said
FOLD = re.compile(r"fold-(\d+)(?:-network-(\d+))?")


def training_progress(work: Path, job: dict[str, Any], running: bool) -> dict[str, Any]:
    """Return stages with what they do and their shares, losses by training, and s that are left.

    job: has started (s since 1970), began_at, the share that was done by then, and the number of
    folds, None where the training itself finds it.
    """
    folds = _tested(work) if job.get("folds") is None else job["folds"]
    stages = _stages(work, folds)
    share = _share(stages, folds)
    new, left = share - job.get("began_at", 0.0), None
    if running and new > LEAST_SHARE:
        left = (time.time() - job.get("started", time.time())) * (1 - share) / new
    losses = {_name(path, folds): read_losses(path) for path in sorted(work.glob("*.checkpoint"))}
    return {
        "stages": stages,
        "share": round(share, 3),
        "seconds_left": left and round(left),
        "losses": {name: _plain(rows) for name, rows in losses.items() if rows},
    }


def _tested(work: Path) -> int | None:
    """Return how many models are tested besides the one that is kept; None before it is known."""
    from kws.training.former import SPLIT, read_split  # a training that goes on states it there

    if not (work / SPLIT).is_file():
        return None
    try:
        split = read_split(work / SPLIT)
    except KwsError:
        return None
    return sum(index != split.kept for index in split.tested)


def _stages(work: Path, folds: int | None) -> list[dict[str, Any]]:
    """Return the stages that have begun, in the order in which they begin."""
    stages = []
    for path in sorted(
        work.glob("*.progress"), key=lambda path: (path.stem != EXAMPLES, path.stem)
    ):
        doing, share = Status(path.stem, path).read()
        finished = doing == DONE
        stages.append(
            {"name": _name(path, folds), "doing": doing, "share": 1.0 if finished else share}
        )
    return stages


def _share(stages: list[dict[str, Any]], folds: int | None) -> float:
    """Return the share of the whole that is done."""
    examples = [stage["share"] for stage in stages if stage["name"] == EXAMPLES]
    names = (FINAL, "fold ")  # no test of what a training made
    trainings = [stage["share"] for stage in stages if stage["name"].startswith(names)]
    expected = 1 if folds is None else folds + 1
    trained = sum(trainings) / max(expected, len(trainings))
    share: float = EXAMPLES_SHARE * sum(examples) + (1 - EXAMPLES_SHARE) * min(1.0, trained)
    return share


def _name(path: Path, folds: int | None) -> str:
    """Return the name of a stage's or training's file for people."""
    match = FOLD.fullmatch(path.stem)
    if not match:
        return path.stem
    fold, network = match.groups()
    is_final = folds is not None and int(fold) >= folds
    name = FINAL if is_final else f"fold {int(fold) + 1}"
    return name if network is None else f"{name}, network {int(network) + 1}"


def _plain(rows: list[tuple[float, float, float]]) -> list[list[float | None]]:
    """Return rows of losses for JSON, which has no NaN."""
    return [[None if math.isnan(value) else round(value, 5) for value in row] for row in rows]
