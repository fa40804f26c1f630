"""The hyperparameters of a recipe file: what is read, and what each mistake says."""

from __future__ import annotations

import re
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
from command_line import ROOT

from kws.config import FrontEnd
from kws.data.dataset_recipe import HYPERPARAMETERS
from kws.errors import KwsError
from kws.model_file import DEFAULT_BASE, ModelFile
from kws.training.architecture import Architecture
from kws.training.former import Former
from kws.training.recipe import (
    BASE_MODEL,
    COMMAND_WORDS,
    WAKE_WORDS,
    Augmentation,
    CommitteeRecipe,
    Distillation,
    ExampleCounts,
    Loss,
    Mining,
    PosteriorHandling,
    Recipe,
    Schedule,
    Teacher,
    fine_tuning,
    mostly_synthetic,
)
from kws.training.recipe_file import MEASURED, SECTIONS, has_data, read_hyperparameters

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DATA = '[keywords]\ncomputer = ["computer"]\n'
# What made the shipped home.
HOME = Recipe(
    initial=None,
    seed=1,
    front_end=FrontEnd(
        window=480,
        hop=416,
        fft=512,
        mel_filters=40,
        low_hz=60,
        high_hz=7600,
        coefficients=20,
        log_offset=1e-3,
    ),
    architecture=Architecture(
        channels=80,
        first_kernel=3,
        stride=2,
        kernels=(5, 9, 13, 17),
        last_kernel=7,
        frequency_kernel=0,
        frequency_stride=2,
    ),
    schedule=Schedule(
        epochs=32,
        steps_per_epoch=500,
        patience=0,
        batch_size=128,
        keyword_share=0.4,
        learning_rate=3e-3,
        final_learning_rate_fraction=0.25,
        warm_up_steps=200,
        weight_decay=1e-4,
        ema_steps=(500, 5000),
        held_out=1,
    ),
    loss=Loss(max_pooling_steps=6, worst_step_weight=0.5),
    augmentation=Augmentation(
        time_masks=2,
        time_mask_frames=8,
        frequency_masks=2,
        frequency_mask_bins=6,
        tempo_perturbation=(-0.56, 0.14),
        background_mixing=0.3,
        background_mixing_snr=(5.0, 25.0),
        spectral_tilt=0.6,
        vtlp=0.13,
    ),
    examples=ExampleCounts(per_keyword=15_000, background=150_000, single_words=False),
    mining=Mining(passages_per_epoch=500, searched_hours=6.0),
    distillation=Distillation(
        passages_per_batch=64,
        embedding_weight=1.0,
        hidden_weight=4.0,
        logits_weight=2.0,
        spliced_speech_hours=12.0,
    ),
    posterior=PosteriorHandling(phases=1, refractory_seconds=2.0, false_alarms_per_hour=0.5),
    committee=CommitteeRecipe(networks=4, bound=0.2),
)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return tmp_path / "words.toml"


def read(path: Path, text: str, default: Recipe = WAKE_WORDS) -> Recipe:
    path.write_text(text)
    return read_hyperparameters(path, default)


def test_the_file_of_home_states_all_that_made_home() -> None:
    """Whatever the defaults are, and with whole numbers where the model's settings have them."""
    for default in (Recipe(), BASE_MODEL, WAKE_WORDS):
        made = read_hyperparameters(ROOT / "models" / "home.toml", default)
        assert made == HOME
        assert repr(made) == repr(HOME)
    usual = replace(HOME.posterior, false_alarms_per_hour=0.2)
    assert repr(WAKE_WORDS) == repr(replace(HOME, posterior=usual))


def test_the_file_of_the_base_model_states_all_that_made_it() -> None:
    assert repr(read_hyperparameters(ROOT / "models" / "base.toml", WAKE_WORDS)) == repr(BASE_MODEL)
    usual = Recipe()
    assert (
        replace(
            usual,
            schedule=replace(usual.schedule, epochs=20, keyword_share=0.5),
            examples=ExampleCounts(per_keyword=1500, background=45_000),
        )
        == BASE_MODEL
    )


def test_the_shipped_recipes_state_every_key() -> None:
    """Those without a teacher need no section of one; what extends another states the rest."""
    for name in ("home", "base", "esphome", "home-small"):
        text = (ROOT / "models" / f"{name}.toml").read_text()
        made = read_hyperparameters(ROOT / "models" / f"{name}.toml", WAKE_WORDS)
        extends = "\nextends = " in text
        for section, kind in SECTIONS.items():
            stated_here = made.teacher.model if section == "teacher" else not extends
            if not stated_here:
                continue
            (body,) = re.findall(rf"^\[{section}\]\n(.*?)(?=^$|\Z)", text, re.M | re.S)
            stated = re.findall(r"^(\w+) = ", body, re.M)
            assert stated == [f.name for f in fields(kind) if f.name not in MEASURED], section
        assert extends or "\nseed = 1\n" in text


