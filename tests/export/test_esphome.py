"""Test that an exported microWakeWord pair decides in other programs as kws does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from conftest import skip_without, tensorflow

PACKAGES = ("pymicro_features", "pymicro_wakeword", "tflite_micro", "yaml")
skip_without("the extra dev", all(map(find_spec, PACKAGES)))

from kws.backend import Spotter, open_mfcc  # noqa: E402
from kws.config import MICRO, SAMPLE_RATE  # noqa: E402
from kws.data.clips import PARTITIONS  # noqa: E402
from kws.ds_cnn import DsCnn  # noqa: E402
from kws.errors import KwsError  # noqa: E402
from kws.export import esphome  # noqa: E402
from kws.export.formats import export_as  # noqa: E402
from kws.export.sketch import export  # noqa: E402
from kws.micro_frontend import InterleavedStreams, MicroFrontend  # noqa: E402
from kws.model_file import ModelFile  # noqa: E402
from kws.training.example_store import EXAMPLES, ExamplePool  # noqa: E402
from kws.training.features import ExampleLayout, LogMelExtractor  # noqa: E402
from kws.training.plan import plan  # noqa: E402
from kws.training.recipe import (  # noqa: E402
    Architecture,
    Augmentation,
    Loss,
    PosteriorHandling,
    Recipe,
    Schedule,
)
from kws.training.training_options import TrainingOptions  # noqa: E402
from kws.types import FeatureExtractor  # noqa: E402

pytestmark = pytest.mark.slow

RECIPE = Recipe(
    front_end=MICRO,
    architecture=Architecture(channels=16, first_kernel=6, stride=3, kernels=(3, 5), last_kernel=5),
    schedule=Schedule(
        epochs=1,
        steps_per_epoch=150,
        batch_size=32,
        keyword_share=0.5,
        learning_rate=0.02,
        warm_up_steps=10,
        ema_steps=(10, 10),
    ),
    loss=Loss(max_pooling_steps=3),
    augmentation=Augmentation(background_mixing=0.0, time_masks=0, frequency_masks=0),
    posterior=PosteriorHandling(refractory_seconds=0.5),
)
LAYOUT = ExampleLayout.of(MICRO, RECIPE.architecture)
Samples = npt.NDArray[np.int16]


def tones(*hertz: float) -> npt.NDArray[np.float64]:
    """Return tones of 0.12 s, one after the other."""
    time = np.arange(round(0.12 * SAMPLE_RATE)) / SAMPLE_RATE
    return np.concatenate([np.sin(2 * np.pi * each * time) for each in hertz])


WORD, OTHER = tones(500, 1600), tones(1600, 500)  # the keyword rises, what falls is background


def example(random: np.random.Generator, word: npt.NDArray[np.float64] | None) -> Samples:
    """Return an example in noise, with a word that ends at the end of a step's window."""
    samples = random.normal(0, 10 ** random.uniform(1, 2), LAYOUT.samples)
    if word is not None:
        end = round(LAYOUT.step_ends[10] * SAMPLE_RATE)
        samples[end - len(word) : end] += 10 ** random.uniform(3, 4) * word
    return samples.astype(np.int16)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """Train a network on the microfrontend in seconds."""
    tensorflow()
    from kws.training.quantise import embed
    from kws.training.training_run import Training

    folder, random = tmp_path_factory.mktemp("micro"), np.random.default_rng(1)
    extractor = LogMelExtractor(LAYOUT.oversampled)
    count = 24 * PARTITIONS
    words = [(WORD, OTHER, None)[i % 3] for i in range(count)]
    log_mels = np.stack([extractor.extract(example(random, word)) for word in words])
    labels = np.zeros((count, LAYOUT.steps), np.int8)
    labels[::3] = LAYOUT.labels(1, LAYOUT.step_ends[10])
    partitions = np.repeat(np.arange(PARTITIONS, dtype=np.int8), 24)
    EXAMPLES.save(folder, ExamplePool(log_mels.astype(np.float16), labels, partitions))
    trained = Training(folder, ["hey you"], RECIPE, []).run(
        folder / "checkpoint", 1, lambda doing, share: None
    )
    parsed = ModelFile.parse(trained.content, "x.tflite")
    path = folder / "Hey you.tflite"
    path.write_bytes(embed(trained.content, replace(parsed.config, thresholds=(0.3,))))
    return ModelFile.load(path)


