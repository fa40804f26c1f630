"""Test that the C extension gives the bits of the NumPy stages, in pushes of any length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from conftest import skip_without
from small_models import MODELS, Samples, synthetic_audio, temporal

from kws.ds_cnn import DsCnn
from kws.engine.front_end_layout import front_end_values
from kws.engine.native import AVAILABLE, NativeDsCnn, NativeMfcc, NativeSpotter
from kws.errors import KwsError
from kws.mfcc import Mfcc
from kws.mfcc_tables import FrontEndTables
from kws.model_file import ModelFile
from kws.posterior import Detection
from kws.spotter import NumpySpotter

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


@pytest.fixture(autouse=True)
def _native() -> None:
    skip_without("the native path (no C compiler when kws was installed)", AVAILABLE)


def cut(values: npt.NDArray[np.generic], sizes: tuple[int, ...]) -> list[npt.NDArray[np.generic]]:
    """Return a stream in blocks of these sizes, in turn."""
    edges = np.cumsum(np.tile(sizes, len(values) // sum(sizes) + 1))
    return np.split(values, edges[edges < len(values)])


def numpy_detections(model: ModelFile, samples: Samples) -> list[Detection]:
    """Return the detections of the NumPy pipeline."""
    return NumpySpotter(model).push(samples)


@pytest.mark.slow
@each_model
def test_features(model: Callable[[], ModelFile]) -> None:
    front_end, samples = model().config.front_end, synthetic_audio(10, seed=2)
    expected = Mfcc(front_end).push(samples)
    native = NativeMfcc(front_end)
    assert native.push(samples).tobytes() == expected.tobytes()
    native.reset()
    blocks = [native.push(block) for block in cut(samples, (1, 319, 0, 5000, 320))]
    assert np.concatenate(blocks).tobytes() == expected.tobytes()


@pytest.mark.slow
@each_model
def test_scores(model: Callable[[], ModelFile]) -> None:
    frames = Mfcc(model().config.front_end).push(synthetic_audio(10, seed=2))
    expected = DsCnn(model()).push(frames)
    native = NativeDsCnn(model())
    assert np.array_equal(native.push(frames), expected)
    native.reset()
    blocks = [native.push(block) for block in cut(frames, (1, 40, 0, 3))]
    assert np.array_equal(np.concatenate(blocks), expected)


@each_model
def test_detections(model: Callable[[], ModelFile]) -> None:
    samples = synthetic_audio(20, seed=2)
    expected = numpy_detections(model(), samples)
    assert len(expected) > 1
    native = NativeSpotter(model())
    assert native.push(samples) == expected
    assert native.push(samples) != expected  # the state of the first time is still there
    native.reset()
    found = [native.push(block) for block in cut(samples, (1, 320, 0, 7001, 100))]
    assert [detection for some in found for detection in some] == expected


def test_frames_of_another_shape_are_refused() -> None:
    native = NativeDsCnn(temporal())
    with pytest.raises(ValueError, match=r"are not \[n, 20\]"):
        native.push(np.zeros(3, np.float32))


def test_an_engine_of_other_sources_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a struct a field that the compiled engine does not have."""
    values = front_end_values(FrontEndTables(temporal().config.front_end))
    monkeypatch.setattr("kws.engine.native.front_end_values", lambda _: values | {"newer": 1})
    with pytest.raises(KwsError, match="install kws again"):
        NativeMfcc(temporal().config.front_end)


def test_a_model_in_fixed_point_is_not_that_in_floating_point() -> None:
    """Detectors of one model share what does not change, and these two are of one file."""
    model, samples = temporal(), synthetic_audio(5, seed=2)
    config = model.config
    front_end = replace(config.front_end, arithmetic="fixed")
    fixed = replace(model, config=replace(config, front_end=front_end))
    there = NativeSpotter(model)
    native, expected = NativeSpotter(fixed), NumpySpotter(fixed)
    for block in np.array_split(samples, 50):
        assert native.push(block) == expected.push(block)
        there.push(block)
        assert native.scores == expected.scores
    assert native.scores != there.scores
