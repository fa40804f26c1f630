"""Test that a committee in C decides as in Python, with the push that completes a step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_programs import HOST, HOST_FAST, M4_ARDUINO, Target
from command_line import SAMPLES
from conftest import skip_without
from small_models import COMMITTEES, Samples, committee, synthetic_audio
from test_spotter import run_c

from kws.audio.audio_file import read_audio
from kws.backend import Spotter, SpotterBackend
from kws.engine.native import AVAILABLE, NativeSpotter
from kws.model_file import ModelFile
from kws.posterior import Detection
from kws.sensitivity import with_sensitivity
from kws.spotter import NumpySpotter

models = pytest.mark.parametrize("model", COMMITTEES, ids=lambda model: model.__name__)


def eager(model: ModelFile) -> ModelFile:
    """Return a model whose first member suspects a keyword at each step."""
    return bound_by(model, 1e-4)


def bound_by(model: ModelFile, bound: float) -> ModelFile:
    """Return a model with another bound."""
    from kws.training.quantise import embed

    settings = replace(model.config.committee, bounds=(bound,) * len(model.config.keywords))
    config = replace(model.config, committee=settings)
    return ModelFile.parse(embed(model.content, config), "test.tflite")


def by_hops(spotter: SpotterBackend, samples: Samples) -> list[list[Detection]]:
    """Return the detections of each push of a hop."""
    hop = spotter.config.front_end.hop
    return [spotter.push(samples[at : at + hop]) for at in range(0, len(samples), hop)]


@models
def test_native_equals_python_at_every_hop(model: Callable[[], ModelFile]) -> None:
    skip_without("the C engine (no compiler when kws was installed)", AVAILABLE)
    for each in (model(), model().without_gate()):
        native, numpy = NativeSpotter(each), NumpySpotter(each)
        assert native.window_frames == numpy.window_frames
        samples, hop = synthetic_audio(12, seed=3), each.config.front_end.hop
        found = 0
        for at in range(0, len(samples), hop):
            detections = numpy.push(samples[at : at + hop])
            assert native.push(samples[at : at + hop]) == detections
            assert native.scores == numpy.scores
            found += len(detections)
        assert found > 3


@pytest.mark.slow
@models
@pytest.mark.parametrize("target", [HOST, HOST_FAST, M4_ARDUINO], ids=lambda t: t.name)
def test_exported_c_decides_the_same_and_holds_nothing(
    model: Callable[[], ModelFile], target: Target, tmp_path: Path
) -> None:
    """End the stream with the hop that completes the last detection."""
    model_, samples = model(), synthetic_audio(12, seed=3)
    pushes = by_hops(NumpySpotter(model_), samples)
    last = max(index for index, found in enumerate(pushes) if found)
    samples = samples[: (last + 1) * model_.config.front_end.hop]
    output = run_c(model_, samples, target, tmp_path)
    assert output.detections == [detection for found in pushes for detection in found]
    assert len(output.detections) > 3
    assert output.dropped == 0


@models
@pytest.mark.parametrize("gate", [True, False], ids=["gate", "no gate"])
def test_a_detection_comes_with_the_push_that_completes_it(
    model: Callable[[], ModelFile], gate: bool
) -> None:
    """Suspect a keyword at every step, also before and after pauses of any length."""
    skip_without("the C engine (no compiler when kws was installed)", AVAILABLE)
    model_ = eager(model())
    model_ = model_ if gate else model_.without_gate()
    random = np.random.default_rng(1)
    pauses = [np.zeros(int(random.integers(100, 9000)), np.int16) for _ in range(8)]
    speech = [synthetic_audio(float(random.uniform(0.2, 1.5)), n) for n in range(8)]
    samples = np.concatenate([*(s for pair in zip(speech, pauses, strict=True) for s in pair)])
    expected = by_hops(NumpySpotter(model_), samples)
    assert by_hops(NativeSpotter(model_), samples) == expected
    assert sum(map(len, expected)) > 5


@models
def test_native_lowers_the_bounds_with_the_thresholds(model: Callable[[], ModelFile]) -> None:
    """Change them in the middle of a stream."""
    skip_without("the C engine (no compiler when kws was installed)", AVAILABLE)
    deaf = bound_by(model(), 1.0)
    native, numpy = Spotter(deaf, "c"), Spotter(deaf, "numpy")
    found = []
    for seed, part in enumerate((1.0, 0.5, 0.02, 1.0)):
        thresholds = {
            keyword: part * threshold
            for keyword, threshold in zip(deaf.config.keywords, deaf.config.thresholds, strict=True)
        }
        for spotter in (native, numpy):
            spotter.set_thresholds(thresholds)
        found.append(by_hops(native, synthetic_audio(4, seed)))
        assert found[-1] == by_hops(numpy, synthetic_audio(4, seed))
    assert not any(found[0])
    assert any(found[2])


@pytest.mark.slow
def test_native_shows_what_python_shows_where_a_woken_committee_is_sure_of_no_keyword() -> None:
    """Its mean is 0 there, while the first stage suspects the keyword."""
    skip_without("the C engine (no compiler when kws was installed)", AVAILABLE)
    home = ModelFile.load("home").with_sensitivity(None, {"computer": 0.5, "jarvis": 0.5})
    native, numpy = NativeSpotter(home), NumpySpotter(home)
    samples, shown = read_audio(SAMPLES / "all_keywords.flac"), []
    for at in range(0, len(samples), 832):
        assert native.push(samples[at : at + 832]) == numpy.push(samples[at : at + 832])
        assert native.scores == numpy.scores
        shown += numpy.scores.values()
    assert shown.count(0.0) > 10


@pytest.mark.parametrize("sensitivity", ["low", "normal", "high"])
def test_a_board_leaves_out_members_that_cannot_change_a_decision(sensitivity: str) -> None:
    """What it shows differs from a laptop, at steps without a detection."""
    skip_without("the C engine (no compiler when kws was installed)", AVAILABLE)
    config = with_sensitivity(ModelFile.load("home").config, sensitivity)
    laptop, board = (NativeSpotter(replace(ModelFile.load("home"), config=config)) for _ in "ab")
    board._spotter.committee.every_average = False
    samples = np.concatenate([read_audio(path) for path in sorted(SAMPLES.glob("*.flac"))])
    thresholds = dict(zip(config.keywords, config.thresholds, strict=True))
    found, differing = 0, 0
    for at in range(0, len(samples), config.front_end.hop):
        hop = samples[at : at + config.front_end.hop]
        detections = laptop.push(hop)
        assert board.push(hop) == detections
        found += len(detections)
        for keyword, score in board.scores.items():
            if score != laptop.scores[keyword]:
                assert max(score, laptop.scores[keyword]) < thresholds[keyword]
                differing += 1
    assert found > 8
    assert differing > 20


@pytest.mark.slow
def test_exported_c_lowers_the_bounds_with_the_thresholds(tmp_path: Path) -> None:
    deaf, samples = bound_by(committee(), 1.0), synthetic_audio(12, seed=3)
    least = 0.02 * min(deaf.config.thresholds)
    lowered = Spotter(deaf, "numpy", thresholds=dict.fromkeys(deaf.config.keywords, least))
    expected = lowered.push(samples)
    assert expected
    assert run_c(deaf, samples, HOST, tmp_path).detections == []
    assert run_c(deaf, samples, HOST, tmp_path, threshold=least).detections == expected
