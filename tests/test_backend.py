"""Test the choice of the backend, and that both give the same."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from command_line import all_keywords
from conftest import skip_without
from small_models import synthetic_audio, temporal

import kws
from kws import ModelFile, Spotter
from kws.backend import AVAILABLE
from kws.errors import KwsError


@pytest.mark.parametrize("gate", [True, False])
def test_backends_agree_from_the_first_sample_on(gate: bool) -> None:
    skip_without("the C engine (no compiler when kws was installed)", AVAILABLE)
    model, samples = temporal(), synthetic_audio(10, seed=4)
    model = model if gate else model.without_gate()
    spotters = [Spotter(model, backend) for backend in ("c", "numpy")]
    lengths = np.random.default_rng(1).geometric(1 / 2000, 200)
    for block in np.split(samples, np.cumsum(lengths[np.cumsum(lengths) < len(samples)])):
        c, numpy = (spotter.push(block) for spotter in spotters)
        assert c == numpy
        assert spotters[0].scores == spotters[1].scores


def test_thresholds_change_in_the_middle_of_a_stream_on_both_backends() -> None:
    skip_without("the C engine (no compiler when kws was installed)", AVAILABLE)
    model, samples = temporal(), synthetic_audio(20, seed=4)
    spotters = [Spotter(model, backend) for backend in ("c", "numpy")]
    random = np.random.default_rng(2)
    found = []
    for block in np.array_split(samples, 100):
        thresholds = {
            keyword: float(random.choice([1.0, random.uniform(0.01, 1)]))
            for keyword in random.choice(model.config.keywords, 1)
        }
        for spotter in spotters:
            spotter.set_thresholds(thresholds)
        c, numpy = (spotter.push(block) for spotter in spotters)
        assert c == numpy
        assert spotters[0].config == spotters[1].config
        (keyword, threshold), *_ = thresholds.items()
        assert spotters[0].config.thresholds[model.config.keywords.index(keyword)] == threshold
        found += c
    assert len({detection.keyword for detection in found}) > 1
    assert [d.confidence for d in found] != sorted(d.confidence for d in found)


@pytest.mark.parametrize("backend", ["c", "numpy"])
def test_changed_thresholds_are_those_of_a_spotter_that_had_them_from_the_start(backend) -> None:
    skip_without("the C engine (no compiler when kws was installed)", backend != "c" or AVAILABLE)
    samples = all_keywords()
    thresholds = {"computer": 1.0, "ALEXA": 0.4}
    changed = Spotter("home", backend)
    before = [detection.keyword for detection in changed.push(samples)]
    changed.reset()
    changed.set_thresholds(thresholds)
    changed.reset()  # which keeps them
    after = changed.push(samples)
    assert after == Spotter("home", backend, thresholds=thresholds).push(samples)
    assert "computer" in before
    assert "computer" not in [detection.keyword for detection in after]


@pytest.mark.parametrize("thresholds", [{"computer": 0.0}, {"computer": 1.1}, {"nobody": 0.5}])
def test_a_threshold_that_cannot_be_changes_nothing(thresholds: dict[str, float]) -> None:
    spotter = Spotter("home")
    before = spotter.config
    with pytest.raises(KwsError):
        spotter.set_thresholds({"alexa": 0.4, **thresholds})
    assert spotter.config == before


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(KwsError, match="no backend named 'cuda'; there are: c, numpy"):
        Spotter(backend="cuda")


def test_c_is_refused_where_it_was_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kws.backend.AVAILABLE", False)
    with pytest.raises(KwsError, match="without a C compiler"):
        Spotter(backend="c")


def test_a_model_is_a_name_a_path_or_loaded(tmp_path: Path) -> None:
    model = ModelFile.load()
    (tmp_path / "copy.tflite").write_bytes(model.content)
    for given in ("home", model, tmp_path / "copy.tflite", str(tmp_path / "copy.tflite")):
        assert kws.Spotter(given).config == model.config


@pytest.mark.parametrize("backend", ["c", "numpy"])
@pytest.mark.parametrize(
    "samples",
    [np.zeros(800, np.float32), np.zeros((800, 2), np.int16), np.zeros(800, np.int64)],
    ids=["float", "stereo", "wide"],
)
def test_samples_of_another_type_or_shape_are_refused(backend: str, samples: np.ndarray) -> None:
    skip_without("the C engine (no compiler when kws was installed)", backend != "c" or AVAILABLE)
    with pytest.raises(ValueError, match="samples must be int16"):
        Spotter(temporal(), backend).push(samples)


def test_threads_that_share_a_spotter_take_turns() -> None:
    """Push and reset from four threads; without a lock the engine's memory is soon damaged."""
    spotter, samples = Spotter(temporal()), synthetic_audio(5, seed=6)
    expected = spotter.push(samples)

    def use(number: int) -> None:
        for start in range(0, len(samples), 1600):
            spotter.push(samples[start : start + 1600])
            if number == 0:
                spotter.reset()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(use, range(4)))
    spotter.reset()
    assert spotter.push(samples) == expected


def test_spotters_of_a_model_share_its_weights_but_no_state_or_threshold() -> None:
    skip_without("the C engine (no compiler when kws was installed)", AVAILABLE)
    model, samples = temporal(), synthetic_audio(10, seed=4)
    expected = Spotter(model).push(samples)
    assert expected
    strict = Spotter(model, thresholds=dict.fromkeys(model.config.keywords, 1.0))
    first, second = Spotter(model), Spotter(ModelFile(model.name, model.content, model.config))
    shared = [spotter._backend._model for spotter in (strict, first, second)]
    assert shared[0] is shared[1] is shared[2]
    assert first._backend._memory != second._backend._memory
    found = []
    for block in np.array_split(samples, 50):
        found += first.push(block)
        strict.push(block)
        second.push(block[::2])  # another stream, which disturbs nothing
    assert found == expected
    assert strict.push(samples) == []
    assert Spotter(model.without_gate())._backend._model is not shared[0]


def test_what_spotters_share_goes_with_the_last_of_them() -> None:
    skip_without("the C engine (no compiler when kws was installed)", AVAILABLE)
    spotter = Spotter(temporal())
    shared = weakref.ref(spotter._backend._model)
    del spotter
    gc.collect()
    assert shared() is None
