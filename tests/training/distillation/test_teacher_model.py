"""Test which model files may teach a network, and what a recipe says of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from command_line import ROOT

from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.model_file import ModelFile
from kws.training.distillation.teacher_model import TeacherPlugin, with_teacher
from kws.training.features import ExampleLayout
from kws.training.plan import plan
from kws.training.recipe import WAKE_WORDS, Recipe, Teacher
from kws.training.recipe_file import read_hyperparameters
from kws.training.training_options import TrainingOptions
from kws.training.work_folder import check_work

HOME = ROOT / "models" / "home.tflite"


@pytest.fixture(scope="module")
def home() -> ModelFile:
    return ModelFile.load(HOME)


@pytest.fixture
def dataset(home: ModelFile) -> Dataset:
    return Dataset({keyword: [] for keyword in home.config.keywords})


@pytest.fixture
def recipe() -> Recipe:
    return replace(WAKE_WORDS, teacher=Teacher(str(HOME)))


def test_the_network_gets_the_teachers_front_end(
    dataset: Dataset, recipe: Recipe, home: ModelFile
) -> None:
    """So that both get the same features; the card says whose posteriors they are."""
    of_model, planned, plugin = with_teacher(dataset, recipe)
    assert planned == replace(recipe, front_end=home.config.front_end)
    assert len(planned.front_end.mean) == planned.front_end.coefficients
    assert of_model.card["data"] == [f"posteriors of home, sha256 {home.sha256}"]
    assert len(plugin.model.deciding_networks()) == 4


def test_examples_are_long_enough_for_the_teacher(home: ModelFile, recipe: Recipe) -> None:
    shape = replace(recipe.architecture, kernels=(5,))
    window = TeacherPlugin(home).window_frames
    assert window == recipe.architecture.window_frames
    layout = ExampleLayout.of(recipe.front_end, shape, window)
    assert layout == ExampleLayout.of(recipe.front_end, recipe.architecture)
    assert ExampleLayout.of(recipe.front_end, recipe.architecture, 3) == layout


def test_a_teacher_that_does_not_fit_is_one_line(
    dataset: Dataset, recipe: Recipe, tmp_path: Path
) -> None:
    text, cut = tmp_path / "text.tflite", tmp_path / "cut.tflite"
    text.write_text("no model")
    cut.write_bytes(HOME.read_bytes()[:5000])
    swapped = Dataset(dict(reversed(dataset.positives.items())))
    narrow = replace(recipe.front_end, coefficients=10)
    quick = replace(recipe.architecture, stride=4)
    for words, settings, problem in (
        (swapped, recipe, "the recipe's keywords in the same order"),
        (dataset, replace(recipe, front_end=narrow), "the front end of the network"),
        (dataset, replace(recipe, architecture=quick), "its stride is 2, .* 4; both"),
        (dataset, replace(recipe, teacher=Teacher(str(text))), r"text\.tflite: "),
        (dataset, replace(recipe, teacher=Teacher(str(cut))), r"cut\.tflite: "),
        (dataset, replace(recipe, teacher=Teacher(str(tmp_path / "no.tflite"))), r"no\.tflite: "),
    ):
        with pytest.raises(KwsError, match=problem) as found:
            with_teacher(words, settings)
        assert "\n" not in str(found.value)


def test_a_teacher_is_a_file_relative_to_the_recipe_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text('[teacher]\nmodel = "big.tflite"\nweight = 2\n')
    (tmp_path / "smaller.toml").write_text('extends = "small.toml"\n[teacher]\ntemperature = 3\n')
    for name, temperature in (("small.toml", 2.0), ("smaller.toml", 3)):
        found = read_hyperparameters(tmp_path / name, Recipe()).teacher
        assert found == Teacher(str(tmp_path / "big.tflite"), 2, temperature)
    for line, problem in (
        ("model = 3", "model must be a string"),
        ("weight = -1", "weight must be from 0 to 1000"),
        ("temperature = 0", "temperature must be from 0.1 to 100"),
        ("modell = 1", "modell"),
    ):
        (tmp_path / "wrong.toml").write_text(f"[teacher]\n{line}\n")
        with pytest.raises(KwsError, match=rf"wrong\.toml:2: .*{problem}"):
            read_hyperparameters(tmp_path / "wrong.toml", Recipe())


def test_a_recipe_with_a_teacher_is_planned_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its work folder is not resumed with another one, and a speech embedding is refused."""
    words = "".join(f'"{word}" = ["{word}"]\n' for word in ModelFile.load(HOME).config.keywords)
    path = tmp_path / "words.toml"
    teacher = tmp_path / "teacher.tflite"
    teacher.write_bytes(HOME.read_bytes())
    path.write_text(f'[keywords]\n{words}[teacher]\nmodel = "teacher.tflite"\n')
    for word in ModelFile.load(HOME).config.keywords:
        (tmp_path / word).mkdir()
        (tmp_path / word / "a-1.flac").write_bytes(
            (ROOT / "audio_samples" / "alexa_rain.flac").read_bytes()
        )
    planned = plan(tmp_path, tmp_path / "work", path)
    assert planned.plugin == TeacherPlugin(replace(ModelFile.load(HOME), name="teacher"))
    assert planned.recipe.distillation.passages_per_batch == 0
    check_work(tmp_path / "work", planned)
    check_work(tmp_path / "work", plan(tmp_path, tmp_path / "work", path))
    other = replace(planned.recipe, teacher=replace(planned.recipe.teacher, weight=1.0))
    with pytest.raises(KwsError, match="made from other recordings or settings"):
        check_work(tmp_path / "work", replace(planned, recipe=other))
    monkeypatch.setattr("kws.training.distillation.embedding.files", lambda folder: None)
    with pytest.raises(KwsError, match="the recipe's teacher is"):
        plan(tmp_path, tmp_path / "work", path, TrainingOptions(embedding=tmp_path))