@dataclass(frozen=True)
class Pair:
    """Hold an exported pair and the audio that it is run on."""

    folder: Path
    model: ModelFile

    @cached_property
    def manifest(self) -> dict[str, object]:
        return json.loads((self.folder / "hey_you.json").read_text())

    @cached_property
    def audio(self) -> Samples:
        """Return 20 s of noise with words and others, after the silence that kws is primed with."""
        random = np.random.default_rng(5)
        samples = random.normal(0, 30, 20 * SAMPLE_RATE)
        for second in range(1, 19):
            word = (WORD, OTHER)[second % 2] if second % 5 else WORD
            at = second * SAMPLE_RATE + int(random.integers(4000))
            samples[at : at + len(word)] += 10 ** random.uniform(3, 4) * word
        return samples.astype(np.int16)

    @property
    def priming(self) -> Samples:
        return np.zeros(self.model.config.priming_samples(LAYOUT.window_frames), np.int16)


@pytest.fixture(scope="module")
def pair(model: ModelFile, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    (folder / "Hey you.tflite").write_bytes(model.content)
    written = export_as("esphome", [str(folder / "Hey you.tflite")], (), folder / "out")
    assert {"hey_you.json", "hey_you.tflite"} < {path.name for path in written}
    return Pair(folder / "out", model)


def test_the_network_gives_the_bits_of_the_model(pair: Pair) -> None:
    """Run the pair in TFLM, with the arena that its manifest states."""
    from tflite_micro.python.tflite_micro import runtime

    frames = open_mfcc(MICRO).push(pair.audio)
    ds_cnn = DsCnn(pair.model)
    scores = ds_cnn.push(frames).astype(int)
    difference = np.clip(scores[:, 1] - scores[:, 0], -128, 127) * ds_cnn.score_scale
    expected = np.minimum(np.floor(256 / (1 + np.exp(-difference)) + 0.5), 255)
    network = runtime.Interpreter.from_bytes(
        (pair.folder / "hey_you.tflite").read_bytes(),
        arena_size=pair.manifest["micro"]["tensor_arena_size"],
    )
    found = []
    for step in ds_cnn.quantise(frames)[: len(frames) // 3 * 3].reshape(-1, 1, 3, 40):
        network.set_input(step, 0)
        network.invoke()
        found.append(int(network.get_output(0)[0, 0]))
    first = LAYOUT.window_frames // 3 - 1
    np.testing.assert_array_equal(found[first:], expected[: len(found) - first])
    assert len(np.unique(expected)) > 20


def test_pymicro_wakeword_decides_as_kws(pair: Pair) -> None:
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures

    detections = Spotter(pair.model).push(pair.audio)
    assert 7 <= len(detections) <= 11  # words, and nothing else
    judge = MicroWakeWord.from_config(pair.folder / "hey_you.json")
    features = MicroWakeWordFeatures()
    audio = np.concatenate([pair.priming, pair.audio])
    refractory = pair.model.config.smoothing.refractory_steps * 3
    found, silent_until = [], 0
    for frame, values in enumerate(features.process_streaming(audio.tobytes())):
        if judge.process_streaming(values) and frame % 3 == 2 and frame >= silent_until:
            silent_until = frame + refractory
            found.append(frame * MICRO.hop + MICRO.window - len(pair.priming))
    assert found == [detection.sample for detection in detections]


def test_kws_runs_the_pair_as_the_model(pair: Pair) -> None:
    theirs, smoothing = ModelFile.load(pair.folder / "hey_you.json"), pair.model.config.smoothing
    theirs = replace(theirs, config=replace(theirs.config, smoothing=smoothing))
    expected = Spotter(pair.model, "numpy").push(pair.audio)
    assert Spotter(pair.model, "c").push(pair.audio) == expected
    audio, primed = np.concatenate([pair.priming, pair.audio]), len(pair.priming)
    for backend in ("c", "numpy"):
        found = Spotter(theirs, backend).push(audio)
        assert [each.sample - primed for each in found] == [each.sample for each in expected]


def test_the_manifest(pair: Pair) -> None:
    micro = pair.manifest["micro"]
    assert isinstance(micro, dict)
    assert micro["probability_cutoff"] == 0.3
    assert micro["sliding_window_size"] == 3
    assert micro["feature_step_size"] == 10
    assert (pair.manifest["type"], pair.manifest["version"]) == ("micro", 2)
    assert pair.manifest["wake_word"] == "hey you"


def test_a_high_threshold_becomes_a_cutoff_that_can_be_exceeded(
    model: ModelFile, caplog: pytest.LogCaptureFixture
) -> None:
    """Probabilities end at 255 / 256: their mean exceeds it, also in ESPHome's integers."""
    for threshold, expected in ((0.99, 0.99), (0.996, 0.996), (0.9961, 0.996), (1.0, 0.996)):
        caplog.clear()
        config = replace(model.config, thresholds=(threshold,))
        _, manifest = esphome.pair(replace(model, config=config), "x")
        cutoff = manifest["micro"]["probability_cutoff"]
        assert cutoff == expected < 255 / 256
        assert int(cutoff * 255) < 255
        assert len(caplog.messages) == (threshold > 0.996)
        assert all("Hey you: the threshold" in message for message in caplog.messages)


def test_the_front_end_is_that_of_the_library_however_it_is_divided() -> None:
    from pymicro_features import MicroFrontend

    samples = np.random.default_rng(0).normal(0, 2000, SAMPLE_RATE).astype(np.int16)
    library, frames = MicroFrontend(), []
    for start in range(0, len(samples), 160):
        frames.append(library.process_samples(samples[start : start + 160].tobytes()).features)
    expected = np.array([frame for frame in frames if frame], np.float32)
    front_end = open_mfcc(MICRO)
    for _ in range(2):
        parts = np.split(samples, [1, 100, 700, 9000])
        found = np.concatenate([front_end.push(part) for part in parts])
        assert found.tobytes() == expected.tobytes()
        front_end.reset()


@pytest.mark.parametrize("stream", [MicroFrontend, lambda: open_mfcc(MICRO)], ids=["library", "c"])
def test_frames_of_half_the_hop_come_from_two_streams(
    stream: Callable[[], FeatureExtractor],
) -> None:
    samples = np.random.default_rng(0).normal(0, 2000, SAMPLE_RATE).astype(np.int16)
    both, alone = InterleavedStreams([stream(), stream()]), stream()
    for _ in range(2):
        parts = np.split(samples, [1, 79, 80, 81, 500, 559, 9000])
        stored = np.concatenate([both.push(part) for part in parts])
        assert len(stored) == (len(samples) - 480) // 80 + 1
        np.testing.assert_array_equal(stored[::2], alone.push(samples))
        alone.reset()
        np.testing.assert_array_equal(stored[1::2], alone.push(samples[80:]))
        alone.reset()
        both.reset()


def test_refusals(model: ModelFile, tmp_path: Path) -> None:
    with pytest.raises(
        KwsError, match=r"home: not trained on the microfrontend; .* --init esphome"
    ):
        export_as("esphome", ["home"], (), tmp_path / "out")
    path = tmp_path / "it.tflite"
    path.write_bytes(model.content)
    assert tmp_path / "c" / "kws_it" / "src" / "micro_frontend.c" in export(path, tmp_path / "c")
    with pytest.raises(KwsError, match="two models are called same; choose with --name"):
        export_as("esphome", [str(path), str(path)], ("same", "Same!"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert esphome.file_name("Où est-ce?") == "ou_est_ce"


def test_a_word_starts_from_the_shipped_model(tmp_path: Path) -> None:
    """It is one network, and its examples are mixed as sound alone."""
    options = TrainingOptions(phrase="hey lumen", initial="esphome")
    recipe = plan(None, tmp_path, options=options).recipe
    assert recipe.initial == ModelFile.load("esphome")
    assert recipe.front_end == ModelFile.load("esphome").config.front_end
    assert replace(recipe.front_end, mean=(), scale=()) == MICRO
    assert recipe.architecture.first_kernel % recipe.architecture.stride == 0
    assert recipe.committee.networks == 1
    assert recipe.augmentation.background_mixing == 0
    assert recipe.loss.max_pooling_steps == 5
