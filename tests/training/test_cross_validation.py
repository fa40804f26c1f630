"""Test which trainings a model's networks are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kws.data.dataset import for_phrase
from kws.model_file import ModelFile
from kws.training.cross_validation import Job
from kws.training.fold import Fold
from kws.training.recipe import CommitteeRecipe, fine_tuning


@pytest.mark.parametrize("count", [1, 3, 5])
def test_networks_start_from_those_of_the_initial_model_in_turn(tmp_path: Path, count: int) -> None:
    home = ModelFile.load("home")
    recipe = replace(fine_tuning(home), seed=7, committee=CommitteeRecipe(networks=count))
    job = Job(for_phrase("hey lumen", None), recipe, Fold(4, 4, tmp_path), tmp_path, 1, 1)
    initial = [each.recipe.initial for each in job.networks()]
    networks = home.deciding_networks()
    expected = [*networks, *networks][:count]
    assert [start.content for start in initial if start] == [each.content for each in expected]
    assert all(start and not start.networks for start in initial)
    assert [each.recipe.seed for each in job.networks()] == list(range(7, 7 + count))


def test_networks_start_from_random_weights_where_there_is_no_initial_model(tmp_path: Path) -> None:
    recipe = replace(
        fine_tuning(ModelFile.load("home")), initial=None, committee=CommitteeRecipe(networks=2)
    )
    job = Job(for_phrase("hey lumen", None), recipe, Fold(4, 4, tmp_path), tmp_path, 1, 1)
    assert [each.recipe.initial for each in job.networks()] == [None, None]
