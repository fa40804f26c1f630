"""What kws train plans for a folder and its options, before anything is trained."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT, kws
from conftest import skip_without
from kokoro_stand_in import kokoro
from short_recordings import record

from kws.config import MAX_KEYWORDS, FrontEnd, ModelConfig, Smoothing
from kws.data.clips import PARTITIONS
from kws.errors import KwsError
from kws.model_file import ModelFile
from kws.training.fold import Fold
from kws.training.plan import Plan, plan, without_distillation
from kws.training.recipe import (
    BASE_MODEL,
    COMMAND_WORDS,
    WAKE_WORDS,
    CommitteeRecipe,
    Loss,
    PosteriorHandling,
    Recipe,
    fine_tuning,
)
from kws.training.training_options import TrainingOptions

pytestmark = pytest.mark.slow

WORK = Path("work")


def planned(folder: Path | None, recipe_file: Path | None = None, **options: Any) -> Plan:
    """What is planned for a folder, a recipe and options of the command line."""
    return plan(folder, WORK, recipe_file, TrainingOptions(**options))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A user's folder: two words by six speakers each, and speech."""
    folder = tmp_path / "own"
    for word in ("computer", "smart_mirror", "_negative_"):
        record(*(folder / word / f"p{n}-20260131T154500-001.wav" for n in range(6)))
    return folder


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "words.toml"
    path.write_text('negatives = ["_negative_"]\n[keywords]\ncomputer = ["computer"]\n')
    return path


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """Speech Commands in its layout; by their hash these speakers are in all three sets."""
    folder = tmp_path / "commands"
    for word in ("go", "stop", "yes"):
        record(*(folder / word / f"{n:08x}_nohash_0.wav" for n in range(40)))
    record(folder / "_background_noise_" / "hum.wav")
    return folder


def test_a_users_folder_starts_from_the_shipped_base_model(own: Path) -> None:
    made = planned(own)
    assert list(made.dataset.positives) == ["computer", "smart mirror"]
    assert made.recipe.initial is not None
    assert made.recipe.initial.name == "home"
    assert made.recipe.front_end == made.recipe.initial.config.front_end
    assert made.recipe.schedule.patience > 0
    assert made.tested == [made.kept]
    assert not made.own_split
    assert len(made.kept.held_out) == 2
    assert [str(each) for each in made.kept.networks(2)] == [
        "final model, network 1",
        "final model, network 2",
    ]


def test_a_word_is_trained_by_its_recordings_where_there_are_many(tmp_path: Path) -> None:
    """All keywords need them: with fewer it is trained as one that nobody recorded."""
    takes = [tmp_path / "computer" / f"{number:08x}_nohash_0.wav" for number in range(25)]
    record(*takes[:-1])
    few = planned(tmp_path).recipe
    usual = planned(None, phrase="computer").recipe
    assert (few.committee, few.augmentation) == (usual.committee, usual.augmentation)
    record(takes[-1])
    many = planned(tmp_path).recipe
    assert many == fine_tuning(ModelFile.load("home"))
    record(tmp_path / "jarvis" / "00000000_nohash_0.wav")
    assert planned(tmp_path).recipe == few


def test_a_phrase_alone_is_synthesised_and_starts_from_the_base_model(own: Path) -> None:
    made = planned(None, phrase="hey lumen", alarms_per_hour=3)
    assert made.dataset.positives == {"hey lumen": []}
    assert made.recipe.initial is not None
    assert made.recipe.posterior.false_alarms_per_hour == 3
    assert len(planned(own, phrase="computer").dataset.positives["computer"]) > 0


def test_a_recipe_is_trained_from_scratch(own: Path, recipe_file: Path) -> None:
    made = planned(own, recipe_file)
    assert list(made.dataset.positives) == ["computer"]
    assert made.recipe == without_distillation(WAKE_WORDS)  # there is no speech embedding
    assert made.tested == [Fold(index, 4, WORK) for index in range(4)]
    assert made.kept == Fold(4, 4, WORK)
    started = planned(own, recipe_file, initial=str(ROOT / "models" / "home.tflite"))
    assert started.recipe.initial is not None
    assert started.tested == [started.kept]