def test_the_file_of_home_small_is_that_of_the_shipped_model() -> None:
    made = read_hyperparameters(ROOT / "models" / "home-small.toml", WAKE_WORDS)
    model = ModelFile.load("home-small")
    assert Path(made.teacher.model) == ROOT / "models" / "home.tflite"
    assert made.architecture == Architecture.of(model)
    assert made.posterior.pre_roll_ms == model.config.gate.pre_roll_ms == 300
    assert made.committee.networks == 1 + len(model.networks)
    for section in ("front_end", "loss", "augmentation", "distillation"):  # as of home
        assert getattr(made, section) == getattr(HOME, section), section


def test_training_from_a_model_keeps_its_pre_roll() -> None:
    """Its memory on a board would grow otherwise."""
    small = ModelFile.load("home-small")
    for made in (fine_tuning(small), mostly_synthetic(small), Former(small, None).recipe):
        assert made.inference_config(small.config).gate == small.config.gate


def test_no_teacher_is_the_empty_text(recipe: Path, tmp_path: Path) -> None:
    made = read(recipe, '[teacher]\nmodel = "a.tflite"\n')
    assert made.teacher.model == str(tmp_path / "a.tflite")
    without = tmp_path / "without.toml"
    made = read(without, f'extends = "{recipe.name}"\n[teacher]\nmodel = ""\nweight = 2.0\n')
    assert made.teacher == Teacher(weight=2.0)


def test_the_documentation_lists_every_key_with_its_defaults() -> None:
    """An empty cell has the value of the first column; a model brings its own shape."""
    page = (ROOT / "docs" / "train.md").read_text()
    defaults = (WAKE_WORDS, fine_tuning(ModelFile.load(DEFAULT_BASE)), BASE_MODEL, COMMAND_WORDS)
    for section, kind in SECTIONS.items():
        (rows,) = re.findall(rf"\*\*`\[{section}\]`\*\*.*\n((?:\| `.*\n)+)", page)
        cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows.splitlines()]
        names = [f.name for f in fields(kind) if f.name not in MEASURED]
        assert [row[0] for row in cells] == [f"`{name}`" for name in names]
        for name, row in zip(names, cells, strict=True):
            for column, (default, cell) in enumerate(zip(defaults, row[1:5], strict=True)):
                if section in ("front_end", "architecture") and column == 1:
                    assert cell == ""
                    continue
                value = tomllib.loads(f"value = {cell or row[1]}")["value"]
                expected = getattr(getattr(default, section), name)
                assert value == (list(expected) if isinstance(expected, tuple) else expected), name


def test_the_data_part_knows_the_sections() -> None:
    assert set(HYPERPARAMETERS) == {*SECTIONS, "seed"}
    assert set(HYPERPARAMETERS) == {f.name for f in fields(Recipe)} - {"initial"}


def test_a_key_replaces_its_default_and_no_other(recipe: Path) -> None:
    made = read(recipe, f"seed = 7\n{DATA}[schedule]\nlearning_rate = 1e-4\n")
    schedule = replace(WAKE_WORDS.schedule, learning_rate=1e-4)
    assert made == replace(WAKE_WORDS, seed=7, schedule=schedule)
    made = read(
        recipe,
        "[architecture]\nkernels = [3, 5]\nstride = 4\n[posterior]\nphases = 4\n"
        "[front_end]\nhop = 320\nlow_hz = 20.5\n[examples]\nsingle_words = true\n"
        "[augmentation]\ntempo_perturbation = [-1, 0.5]\n",
    )
    assert made.architecture == replace(WAKE_WORDS.architecture, kernels=(3, 5), stride=4)
    assert made.posterior.phases == 4
    assert made.front_end == replace(WAKE_WORDS.front_end, hop=320, low_hz=20.5)
    assert made.examples.single_words
    assert made.augmentation.tempo_perturbation == (-1, 0.5)


