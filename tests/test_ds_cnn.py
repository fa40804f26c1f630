"""Test that a stream gives the bits of single windows, and int8 at the ends of its range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from command_line import SAMPLES
from small_models import Shape, first_network, random_model, synthetic_audio, two_phases

from kws.audio.audio_file import read_audio
from kws.config import FrontEnd
from kws.ds_cnn import MAX_STEPS, DsCnn, open_interpreter
from kws.errors import KwsError
from kws.mfcc import Mfcc
from kws.model_file import ModelFile


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return first_network(ModelFile.load())


@pytest.fixture
def network(model) -> DsCnn:
    return DsCnn(model)


@pytest.fixture(scope="module")
def speech(model) -> np.ndarray:
    """Return the feature frames of 10 s of speech."""
    return Mfcc(model.config.front_end).push(read_audio(SAMPLES / "all_keywords.flac"))


def gain(network: DsCnn) -> np.float32:
    """Return the quantised values per unit of a feature."""
    return np.float32(1) / np.float32(network._quantisation[0])


def noise(network: DsCnn, frames: int) -> np.ndarray:
    """Return random frames over the whole range of the network's input."""
    random = np.random.default_rng(frames)
    return random.normal(0, 60 / gain(network), (frames, network.coefficients)).astype(np.float32)


def one_window(model: ModelFile, window: np.ndarray) -> np.ndarray:
    """Return the scores of a window by a fresh interpreter, the input's shape as in the file."""
    interpreter = open_interpreter(model.content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window[None, :, :, None])
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).ravel()


def test_a_stream_scores_each_step_as_its_window_alone(model, network, speech):
    scores = network.push(speech)
    window, stride = network.window_frames, network.stride
    assert len(scores) == (len(speech) - window) // stride + 1
    assert len(np.unique(scores)) > 20
    for step in range(0, len(scores), 5):
        frames = speech[step * stride : step * stride + window]
        assert one_window(model, network.quantise(frames)).tolist() == scores[step].tolist()


@pytest.mark.slow
def test_the_division_into_pushes_changes_no_bit(network):
    frames = noise(network, 2 * MAX_STEPS * network.stride + 301)
    whole = network.push(frames)
    assert len(whole) > 2 * MAX_STEPS
    cuts = np.sort(np.random.default_rng(1).integers(0, len(frames), 80))
    for indices in (range(1, len(frames)), cuts):
        network.reset()
        scores = [network.push(piece) for piece in np.split(frames, indices)]
        assert np.concatenate(scores).tobytes() == whole.tobytes()


def test_reset_forgets_the_stream(network, speech):
    first, second = network.push(speech), network.push(speech)
    assert first.tobytes() != second[: len(first)].tobytes()
    network.reset()
    assert network.push(speech).tobytes() == first.tobytes()


def test_a_step_is_scored_as_soon_as_its_window_is_complete(network, speech):
    window, stride = network.window_frames, network.stride
    assert network.push(speech[: window - 1]).shape == (0, network.classes)
    assert network.push(speech[:1]).shape == (1, network.classes)
    assert network.push(speech[: stride - 1]).shape == (0, network.classes)
    assert network.push(speech[:1]).shape == (1, network.classes)
    assert network.push(speech[:0]).shape == (0, network.classes)


def exactly_between(network: DsCnn) -> list[tuple[np.float32, int]]:
    """Return features exactly between two quantised values, with the lower one (zero point 0)."""
    found = []
    for lower in range(-100, 100):
        middle = np.float32(lower + 0.5)
        near = middle / gain(network)
        for feature in (near, *np.nextafter(near, np.float32([-1e9, 1e9]))):
            if feature * gain(network) == middle:
                found.append((feature, lower))
                break
    return found


def test_ties_are_rounded_to_the_even_quantised_value(network):
    between = exactly_between(network)
    assert len(between) > 20
    features = np.array([feature for feature, _ in between], np.float32)
    even = np.array([lower + lower % 2 for _, lower in between])
    expected = np.clip(even + network._quantisation[1], -128, 127)
    assert network.quantise(features[:, None]).ravel().tolist() == expected.tolist()


def test_a_feature_beyond_the_range_is_saturated(network):
    huge = np.array([[1e30, -1e30, np.inf, -np.inf]], np.float32)
    assert network.quantise(huge).tolist() == [[127, -128, 127, -128]]
    step = np.float32(1) / gain(network)
    values = np.array([[127, 133, -133]], np.float32)
    beyond = (values - np.float32(network._quantisation[1])) * step
    assert network.quantise(beyond).tolist() == [[127, 127, -128]]


def test_a_feature_of_0_is_the_zero_point(network):
    assert network.quantise(np.zeros((1, 1), np.float32)).item() == network._quantisation[1]


@pytest.mark.parametrize(
    "change",
    [
        {"keywords": ("computer",), "thresholds": (0.5,)},
        {"front_end": FrontEnd(mel_filters=80, coefficients=64)},
        {"stride": 3},
        {"stride": 4},
    ],
    ids=["keywords", "coefficients", "no divisor of the network's stride", "more than it"],
)
def test_settings_that_do_not_fit_the_network_are_refused(model, change):
    changed = replace(model, config=replace(model.config, **change))
    with pytest.raises(KwsError, match="does not fit"):
        DsCnn(changed)


def test_phases_complete_the_steps_in_turn():
    """Compare with a phase alone, from the first and from the second frame on."""
    model = two_phases()
    frames = Mfcc(model.config.front_end).push(synthetic_audio(10, seed=3))
    alone = DsCnn(replace(model, config=replace(model.config, stride=2)))
    scores = DsCnn(model).push(frames)
    for phase in (0, 1):
        alone.reset()
        assert np.array_equal(scores[phase::2], alone.push(frames[phase:]))
    assert not np.array_equal(scores[:-1:2], scores[1::2])


@pytest.mark.slow
def test_more_phases_than_c_has_room_for_are_refused():
    front_end = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)
    model = random_model(front_end, Shape(8, (3,), 3, stride=3))
    assert len(DsCnn(model).push(np.zeros((40, 20), np.float32)))
    with pytest.raises(KwsError, match="does not fit"):
        DsCnn(replace(model, config=replace(model.config, stride=1)))


def test_without_the_interpreter_one_line_says_what_to_install(model, monkeypatch) -> None:
    monkeypatch.setattr("kws.ds_cnn._runtime", None)
    with pytest.raises(KwsError, match=r"interpreter \(pip install 'kws\[reference\]'\)"):
        DsCnn(model)
