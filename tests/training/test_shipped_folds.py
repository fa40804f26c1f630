"""The shipped model's thresholds and card follow from the tested models in models/home.folds."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from command_line import ROOT

from kws.data.dataset_recipe import from_recipe
from kws.evaluation.operating_points import operating_point_for
from kws.model_file import ModelFile
from kws.training.calibration import ARG_MAX, evaluate_folds, merge_folds
from kws.training.cross_validation import CLEAN, Fold, score_test_set
from kws.training.plan import QUARTERS
from kws.training.recipe import Recipe
from kws.training.recipe_file import read_hyperparameters

pytestmark = pytest.mark.slow

DATA = ROOT.parent / "shared" / "data"

UNSHOWN = "0.1"  # false alarms per hour
TARGET = 0.5  # false alarms per hour of each keyword that the shipped thresholds were counted for


def test_thresholds_and_figures_are_those_of_the_folds() -> None:
    if not DATA.exists():
        pytest.skip("../shared/data is not here")
    shipped = ModelFile.load().config
    kept = ROOT / "models" / "home.folds"
    dataset = from_recipe(kept / "data.toml", DATA)
    recipe = read_hyperparameters(ROOT / "models" / "home.toml", Recipe())
    folds = [Fold(index, QUARTERS, kept) for index in range(QUARTERS)]
    scores = [score_test_set(fold.load(recipe), fold.test_set(dataset)) for fold in folds]
    merged, refractory = merge_folds(scores)[CLEAN], shipped.smoothing.refractory_steps
    points = [
        operating_point_for(
            merged.positives[k], merged.negatives[k], TARGET, merged.hours, refractory
        )
        for k in shipped.keywords
    ]
    assert tuple(max(ARG_MAX, point.threshold) for point in points) == shipped.thresholds
    figures = {name: found.to_dict() for name, found in evaluate_folds(shipped, scores).items()}
    assert figures == {name: _shown(found) for name, found in shipped.card["figures"].items()}


def _shown(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of the card without those at a rate that its hours do not show."""
    shown = copy.deepcopy(figures)
    assert float(UNSHOWN) * figures["hours"] < 1
    shown["mean_miss_rate_at"][UNSHOWN] = None
    for keyword in shown["keywords"].values():
        keyword["at"][UNSHOWN] = dict.fromkeys(keyword["at"][UNSHOWN])
    return shown
