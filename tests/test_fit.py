"""A training on its way: hard negatives, checkpoints, early stopping, weights to start from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import tensorflow

from kws.config import SAMPLE_RATE, FrontEnd, ModelConfig
from kws.data.clips import PARTITIONS
from kws.errors import KwsError
from kws.model_file import ModelFile
from kws.training.augmentation.scene import CLEAN
from kws.training.batches import Sampler
from kws.training.checkpoint import Checkpoint
from kws.training.example_store import (
    EXAMPLES,
    NEGATIVE_SPEECH,
    ExamplePool,
    NegativeSpeech,
    store_negative_speech,
)
from kws.training.features import OVERSAMPLING, ExampleLayout, LogMelExtractor
from kws.training.mining import (
    GAIN,
    MIN_DISTANCE,
    SNR,
    TARGET_STEP,
    HardNegativeMiner,
    augment_segment,
    hardest_segments,
)
from kws.training.recipe import Architecture, Mining, Recipe, Schedule

FRONT_END = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)
SMALL = Architecture(channels=8, kernels=(3, 5), last_kernel=4)
LAYOUT = ExampleLayout.of(FRONT_END, SMALL)
EPOCH = 6  # steps


@pytest.fixture
def tf():
    return tensorflow()


# Hard negatives


def marked(rows: int, marks: dict[int, float]) -> np.ndarray:
    """OVERSAMPLING log mel rows for each of `rows`, zero but for marks in the first filter."""
    speech = np.zeros((rows * OVERSAMPLING, FRONT_END.mel_filters), np.float16)
    for row, mark in marks.items():
        speech[row * OVERSAMPLING : (row + 1) * OVERSAMPLING, 0] = mark
    return speech


def confidences(rows: np.ndarray) -> np.ndarray:
    """How strong a mark is in the last rows of each step's window."""
    ends = np.arange(LAYOUT.window_frames, len(rows) + 1, LAYOUT.stride)
    return np.array([rows[end - LAYOUT.stride : end, 0].max() for end in ends], np.float32)


def passages_of(speech: np.ndarray, most: int) -> np.ndarray:
    firsts = hardest_segments(confidences, speech, LAYOUT, most, np.random.default_rng(1))
    passages = speech[firsts[:, None] + np.arange(LAYOUT.frames)]
    return passages.astype(np.float32)


def test_the_hardest_passages_are_found() -> None:
    """Marks in the first thousand steps, behind them, and near the end; one is too weak."""
    marks = {500: 0.7, 2300: 0.9, 2900: 0.2, 4900: 0.8}
    passages = passages_of(marked(5000, marks), 3)
    assert passages.shape == (3, LAYOUT.frames, FRONT_END.mel_filters)
    assert passages[:, :, 0].max(axis=1) == pytest.approx([0.9, 0.8, 0.7], abs=1e-3)
    rows = passages[:, :, 0].argmax(axis=1) / OVERSAMPLING
    steps = (rows - LAYOUT.window_frames + 1) / LAYOUT.stride
    assert all(TARGET_STEP[0] - 1 <= step <= TARGET_STEP[1] for step in steps)
    assert len(set(steps)) > 1  # not always at one place of an example


def test_marks_at_both_ends_give_whole_passages() -> None:
    rows = LAYOUT.window_frames + (12 * MIN_DISTANCE - 1) * LAYOUT.stride
    speech = marked(rows, {LAYOUT.window_frames: 0.9, rows - 1: 0.8})
    passages = passages_of(speech, 2)
    assert passages.shape == (2, LAYOUT.frames, FRONT_END.mel_filters)
    assert passages[:, :, 0].max(axis=1).tolist() == pytest.approx([0.9, 0.8], abs=1e-3)


