"""Test that a committee in C decides as in Python, whenever its members catch up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_programs import HOST, HOST_FAST, M4_ARDUINO, Target
from conftest import skip_without
from small_models import COMMITTEES, Samples, committee, synthetic_audio
from test_spotter import run_c

from kws.config import SAMPLE_RATE
from kws.engine.native import AVAILABLE, NativeSpotter
from kws.model_file import ModelFile
from kws.posterior import Detection
from kws.spotter import NumpySpotter

models = pytest.mark.parametrize("model", COMMITTEES, ids=lambda model: model.__name__)
SILENCE = np.zeros(4 * SAMPLE_RATE, np.int16)  # in which the members catch up


def with_settings(model: ModelFile, replay_frames: int, bounds: float | None = None) -> ModelFile:
    """Return a model with another budget, and bounds that each step reaches."""
    from kws.training.quantise import embed

    settings = replace(model.config.committee, replay_frames=replay_frames)
    if bounds is not None:
        settings = replace(settings, bounds=(bounds,) * len(settings.bounds))
    config = replace(model.config, committee=settings)
    return ModelFile.parse(embed(model.content, config), "test.tflite")


def by_hops(spotter: NativeSpotter | NumpySpotter, samples: Samples) -> list[Detection]:
    hop = spotter.config.front_end.hop
    return [d for at in range(0, len(samples), hop) for d in spotter.push(samples[at : at + hop])]


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
def test_exported_c_decides_the_same(
    model: Callable[[], ModelFile], target: Target, tmp_path: Path
) -> None:
    slow = with_settings(model(), 2)
    samples = np.concatenate([synthetic_audio(12, seed=3), SILENCE])
    output = run_c(slow, samples, target, tmp_path)
    assert output.detections == NumpySpotter(slow).push(samples)
    assert len(output.detections) > 3
    assert output.dropped == 0


@models
@pytest.mark.parametrize("gate", [True, False], ids=["gate", "no gate"])
@pytest.mark.parametrize("replay_frames", [2, 3, 16])
def test_no_hop_does_more_than_its_share_and_no_frame_is_lost(
    model: Callable[[], ModelFile], replay_frames: int, gate: bool
) -> None:
    """Suspect a keyword at every step, after pauses of any length, too."""
    skip_without("the C engine (no compiler when kws was installed)", AVAILABLE)
    eager = with_settings(model(), replay_frames, 1e-4)
    eager = eager if gate else eager.without_gate()
    native, expected = NativeSpotter(eager), NumpySpotter(eager)
    settings, state = native._model.pointer.committee, native._spotter.committee
    settings.replay_frames = replay_frames
    random = np.random.default_rng(1)
    pauses = [np.zeros(int(random.integers(100, 9000)), np.int16) for _ in range(8)]
    speech = [synthetic_audio(float(random.uniform(0.2, 1.5)), n) for n in range(8)]
    samples = np.concatenate([*(s for pair in zip(speech, pauses, strict=True) for s in pair)])
    samples = np.concatenate([samples, SILENCE])
    hop, found, most = eager.config.front_end.hop, [], 0
    for at in range(0, len(samples), hop):
        found += native.push(samples[at : at + hop])
        lag = state.undecided + state.lag if state.suspected else 0
        most = max(most, lag)
    # One frame more would take the place of one that the members still need: they would have to
    # take frames at once, whatever the time.
    assert 0 < most < settings.kept_frames
    assert not state.suspected
    assert found == expected.push(samples)
    assert len(found) > 5


def test_a_detection_comes_within_the_hops_that_the_report_states() -> None:
    skip_without("the C engine (no compiler when kws was installed)", AVAILABLE)
    from kws.engine.lowering import read_all
    from kws.export.cost import stored_replay

    for replay_frames in (2, 5, 16):
        model = with_settings(committee(), replay_frames).without_gate()
        native, numpy = NativeSpotter(model), NumpySpotter(model)
        native._model.pointer.committee.replay_frames = replay_frames
        stated = stored_replay(read_all(model), model.config).hops
        samples, hop = synthetic_audio(20, seed=3), model.config.front_end.hop
        latest = 0
        for at in range(0, len(samples) - hop, hop):
            numpy.push(samples[at : at + hop])
            native.push(samples[at : at + hop])
            latest = max(latest, native._spotter.committee.undecided)
        assert stated / 4 < latest <= stated