def test_without_recordings_the_committee_has_three_networks_that_heard_slow_speech() -> None:
    made = planned(None, phrase="hey lumen")
    assert made.recipe.committee == CommitteeRecipe(networks=3, bound=0.05)
    slowest, _ = made.recipe.augmentation.tempo_perturbation
    assert slowest == -0.7  # synthesisers speak faster than people who call a device
    assert made.tested == [made.kept] == [Fold(0, 4, WORK)]
    with_folds = planned(None, phrase="hey lumen", folds=2)
    assert with_folds.tested == [Fold(0, 2, WORK), Fold(1, 2, WORK)]


def test_other_speech_makes_no_less_of_a_word_that_nobody_recorded(own: Path) -> None:
    made, without = planned(own, phrase="hey lumen"), planned(None, phrase="hey lumen")
    assert (made.recipe, made.tested, made.kept) == (without.recipe, without.tested, without.kept)
    assert len(made.kept.test_set(made.dataset).negatives) < len(made.dataset.negatives)


def test_a_quarter_of_the_recordings_is_held_out_at_most(tmp_path: Path) -> None:
    """Of four speakers none is left out: two of them would be."""
    counts = []
    for name in "abcdef":
        takes = [f"{name}-20260131T154500-{take:03}.wav" for take in range(3)]
        record(*(tmp_path / "computer" / take for take in takes))
        made = planned(tmp_path)
        left_out = made.kept.test_set(made.dataset).positives["computer"]
        counts.append(len(left_out))
    assert counts == [0, 0, 2, 0, 3, 0]  # the first three one by one


def test_a_base_model_is_trained_on_everything_and_not_tested(own: Path, recipe_file: Path) -> None:
    recipe_file.write_text(f"base_model = true\n{recipe_file.read_text()}")
    made = planned(own, recipe_file)
    assert made.recipe == BASE_MODEL
    assert made.tested == []
    assert not made.own_split
    assert made.kept.held_out == []
    assert len(planned(own, recipe_file, folds=2).tested) == 2
    made = planned(own, recipe_file, held_out=1)  # for tests of the models that start from it
    assert (made.tested, made.kept) == ([], Fold(0, 4, WORK))


def test_the_kept_model_is_tested_where_it_holds_out_a_quarter(own: Path, tmp_path: Path) -> None:
    made = planned(own, held_out=2)
    assert made.tested == [made.kept] == [Fold(1, 4, WORK)]
    assert made.keeps_tested
    assert not made.own_split
    assert made.kept.held_out == [2, 3]
    recipe = tmp_path / "held_out.toml"
    recipe.write_text("[schedule]\nheld_out = 3\n")
    assert planned(own, recipe).kept == Fold(2, 4, WORK)
    assert planned(own, recipe, folds=1).kept == Fold(4, 4, WORK)  # the option overrides it
    with pytest.raises(KwsError, match="--folds and --held-out exclude each other"):
        planned(own, folds=2, held_out=1)


def test_speech_commands_keep_their_own_split(commands: Path) -> None:
    made = planned(commands, keywords=["go", "yes"])
    assert list(made.dataset.positives) == ["go", "yes"]
    assert {clip.path.parent.name for clip in made.dataset.negatives} == {"stop"}
    assert made.recipe == COMMAND_WORDS
    assert made.tested == [made.kept] == [Fold(0, PARTITIONS, WORK)]
    assert made.own_split
    validation = made.kept.test_set(made.dataset)
    assert validation.positives["go"]
    assert all(clip.partition == 0 for clip in validation.positives["go"])
    with pytest.raises(KwsError, match="a split of their own, without --held-out"):
        planned(commands, held_out=1)
    assert planned(commands, keywords=["go"], initial="home").recipe.initial is not None


def test_a_recipe_changes_hyperparameters_without_code(own: Path, recipe_file: Path) -> None:
    usual = planned(own, recipe_file).recipe
    recipe_file.write_text(f"{recipe_file.read_text()}[schedule]\nlearning_rate = 1e-4\n")
    changed = planned(own, recipe_file).recipe
    assert changed == replace(usual, schedule=replace(usual.schedule, learning_rate=1e-4))


def test_a_recipe_may_change_nothing_but_a_hyperparameter_of_another(
    own: Path, recipe_file: Path
) -> None:
    """Which of the two names the data does not matter."""
    usual = planned(own, recipe_file)
    other = recipe_file.with_name("other.toml")
    other.write_text('extends = "words.toml"\n[schedule]\nlearning_rate = 1e-4\n')
    made = planned(own, other)
    schedule = replace(usual.recipe.schedule, learning_rate=1e-4)
    assert made.dataset == usual.dataset
    assert made.recipe == replace(usual.recipe, schedule=schedule)
    other.write_text("[schedule]\nlearning_rate = 1e-4\n")
    recipe_file.write_text(f'extends = "other.toml"\n{recipe_file.read_text()}')
    assert planned(own, recipe_file) == made


