"""Test that a small model becomes the first stage of a larger one."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from short_recordings import record
from small_models import cascade, first_network, pair, synthetic_audio, temporal

from kws.backend import Spotter
from kws.errors import KwsError
from kws.evaluation.scores import Scorer
from kws.model_file import ModelFile


def before(model: ModelFile, first: ModelFile, bound: float = 0.3) -> ModelFile:
    from kws.training.quantise import embed
    from kws.training.recalibration import with_first_stage

    made = with_first_stage(model, first, bound)
    return ModelFile.parse(embed(made.content, made.config, made.networks), "test.tflite")


def test_a_first_stage_replaces_the_one_of_before() -> None:
    made = before(cascade(), first_network(pair()))
    committee = made.config.committee
    assert (committee.first_stage, committee.phases) == (True, (1, 2, 1))
    assert committee.bounds == (0.3,) * 3
    assert made.networks == cascade().networks
    assert made.content != cascade().content


def test_a_single_network_decides_as_alone_where_it_is_woken() -> None:
    """With a bound that the first stage always reaches, and both phases of the network."""
    alone = first_network(pair())
    made = before(alone, first_network(cascade()), bound=1e-4)
    assert made.config.committee.phases == (1, 2)
    samples = synthetic_audio(30, seed=5)
    found = Spotter(made, "numpy").push(samples)
    assert found
    assert found == Spotter(alone, "numpy").push(samples)


def test_a_model_that_is_no_first_stage_of_another_is_refused() -> None:
    with pytest.raises(KwsError, match="test: a committee, where a first stage is one network"):
        before(cascade(), pair())
    with pytest.raises(KwsError, match="test: has another front end or other keywords than"):
        before(cascade(), temporal())


def test_the_card_tells_where_a_first_stage_comes_from() -> None:
    home, small = ModelFile.load("home"), ModelFile.load("home-small")
    origin = home.config.card["first_stage"]
    assert (origin["model"], origin["sha256"]) == ("home-small", small.sha256)
    assert set(small.config.card["data"]) <= {*home.config.card["data"], *origin["data"]}


def test_a_fold_of_before_is_tested_as_it_is_where_the_model_has_a_first_stage(
    tmp_path: Path,
) -> None:
    """Its own committee decides, at the thresholds of the model."""
    from kws.training.fold import Fold
    from kws.training.former import Former
    from kws.training.quantise import embed

    network = first_network(cascade())
    made = before(pair(), network)
    fold = replace(Fold(0, 4, tmp_path), is_kept=True)
    fold.path.write_bytes(embed(pair().content, pair().config, pair().networks))
    tested = Former(made, tmp_path).tested(fold)
    assert tested.config.committee == pair().config.committee
    assert tested.config.thresholds == made.config.thresholds
    samples = synthetic_audio(2, seed=1)
    found, expected = (Scorer(model).score_stream([samples]) for model in (tested, pair()))
    assert np.array_equal(found, expected)


def test_copies_in_other_folders_are_no_further_hours(tmp_path: Path) -> None:
    """Folders of one name are kinds of their own."""
    from kws.training.recalibration import new_recordings

    folders = [tmp_path / place / "radio" for place in ("kitchen", "office")]
    files = [folder / f"{folder.parent.name}{n}.wav" for folder in folders for n in range(2)]
    record(*files)
    copy = tmp_path / "copies"
    shutil.copytree(folders[0], copy)
    found = new_recordings(ModelFile.load("home-small"), [*folders, folders[0], copy], None)
    assert [clip.path for clip in found.negatives] == files
    assert [clip.kind for clip in found.negatives] == [str(path.parent) for path in files]


def test_training_starts_from_the_networks_that_decide() -> None:
    from kws.training.former import Former
    from kws.training.recipe import fine_tuning

    home = ModelFile.load("home")
    assert home.config.committee.first_stage
    assert fine_tuning(home).architecture.channels == 80
    former = Former.load("home").recipe
    assert (former.architecture.channels, former.committee.networks) == (80, 4)
