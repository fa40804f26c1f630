"""The shipped model's thresholds and card follow from the models that were tested, beside it."""

from __future__ import annotations

import pytest
from command_line import ROOT

from kws.data.recipe import from_recipe
from kws.model_file import ModelFile
from kws.training.calibration import calibrated
from kws.training.cross_validation import CLEAN, hear, judged, together
from kws.training.fold import Fold
from kws.training.plan import QUARTERS
from kws.training.recipe import WAKE_WORDS

DATA = ROOT.parent / "shared" / "data"


def test_thresholds_and_figures_are_those_of_the_folds() -> None:
    if not DATA.exists():
        pytest.skip("../shared/data is not here")
    shipped = ModelFile.load().config
    dataset = from_recipe(ROOT / "models" / "home.toml", DATA)
    folds = [Fold(index, QUARTERS, ROOT / "models" / "home.folds") for index in range(QUARTERS)]
    heard = [hear(fold.load(WAKE_WORDS), fold.test_set(dataset)) for fold in folds]
    config = calibrated(shipped, together(heard)[CLEAN], WAKE_WORDS.posterior.false_alarms_per_hour)
    assert config.thresholds == shipped.thresholds
    figures = {name: found.to_dict() for name, found in judged(config, heard).items()}
    assert figures == shipped.card["figures"]