def test_a_recipe_of_hyperparameters_alone_suits_any_folder(
    own: Path, commands: Path, recipe_file: Path
) -> None:
    """It changes the defaults of that kind of folder."""
    recipe_file.write_text(
        "[schedule]\nlearning_rate = 1e-4\nepochs = 5\n[posterior]\nfalse_alarms_per_hour = 2\n"
    )
    for folder, words, initial in ((own, (), None), (own, (), "none"), (commands, ["go"], None)):
        usual = planned(folder, keywords=words, initial=initial)
        made = planned(folder, recipe_file, keywords=words, initial=initial)
        assert made.dataset == usual.dataset
        assert made.tested == usual.tested
        assert made.recipe == replace(
            usual.recipe,
            schedule=replace(usual.recipe.schedule, learning_rate=1e-4, epochs=5),
            posterior=replace(usual.recipe.posterior, false_alarms_per_hour=2),
        )
    made = planned(own, recipe_file, keywords=["computer"], epochs=3, alarms_per_hour=1.5)
    assert list(made.dataset.positives) == ["computer"]
    assert made.recipe.schedule.epochs == 3
    assert made.recipe.posterior.false_alarms_per_hour == 1.5


def test_a_model_that_training_starts_from_keeps_its_shape(
    own: Path, recipe_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe_file.write_text("[architecture]\nchannels = 8\n[front_end]\nhop = 416\n")
    made = planned(own, recipe_file).recipe
    assert made == planned(own).recipe
    assert [record.getMessage() for record in caplog.records if "keeps" in record.getMessage()] == [
        f"{recipe_file}: training starts from home, whose front end and architecture it keeps"
    ]
    caplog.clear()
    recipe_file.write_text((ROOT / "models" / "base.toml").read_text().split("parameters.")[1])
    planned(own, recipe_file, initial="base")
    assert not [record for record in caplog.records if "keeps" in record.getMessage()]


def test_the_base_models_former_name_is_understood(
    own: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert planned(own, initial="trunk").recipe == planned(own, initial="base").recipe
    messages = [record.getMessage() for record in caplog.records]
    assert messages.count("the model trunk is now called base") == 1


def test_the_base_recipes_former_name_is_understood(
    own: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    renamed = tmp_path / "base.toml"
    renamed.write_text("[schedule]\nepochs = 3\n")
    assert planned(own, tmp_path / "trunk.toml").recipe.schedule.epochs == 3
    messages = [record.getMessage() for record in caplog.records]
    assert f"{tmp_path / 'trunk.toml'} is now called {renamed}" in messages
    with pytest.raises(KwsError, match=r"other\.toml: No such file"):
        planned(own, tmp_path / "other.toml")


def test_keywords_leave_background_in_a_batch(own: Path, recipe_file: Path) -> None:
    recipe_file.write_text("[schedule]\nbatch_size = 2\nkeyword_share = 0.99\n")
    with pytest.raises(KwsError, match=r"2 keywords with a share of 0\.99 leave no background"):
        planned(own, recipe_file)


def test_a_batch_has_room_for_each_keyword(own: Path, recipe_file: Path) -> None:
    recipe_file.write_text("[schedule]\nbatch_size = 4\nkeyword_share = 0.2\n")
    with pytest.raises(KwsError, match=r"a share of 0\.2 of a batch of 4 .* none of 2 keywords"):
        planned(own, recipe_file)


def test_a_users_folder_may_start_from_random_weights(own: Path) -> None:
    made = planned(own, initial="none")
    assert made.recipe == Recipe()
    assert len(made.tested) == 4


def test_options_arrive(own: Path) -> None:
    usual = planned(own).recipe
    made = planned(own, keywords=["computer"], epochs=3, alarms_per_hour=2.5)
    assert list(made.dataset.positives) == ["computer"]
    assert any("smart_mirror" in str(clip.path) for clip in made.dataset.negatives)
    assert made.recipe.schedule.epochs == 3
    assert made.recipe.schedule.learning_rate == usual.schedule.learning_rate
    assert made.recipe.posterior.false_alarms_per_hour == 2.5


@pytest.mark.parametrize("count", range(1, PARTITIONS + 1))
def test_any_number_of_models_is_tested(own: Path, count: int) -> None:
    made = planned(own, folds=count)
    assert len(made.tested) == count
    assert made.kept.held_out == []
    held_out = [partition for fold in made.tested for partition in fold.held_out]
    assert len(set(held_out)) == len(held_out) == (PARTITIONS if count > 1 else 2)


def test_more_keywords_than_a_model_has(tmp_path: Path) -> None:
    record(*(tmp_path / f"word{n}" / "a.wav" for n in range(MAX_KEYWORDS + 1)))
    folders = "".join(f'word{n} = ["word{n}"]\n' for n in range(MAX_KEYWORDS + 1))
    recipe = tmp_path / "many.toml"
    recipe.write_text(f"[keywords]\n{folders}")
    for path, where in ((None, tmp_path), (recipe, recipe)):
        with pytest.raises(KwsError, match=f"^{where}: 64 keywords; a model has 63 at most$"):
            planned(tmp_path, path)


def test_mistakes_are_one_line(own: Path, recipe_file: Path, tmp_path: Path) -> None:
    skip_without("TensorFlow", find_spec("tensorflow"))
    text = tmp_path / "text.tflite"
    text.write_text("no model")
    for options, problem in (
        (("--init", text), "text.tflite: "),
        (("--init", tmp_path / "missing.tflite"), "missing.tflite: "),
        (("--init", "nobody"), "no model named 'nobody'"),
        (("--recipe", recipe_file, "--keywords", "computer"), "words.toml: names the keywords"),
        (("--keywords", ","), "error: --keywords ',': no keyword in it"),
        (("--keywords", "nothing, at all"), "no folder of 'nothing', no folder of 'at all'"),
        (("--keywords", "computer, comptuer"), "own: no folder of 'comptuer'; there are computer"),
    ):
        done = kws("train", own, "--output", tmp_path / "x.tflite", *options)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("kws: error: ")
        assert problem in done.stderr
        assert done.stderr.count("\n") == 1
    assert not list(tmp_path.glob("x*"))
    with pytest.raises(KwsError, match=r"text\.tflite: "):
        planned(own, initial=str(text))


def test_kokoro_speaks_for_a_users_folder(own: Path, tmp_path: Path) -> None:
    folder = kokoro(tmp_path / "kokoro")
    made = planned(own, kokoro=folder).dataset
    assert made.synthesis == replace(planned(own).dataset.synthesis, kokoro=folder)
    assert made.card == {"data": ["voices of Kokoro-82M (hexgrad), Apache-2.0"]}
    record(own / "computer" / "synth-computer-1@flite_slt.flac")
    record(own / "smart_mirror" / "synth-smart_mirror-1@flite_slt.flac")
    assert not planned(own).dataset.synthesis.utterances_per_keyword
    assert planned(own, kokoro=folder).dataset.synthesis.utterances_per_keyword


def test_kokoro_says_nothing_where_nothing_is_synthesised(
    own: Path, tmp_path: Path, recipe_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = planned(own, recipe_file, kokoro=kokoro(tmp_path / "kokoro")).dataset
    assert made.synthesis.kokoro is None
    assert caplog.messages == [
        "Kokoro says nothing: no speech is synthesised for this dataset",
    ]


def test_kokoro_is_checked_first(tmp_path: Path) -> None:
    with pytest.raises(KwsError, match="but there is none there"):
        planned(tmp_path / "nowhere", kokoro=tmp_path)


def test_command_words_get_synthetic_other_words(commands: Path) -> None:
    wanted = planned(commands, keywords=["go"]).dataset.synthesis
    assert wanted.confusable_phrases == ("stop", "yes")
    assert wanted.utterances_per_confusable > 0
    assert wanted.utterances_per_respelling == 0


def test_a_model_is_evaluated_at_more_phases_than_it_was_trained_at() -> None:
    """A step of each phase, as many steps averaged of each, 2 s of silence."""
    trained = ModelConfig(("word",), (0.5,), 2, FrontEnd(hop=480, mean=(1.0,) * 10))
    recipe = Recipe(loss=Loss(max_pooling_steps=5), posterior=PosteriorHandling(phases=2))
    deployed = recipe.inference_config(trained)
    assert deployed.front_end == trained.front_end
    assert deployed.stride == 1
    assert deployed.smoothing == Smoothing(smooth_steps=10, refractory_steps=67)
    assert recipe.inference_config(deployed) == deployed
    usual = replace(trained, front_end=FrontEnd())
    assert Recipe(loss=Loss(max_pooling_steps=8)).inference_config(usual) == usual
