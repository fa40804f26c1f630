"""The next model's thresholds and card follow from recordings that it was not trained on."""

from __future__ import annotations

import pytest
from command_line import ROOT

from kws.calibration_card import HELD_OUT, calibration_of
from kws.evaluation.scores import Scorer
from kws.evaluation.speech_peaks import by_kind, find_speech_peaks
from kws.model_file import ModelFile
from kws.sensitivity import operating_points
from kws.training.calibration import calibrate, evaluate_folds
from kws.training.cross_validation import score_test_set
from kws.training.recalibration import held_out_of
from kws.training.recipe import Recipe
from kws.training.recipe_file import read_hyperparameters

pytestmark = pytest.mark.slow

DATA = ROOT.parent / "shared" / "data"
RECIPE = ROOT / "models" / "home.toml"
NEXT = ROOT / "models" / "next" / "home.tflite"


def test_thresholds_and_figures_are_those_of_the_held_out_quarter() -> None:
    if not DATA.exists():
        pytest.skip("../shared/data is not here")
    shipped, recipe = ModelFile.load(NEXT), read_hyperparameters(RECIPE, Recipe())
    test = held_out_of(shipped, RECIPE, DATA, recipe.schedule.held_out)
    peaks = find_speech_peaks(Scorer(shipped), by_kind(test.negatives))
    scores = score_test_set(shipped, test)
    rate = recipe.posterior.false_alarms_per_hour
    config = calibrate(shipped.config, peaks, scores, rate, HELD_OUT)
    assert config.thresholds == shipped.config.thresholds
    assert operating_points(config) == operating_points(shipped.config)
    assert calibration_of(config) == calibration_of(shipped.config)
    figures = {name: found.to_dict() for name, found in evaluate_folds(config, [scores]).items()}
    assert figures == shipped.config.card["figures"]
