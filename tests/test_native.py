"""The C road as a Python extension gives the same bits as Python, however the stream is cut."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from conftest import skip_without
from small_models import MODELS, Samples, synthetic_audio, temporal

from kws.ds_cnn import DsCnn
from kws.engine.native import AVAILABLE, NativeDsCnn, NativeMfcc, NativeSpotter
from kws.mfcc import Mfcc
from kws.model_file import ModelFile
from kws.posterior import Detection
from kws.spotter import NumpySpotter

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


@pytest.fixture(autouse=True)
def _native() -> None:
    skip_without("the native path (no C compiler when kws was installed)", AVAILABLE)


def cut(values: npt.NDArray[np.generic], sizes: tuple[int, ...]) -> list[npt.NDArray[np.generic]]:
    """The same stream in pieces of these sizes, in turn."""
    edges = np.cumsum(np.tile(sizes, len(values) // sum(sizes) + 1))
    return np.split(values, edges[edges < len(values)])


def detections(model: ModelFile, samples: Samples) -> list[Detection]:
    return NumpySpotter(model).push(samples)


@each_model
def test_features(model: Callable[[], ModelFile]) -> None:
    front_end, samples = model().config.front_end, synthetic_audio(10, seed=2)
    expected = Mfcc(front_end).push(samples)
    native = NativeMfcc(front_end)
    assert native.push(samples).tobytes() == expected.tobytes()
    native.reset()
    pieces = [native.push(piece) for piece in cut(samples, (1, 319, 0, 5000, 320))]
    assert np.concatenate(pieces).tobytes() == expected.tobytes()


@each_model
def test_scores(model: Callable[[], ModelFile]) -> None:
    rows = Mfcc(model().config.front_end).push(synthetic_audio(10, seed=2))
    expected = DsCnn(model()).push(rows)
    native = NativeDsCnn(model())
    assert np.array_equal(native.push(rows), expected)
    native.reset()
    pieces = [native.push(piece) for piece in cut(rows, (1, 40, 0, 3))]
    assert np.array_equal(np.concatenate(pieces), expected)


@each_model
def test_detections(model: Callable[[], ModelFile]) -> None:
    samples = synthetic_audio(20, seed=2)
    expected = detections(model(), samples)
    assert len(expected) > 1
    native = NativeSpotter(model())
    assert native.push(samples) == expected
    assert native.push(samples) != expected  # the state of the first time is still there
    native.reset()
    heard = [native.push(piece) for piece in cut(samples, (1, 320, 0, 7001, 100))]
    assert [detection for some in heard for detection in some] == expected


def test_what_is_no_whole_row_is_refused() -> None:
    native = NativeDsCnn(temporal())
    with pytest.raises(ValueError, match=r"are not \[n, 20\]"):
        native.push(np.zeros(3, np.float32))