@pytest.mark.parametrize("rows", [0, 1, LAYOUT.window_frames, LAYOUT.frames // OVERSAMPLING + 1])
def test_too_little_speech_has_no_passages(rows: int) -> None:
    firsts = hardest_segments(confidences, marked(rows, {}), LAYOUT, 5, np.random.default_rng(1))
    assert firsts.shape == (0,)


def test_no_more_passages_than_there_are_moments() -> None:
    steps = 3 * MIN_DISTANCE
    speech = marked(LAYOUT.window_frames + (steps - 1) * LAYOUT.stride, {})
    assert len(passages_of(speech, 50)) == 3


def test_no_more_is_mined_than_there_is_easy_background() -> None:
    """The likest of four moments take the places of half of the five backgrounds."""
    speech = marked(6000, {700: 0.7, 2300: 0.9, 3900: 0.6, 5500: 0.8})
    shape = (8, LAYOUT.frames, FRONT_END.mel_filters)
    labels = np.zeros((8, LAYOUT.steps), np.int8)
    labels[:3] = LAYOUT.labels(1, LAYOUT.step_ends[8])
    pool = ExamplePool(np.zeros(shape, np.float16), labels, np.zeros(8, np.int8))
    sampler = Sampler(pool, Schedule(), np.arange(8), seed=1)
    miner = HardNegativeMiner(speech, LAYOUT, pool, sampler)
    places, firsts = miner.mine(confidences, 4, 10_000 * OVERSAMPLING, np.random.default_rng(1))
    assert len(places) == len(firsts) == 2
    assert min(places) >= 3
    passages = speech[firsts[:, None] + np.arange(LAYOUT.frames)]
    assert passages.max(axis=(1, 2)) == pytest.approx([0.9, 0.8], abs=1e-3)
    assert set(np.flatnonzero(pool.log_mels.any(axis=(1, 2)))) == set(places)


def test_the_searched_stretch_is_drawn_anew() -> None:
    """One mark in each tenth of the speech, of which a tenth is searched."""
    speech = marked(20_000, {2000 * tenth + 1000: 0.5 + tenth / 20 for tenth in range(10)})
    pool = ExamplePool(
        np.zeros((40, LAYOUT.frames, FRONT_END.mel_filters), np.float16),
        np.zeros((40, LAYOUT.steps), np.int8),
        np.zeros(40, np.int8),
    )
    miner = HardNegativeMiner(
        speech, LAYOUT, pool, Sampler(pool, Schedule(), np.arange(40), seed=1)
    )
    random = np.random.default_rng(1)
    firsts = [miner.mine(confidences, 1, 2000 * OVERSAMPLING, random)[1, 0] for _ in range(12)]
    assert len({first // (2000 * OVERSAMPLING) for first in firsts}) > 3
    assert all(speech[first : first + LAYOUT.frames].any() for first in firsts)


def test_passages_are_heard_elsewhere() -> None:
    """A loud moment in digital silence: some as it was, others at other levels and in noise."""
    offset = FRONT_END.log_offset
    passage = np.full((LAYOUT.frames, FRONT_END.mel_filters), np.log(offset), np.float16)
    passage[20:30] = 2.0
    heard = [augment_segment(passage, offset, np.random.default_rng(seed)) for seed in range(400)]
    assert all(one.dtype == np.float16 and np.isfinite(one).all() for one in heard)
    changed = [one.astype(float) for one in heard if not np.array_equal(one, passage)]
    assert CLEAN - 0.1 < 1 - len(changed) / len(heard) < CLEAN + 0.1
    again = augment_segment(passage, offset, np.random.default_rng(7))
    assert np.array_equal(again, heard[7])
    decibels = 20 / np.log(10)
    loud, quiet = (np.array([one[rows].mean() for one in changed]) for rows in (slice(20, 30), 50))
    gains = decibels * (loud - 2.0)
    assert gains.min() > GAIN[0] - 1
    assert gains.max() < GAIN[1] + 6  # noise is as loud as the moment at 0 dB
    assert np.ptp(gains) > 0.9 * np.ptp(GAIN)
    ratios = decibels * (loud - quiet)[quiet > np.log(offset) + 2]  # where noise can be heard
    assert ratios.min() > -3
    assert ratios.max() < SNR[1] + 8  # colour makes some filters quieter than the mean
    assert np.ptp(ratios) > 0.7 * np.ptp(SNR)


def test_speech_is_kept_by_part(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    spoken = [
        [random.integers(-999, 999, SAMPLE_RATE).astype(np.int16)] * (part % 3)
        for part in range(PARTITIONS)
    ]
    store_negative_speech(spoken, LAYOUT, tmp_path)
    speech = NegativeSpeech.load(tmp_path)
    samples = LAYOUT.samples + np.array([len(group) * SAMPLE_RATE for group in spoken])
    rows = (samples - FRONT_END.window) // LAYOUT.oversampled.hop + 1
    assert np.bincount(speech.partitions).tolist() == rows.tolist()
    assert len(speech.select([2, 4])) == rows[2] + rows[4]
    assert len(speech.select([])) == 0
    expected = LogMelExtractor(LAYOUT.oversampled).extract(
        np.concatenate([np.zeros(LAYOUT.samples, np.int16), *spoken[2]])
    )
    assert np.array_equal(speech.select([2]), expected.astype(np.float16))


# Checkpoints


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    assert Checkpoint.load(path) == Checkpoint()
    random = np.random.default_rng(1)
    best = [random.normal(size=(3, n)).astype(np.float32) for n in range(1, 13)]
    state = [np.array(7, np.int64), *best]
    mined = [random.integers(0, 2**40, (2, n)) for n in (5, 0, 3)]
    Checkpoint(9, 4, 0.125, best, state, mined).save(path)
    loaded = Checkpoint.load(path)
    assert (loaded.epoch, loaded.best_epoch, loaded.best_loss) == (9, 4, 0.125)
    kept_arrays = loaded.best, loaded.state, loaded.mined
    for kept, arrays in zip(kept_arrays, (best, state, mined), strict=True):
        for a, b in zip(kept, arrays, strict=True):
            assert a.dtype == b.dtype
            assert np.array_equal(a, b)
    assert list(tmp_path.iterdir()) == [path]


class Unkept:
    """Fails when it is saved."""

    def __reduce__(self) -> str:
        raise OSError("no space left")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of zipfile
def test_a_half_written_checkpoint_never_takes_the_place_of_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint"
    Checkpoint(1, 1, 0.5, [np.ones(5)], [np.ones(3)]).save(path)
    with pytest.raises(OSError, match="no space"):
        Checkpoint(2, 2, 0.25, [np.ones(5), np.array([Unkept()])]).save(path)
    assert len(list(tmp_path.iterdir())) == 2
    assert Checkpoint.load(path).epoch == 1
    Checkpoint(3, 3, 0.2, [np.ones(5)], [np.ones(3)]).save(path)
    assert Checkpoint.load(path).epoch == 3
    assert list(tmp_path.iterdir()) == [path]


# Trainings


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool whose keyword is a bright moment; in parts 0 and 1 it is the dark ones that are.

    The speech of a part is as bright as its number says, in the last filter.
    """
    folder = tmp_path_factory.mktemp("material")
    random = np.random.default_rng(1)
    count = 40 * PARTITIONS
    parts = np.repeat(np.arange(PARTITIONS, dtype=np.int8), 40)
    rows = random.normal(0, 0.5, (count, LAYOUT.frames, FRONT_END.mel_filters))
    labels = np.zeros((count, LAYOUT.steps), np.int8)
    labels[::2] = LAYOUT.labels(1, LAYOUT.step_ends[8])
    bright = (labels.max(axis=1) > 0) != (parts < 2)
    end = LAYOUT.window_frames + 8 * LAYOUT.stride
    rows[bright, (end - 12) * OVERSAMPLING : end * OVERSAMPLING, :20] += 3
    speech_parts = np.repeat(np.arange(PARTITIONS, dtype=np.int8), 200 * OVERSAMPLING)
    speech = np.zeros((len(speech_parts), FRONT_END.mel_filters))
    speech[:, -1] = 10 + speech_parts
    EXAMPLES.save(folder, ExamplePool(rows.astype(np.float16), labels, parts))
    NEGATIVE_SPEECH.save(folder, NegativeSpeech(speech.astype(np.float16), speech_parts))
    return folder


def recipe(**settings) -> Recipe:
    fast = {
        "steps_per_epoch": EPOCH,
        "batch_size": 32,
        "warm_up_steps": 2,
        "learning_rate": 0.01,
        "ema_steps": (2, 2),
    }
    return Recipe(architecture=SMALL, schedule=Schedule(**{**fast, **settings}))


def nothing(doing: str, share: float) -> None:
    pass


def test_training_goes_on_from_its_checkpoint(tf, material: Path, tmp_path: Path) -> None:
    """One that hears everything: its last epoch is kept, whatever the patience."""
    from kws.training.training_run import Training

    plan = recipe(epochs=4, patience=1)
    first = Training(material, ["word"], plan, [])
    first.run(tmp_path / "checkpoint", 2, nothing)
    kept = Checkpoint.load(tmp_path / "checkpoint")
    assert kept.epoch == kept.best_epoch == 2

    told: list[tuple[str, float]] = []
    second = Training(material, ["word"], plan, [])
    assert second.config == first.config
    trained = second.run(tmp_path / "checkpoint", 4, lambda *what: told.append(what))
    assert told == [("training", 0.75), ("training", 1.0), ("quantising", 0.0)]
    assert int(second.trainer.optimizer.iterations) == 4 * EPOCH
    assert Checkpoint.load(tmp_path / "checkpoint").best_epoch == 4
    model = ModelFile.parse(trained.content, "x.tflite")
    assert model.config.keywords == ("word",)


def test_what_was_mined_comes_back_with_the_checkpoint(tf, material: Path, tmp_path: Path) -> None:
    from kws.training.training_run import Training

    plan = replace(recipe(epochs=4), mining=Mining(passages_per_epoch=4))
    first = Training(material, ["word"], plan, [])
    first.run(tmp_path / "checkpoint", 4, nothing)
    mined = Checkpoint.load(tmp_path / "checkpoint").mined
    assert [one.shape for one in mined] == 3 * [(2, 4)]
    second = Training(material, ["word"], plan, [])
    assert not np.array_equal(second.pool.log_mels, first.pool.log_mels)
    second.run(tmp_path / "checkpoint", 4, nothing)
    assert np.array_equal(second.pool.log_mels, first.pool.log_mels)
    assert np.array_equal(second.pool.labels, first.pool.labels)


def test_the_state_of_a_training_is_all_of_it(tf, material: Path) -> None:
    from kws.training.training_run import Training

    training, other = (Training(material, ["word"], recipe(epochs=4), []) for _ in range(2))
    training.trainer.run_epoch(1)
    other.trainer.state = training.trainer.state
    losses = []
    for trainer in (training.trainer, other.trainer):
        with trainer.averaged():  # the averages of the weights are the optimiser's
            losses.append(trainer.loss(np.arange(40)))
        losses.append(trainer.loss(np.arange(40)))
    assert losses[:2] == losses[2:]
    assert losses[0] != losses[1]


def test_the_average_spans_a_third_of_the_steps_taken(tf, material: Path) -> None:
    from kws.training.training_run import Training

    trainer = Training(
        material, ["word"], recipe(epochs=4, ema_steps=(1, 5), steps_per_epoch=12), []
    ).trainer
    for span in (1, 4, 5):  # behind 0, 12 and 24 steps
        trainer.run_epoch(1)
        assert float(trainer.optimizer.ema_momentum) == pytest.approx(1 - 1 / span)


def test_a_long_average_has_statistics_of_its_own(tf, material: Path, monkeypatch) -> None:
    from kws.training import trainer as trainer_module
    from kws.training.training_run import Training

    trainer = Training(material, ["word"], recipe(epochs=4), []).trainer
    trainer.run_epoch(1)
    wrong = [np.full_like(one, 7) for one in moving(trainer.model)]
    moving(trainer.model, wrong)
    with trainer.averaged():
        assert all(map(np.array_equal, moving(trainer.model), wrong))
    monkeypatch.setattr(trainer_module, "STATISTICS_FIT", 0)
    with trainer.averaged():
        measured = moving(trainer.model)
        moving(trainer.model, [np.zeros_like(one) for one in measured])
        losses = [trainer.loss(np.arange(40))]
        moving(trainer.model, measured)
        losses.append(trainer.loss(np.arange(40)))
        assert losses[0] > losses[1]
    assert all(map(np.array_equal, moving(trainer.model), wrong))


def moving(network, values=None):
    """The normalisations' running means and variances; values take their place."""
    variables = network.non_trainable_variables
    for variable, value in zip(variables, values or [], strict=bool(values)):
        variable.assign(value)
    return [variable.numpy() for variable in variables]


@pytest.fixture(scope="module")
def stopped(material: Path, tmp_path_factory: pytest.TempPathFactory):
    """What is held out contradicts what is trained on: the longer, the worse."""
    tensorflow()
    from kws.training.training_run import Training

    path = tmp_path_factory.mktemp("stopped") / "checkpoint"
    plan = replace(
        recipe(epochs=30, patience=2, steps_per_epoch=12), mining=Mining(passages_per_epoch=4)
    )
    training = Training(material, ["word"], plan, [0, 1])
    return training, training.run(path, 30, nothing), Checkpoint.load(path)


def test_the_best_epoch_is_kept_and_training_stops(stopped) -> None:
    training, trained, done = stopped
    assert set(training.pool.partitions[training.validation_indices]) == {0, 1}
    assert not np.isin(training.pool.partitions[training.training_indices], [0, 1]).any()
    assert done.epoch == done.best_epoch + 2 < 30
    for kept, best in zip(trained.network.get_weights(), done.best, strict=True):
        assert np.array_equal(kept.ravel(), best.ravel())
    training.trainer.model.set_weights(done.best)
    assert training.trainer.loss(training.validation_indices) == pytest.approx(
        done.best_loss, rel=1e-4
    )
    training.trainer.state = done.state
    with training.trainer.averaged():
        assert training.trainer.loss(training.validation_indices) > done.best_loss


def test_hard_passages_take_the_place_of_easy_background(stopped, material: Path) -> None:
    training, _, done = stopped
    places, firsts = np.hstack(done.mined)
    assert len(places) == 4 * (done.epoch - 1)  # none before the first epoch
    pool, speech = training.pool, training.miner.speech
    assert not pool.labels[places].any()
    assert not np.isin(pool.partitions[places], [0, 1]).any()
    assert set(speech[:, -1] - 10) == {2, 3, 4, 5, 6, 7}
    last = dict(zip(places, firsts, strict=True))  # a later passage may take an earlier one's place
    for place, first in last.items():
        random = np.random.default_rng((place, first))
        passage = augment_segment(
            speech[first : first + LAYOUT.frames], FRONT_END.log_offset, random
        )
        assert np.array_equal(pool.log_mels[place], passage)
    before = ExamplePool.load(material).log_mels
    changed = (pool.log_mels != before).any(axis=(1, 2))
    assert set(np.flatnonzero(changed)) == set(places)


# Weights to start from

FAMILIES = {
    "temporal": SMALL,
    "plane": Architecture(
        channels=8, kernels=(3, 5), last_kernel=3, frequency_kernel=4, first_kernel=6, stride=3
    ),
}


def settled_network(architecture: Architecture, classes: int, features: np.ndarray):
    """Random weights, and normalisations that have seen the features."""
    import keras

    from kws.training.model import build_model

    keras.utils.set_random_seed(3)
    network = build_model(architecture, FRONT_END, classes)
    random = np.random.default_rng(5)
    for variable in network.variables:
        if variable.name in ("gamma", "beta"):
            low, high = (0.5, 1.5) if variable.name == "gamma" else (-0.3, 0.3)
            variable.assign(random.uniform(low, high, variable.shape))
    for _ in range(200):
        network(features, training=True)
    return network


def quantised(network, architecture: Architecture, features: np.ndarray, classes: int) -> ModelFile:
    from kws.training.model import build_model, copy_weights
    from kws.training.quantise import embed, quantise

    window = build_model(architecture, FRONT_END, classes, architecture.window_frames)
    copy_weights(network, window)
    content = quantise(window, features[:, : architecture.window_frames, :, 0])
    keywords = tuple(f"word {n}" for n in range(1, classes))
    config = ModelConfig(keywords, (1.0,) * (classes - 1), architecture.stride, FRONT_END)
    return ModelFile.parse(embed(content, config), "it.tflite")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_network_starts_from_a_models_weights(tf, family: str) -> None:
    """An int8 model gives a network for other keywords the activations that it was made from."""
    import keras

    from kws.training.model import build_model, initialise_from

    architecture = FAMILIES[family]
    rows = architecture.window_frames + 5 * architecture.stride
    random = np.random.default_rng(1)
    features = random.normal(0, 1, (48, rows, FRONT_END.coefficients, 1)).astype(np.float32)
    source = settled_network(architecture, 4, features)
    model = quantised(source, architecture, features, 4)
    assert replace(Architecture.of(model), frequency_stride=2) == architecture
    network = build_model(architecture, FRONT_END, 2)
    initialise_from(model, network, features)

    def activations(of, training: bool) -> np.ndarray:
        inside = keras.Model(of.inputs, of.layers[-1].input)
        return np.array(inside(features, training=training)).ravel()

    expected = activations(source, False)
    assert expected.std() > 0
    for training in (False, True):
        assert np.corrcoef(activations(network, training), expected)[0, 1] > 0.99


def test_a_model_of_another_shape_is_refused(tf) -> None:
    from kws.training.model import build_model, initialise_from

    features = np.zeros((2, 60, FRONT_END.coefficients, 1), np.float32)
    model = quantised(build_model(SMALL, FRONT_END, 2), SMALL, features + 1, 2)
    for architecture in (
        replace(SMALL, channels=12),
        replace(SMALL, kernels=(3, 5, 7)),
        replace(SMALL, kernels=(3, 4)),
        FAMILIES["plane"],
    ):
        with pytest.raises(KwsError, match=r"^it: its network has another shape"):
            initialise_from(model, build_model(architecture, FRONT_END, 2), features)
    bare = replace(SMALL, kernels=())
    with pytest.raises(KwsError, match=r"^it: its network is not one that kws trains$"):
        Architecture.of(quantised(build_model(bare, FRONT_END, 2), bare, features + 1, 2))


def test_a_training_starts_from_a_model(tf, material: Path, tmp_path: Path) -> None:
    from kws.training.training_run import Training

    random = np.random.default_rng(1)
    features = random.normal(0, 1, (48, 60, FRONT_END.coefficients, 1)).astype(np.float32)
    front_end = replace(FRONT_END, mean=(0.5,) * 20, scale=(0.7,) * 20)
    model = quantised(settled_network(SMALL, 3, features), SMALL, features, 3)
    model = replace(model, config=replace(model.config, front_end=front_end))
    plan = replace(recipe(epochs=1, learning_rate=1e-9), initial=model, front_end=front_end)
    training = Training(material, ["word"], plan, [0])
    assert training.config.front_end == front_end
    trained = training.run(tmp_path / "checkpoint", 1, nothing)
    made = ModelFile.parse(trained.content, "x.tflite")
    assert made.config.keywords == ("word",)
    assert made.config.front_end == front_end