def test_a_file_without_hyperparameters_has_the_defaults(
    recipe: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as one of before there were any, whose key for a base model had another name."""
    assert read(recipe, DATA) == WAKE_WORDS
    assert caplog.messages == []
    assert read(recipe, f"trunk = true\n{DATA}", BASE_MODEL) == BASE_MODEL
    assert caplog.messages == [f"{recipe}:1: the key trunk is now called base_model"]


def test_hyperparameters_are_those_of_the_recipe_that_is_extended(
    recipe: Path, tmp_path: Path
) -> None:
    """Those of a wake word model do not make a base model."""
    (tmp_path / "other.toml").write_text(f"{DATA}[schedule]\nepochs = 3\nbatch_size = 64\n")
    made = read(recipe, f'extends = "other.toml"\n{DATA}[schedule]\nepochs = 5\n')
    assert (made.schedule.epochs, made.schedule.batch_size) == (5, 64)
    for key in ("base_model", "trunk"):
        text = f'extends = "other.toml"\n{key} = true\n{DATA}'
        assert read(recipe, text, BASE_MODEL) == BASE_MODEL


def test_a_file_of_hyperparameters_alone_names_no_data(recipe: Path) -> None:
    for text, expected in (
        ("[schedule]\nepochs = 3\n", False),
        ("seed = 2\n", False),
        ("[synthesis]\nvoices = ['flite']\n", False),
        (DATA, True),
        ("", True),
        (f"{DATA}[schedule]\nepochs = 3\n", True),
    ):
        recipe.write_text(text)
        assert has_data(recipe) == expected
        other = recipe.with_name("other.toml")
        other.write_text('extends = "words.toml"\n[loss]\nmax_pooling_steps = 5\n')
        assert has_data(other) == (expected and bool(text))


def test_a_mistyped_section_is_named_before_the_kind_of_the_file(recipe: Path) -> None:
    recipe.write_text("[shedule]\nepochs = 3\n")
    with pytest.raises(KwsError, match="1: unknown key 'shedule', did you mean 'schedule'"):
        has_data(recipe)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[schedule]\nepoch = 3\n", "2: unknown key 'epoch', did you mean 'epochs'?"),
        ("[schedule]\nlerning_rate = 1\n", "2: unknown key 'lerning_rate', did you mean"),
        ("\n[schedule]\nepochs = 3.5\n", "3: epochs must be a whole number, not 3.5"),
        ('[schedule]\nepochs = "3"\n', "2: epochs must be a whole number, not a string"),
        ("[schedule]\nepochs = true\n", "2: epochs must be a whole number, not a boolean"),
        ("[schedule]\nlearning_rate = true\n", "2: learning_rate must be a number, not a boolean"),
        ("[schedule]\nlearning_rate = 2\n", "2: learning_rate must be from 1e-09 to 1, not 2"),
        ("[schedule]\nlearning_rate = nan\n", "2: learning_rate must be from 1e-09 to 1, not nan"),
        ("[schedule]\nepochs = 0\n", "2: epochs must be from 1 to 1000, not 0"),
        ("[schedule]\nema_steps = 5\n", "2: ema_steps must be a list of numbers, not a number"),
        ("[schedule]\nema_steps = []\n", "2: ema_steps must be a list of numbers, not empty"),
        ("[schedule]\nema_steps = [9, 5]\n", "2: ema_steps must be two numbers, the least and the"),
        ("[schedule]\nema_steps = [1, 2, 3]\n", "2: ema_steps must be two numbers"),
        ("[schedule]\nema_steps = [1, 2.5]\n", "2: ema_steps must be a whole number, not 2.5"),
        ("[architecture]\nkernels = [3, 999]\n", "2: kernels must be from 1 to 64, not 999"),
        ("[examples]\nsingle_words = 1\n", "2: single_words must be true or false, not a number"),
        ("[teacher]\nmodel = 3\n", "2: model must be a string, not a number"),
        ("schedule = 3\n", "1: schedule must be a table, [schedule]"),
        ("seed = -1\n", "1: seed must be from 0 to 2.14748e+09, not -1"),
        ('seed = "x"\n', "1: seed must be a whole number, not a string"),
        ("[front_end]\nmean = [1.0]\n", "2: unknown key 'mean'"),
        ("[front_end]\nhop = 9999\n", "1: hop 9999 is not 16 to window"),
        ("[front_end]\nhop = 321\n", "2: hop must be even and at least 32, not 321"),
        ("[front_end]\nhop = 320.0\n", "2: hop must be a whole number, not 320.0"),
        ("[architecture]\nfrequency_kernel = 21\n", "2: frequency_kernel must not exceed the 20"),
        (
            "[posterior]\nphases = 2\n[architecture]\nstride = 3\n",
            "2: phases, 2, must divide the stride, 3",
        ),
        ("[posterior]\nphases = 16\n", "2: phases, 16, must divide the stride, 2"),
        (
            "[loss]\nmax_pooling_steps = 16\n[architecture]\nstride = 8\n[posterior]\nphases = 8\n",
            "2: smooth_steps 128 is not 1 to 64",
        ),
    ],
)
def test_each_mistake_is_one_line_that_says_where(recipe: Path, text: str, problem: str) -> None:
    with pytest.raises(KwsError) as error:
        read(recipe, text)
    message = str(error.value)
    assert message.startswith(f"{recipe}:")
    assert problem in message
    assert "\n" not in message
