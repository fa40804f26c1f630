"""Test the whole pipeline: priming, backends, scores and room for detections, in Python and C."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from c_programs import HOST, M4_ARDUINO, Target
from command_line import SAMPLES
from conftest import skip_without
from small_models import Samples, short_window, synthetic_audio, temporal

from kws import Detection, ModelFile, Spotter
from kws.audio.audio_file import read_audio
from kws.backend import AVAILABLE, SpotterBackend
from kws.config import SAMPLE_RATE, Smoothing
from kws.engine.native import NativeSpotter
from kws.export.sketch import export
from kws.posterior import ONE, quantise_threshold
from kws.spotter import NumpySpotter

EXPECTED = json.loads((SAMPLES / "expected.json").read_text())
backends = pytest.mark.parametrize("backend", ["c", "numpy"])


@pytest.fixture(autouse=True)
def _needs_c(request: pytest.FixtureRequest) -> None:
    if "backend" in request.fixturenames and request.getfixturevalue("backend") == "c":
        skip_without("the C engine (no compiler when kws was installed)", AVAILABLE)


def keyword_alone(file: str = "computer_lights.flac") -> tuple[str, Samples]:
    """Return a keyword and a stream that begins with it and ends half a second after it."""
    [(keyword, start, end)] = EXPECTED[file]
    samples = read_audio(SAMPLES / file)[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    return keyword, np.concatenate([samples, np.zeros(SAMPLE_RATE // 2, np.int16)])


@dataclass
class Output:
    """Hold what tests/c/detect.c wrote."""

    detections: list[Detection]
    dropped: int
    maximum: int  # detections of a push, dropped ones included


def run_c(
    model: ModelFile,
    samples: Samples,
    target: Target,
    folder: Path,
    hops: int = 1,
    refractory_steps: int = 0,
    threshold: float = 0.0,
) -> Output:
    """Run tests/c/detect.c with an exported model on samples, in pushes of so many hops.

    threshold: of all keywords, in place of the model's.
    """
    (folder / "test.tflite").write_bytes(model.content)
    export(folder / "test.tflite", folder / "c")
    binary = target.build(folder / "c", "detect")
    quantised = quantise_threshold(threshold) if threshold else 0
    settings = np.array([hops, refractory_steps, quantised], np.uint16)
    output = target.run(binary, settings.tobytes() + samples.tobytes(), folder)
    *words, dropped, maximum, end = np.frombuffer(output, "<u4").tolist()
    assert end == 0xFFFFFFFF
    detections = [
        Detection(low + (high << 32), model.config.keywords[keyword], confidence / ONE)
        for low, high, keyword, confidence in np.array(words, np.int64).reshape(-1, 4).tolist()
    ]
    return Output(detections, dropped, maximum)


@backends
@pytest.mark.parametrize("file", ["computer_lights.flac", "jarvis_door.flac"])
def test_a_keyword_at_the_start_of_a_stream_is_detected(backend: str, file: str) -> None:
    keyword, samples = keyword_alone(file)
    spotter = Spotter(backend=backend)
    [found] = spotter.push(samples)
    assert found.keyword == keyword
    assert 0 < found.time < len(samples) / SAMPLE_RATE
    spotter.reset()
    assert spotter.push(samples) == [found]


@pytest.mark.slow
@pytest.mark.parametrize("target", [HOST, M4_ARDUINO], ids=lambda target: target.name)
def test_a_keyword_at_the_start_of_a_stream_is_detected_in_c(
    target: Target, tmp_path: Path
) -> None:
    keyword, samples = keyword_alone()
    model = ModelFile.load()
    output = run_c(model, samples, target, tmp_path)
    assert [detection.keyword for detection in output.detections] == [keyword]
    assert output.detections == Spotter(model).push(samples)
    assert output.dropped == 0


@backends
def test_scores_are_the_greatest_of_the_latest_push(backend: str) -> None:
    samples = read_audio(SAMPLES / "computer_lights.flac")[: 3 * SAMPLE_RATE]
    model = ModelFile.load().without_gate()
    spotter, by_hops = (Spotter(model, backend) for _ in range(2))
    hop = model.config.front_end.hop
    greatest = dict.fromkeys(model.config.keywords, 0.0)
    for at in range(0, len(samples), hop):
        by_hops.push(samples[at : at + hop])
        greatest = {name: max(greatest[name], by_hops.scores[name]) for name in greatest}
    spotter.push(samples)
    assert spotter.scores == greatest
    assert spotter.scores != by_hops.scores
    spotter.push(samples[:0])  # completes no step: the latest one
    assert spotter.scores == by_hops.scores


@backends
def test_scores_are_0_while_the_gate_is_closed(backend: str) -> None:
    spotter = Spotter(backend=backend)
    spotter.push(read_audio(SAMPLES / "computer_lights.flac"))
    assert max(spotter.scores.values()) > 0
    spotter.push(np.zeros(10 * SAMPLE_RATE, np.int16))
    assert set(spotter.scores.values()) == {0.0}


def frequent(model: ModelFile, refractory_steps: int) -> ModelFile:
    """Return a model with thresholds that many steps reach, each step by itself."""
    from kws.training.quantise import embed

    smoothing = Smoothing(smooth_steps=1, max_steps=1, refractory_steps=refractory_steps)
    thresholds = (1e-4,) * len(model.config.keywords)
    config = replace(model.config, smoothing=smoothing, thresholds=thresholds)
    return ModelFile.parse(embed(model.content, config), "frequent.tflite")


def in_blocks(spotter: SpotterBackend, samples: Samples, hops: int) -> list[list[Detection]]:
    """Return the detections of each push of so many hops."""
    size = hops * spotter.config.front_end.hop
    return [spotter.push(samples[start : start + size]) for start in range(0, len(samples), size)]


@backends
def test_a_long_block_gives_all_its_detections(backend: str) -> None:
    model, samples = frequent(temporal(), 1), synthetic_audio(20, seed=3)
    expected = [d for found in in_blocks(Spotter(model, backend), samples, 1) for d in found]
    assert len(expected) > 100
    assert Spotter(model, backend).push(samples) == expected


@pytest.mark.slow
def test_c_writes_no_more_detections_than_there_is_room_for(tmp_path: Path) -> None:
    """Run under AddressSanitizer, in pushes of 20 hops and with room for two detections."""
    model, samples = frequent(temporal(), 1), synthetic_audio(20, seed=3)
    output = run_c(model, samples, HOST, tmp_path, hops=20)
    expected = in_blocks(Spotter(model), samples, 20)
    assert output.maximum == max(map(len, expected)) > 4
    assert output.detections == [detection for found in expected for detection in found[:2]]
    assert output.dropped == sum(map(len, expected)) - len(output.detections) > 0


@pytest.mark.slow
def test_the_pre_roll_of_one_hop_may_complete_several_detections(tmp_path: Path) -> None:
    """Shorten the refractory time to a step after the pre-roll was limited to what it was."""
    model, samples = frequent(short_window(), 20), synthetic_audio(20, seed=3)
    numpy = NumpySpotter(model)
    smoothing = replace(model.config.smoothing, refractory_steps=1)
    numpy.posterior.config = replace(model.config, smoothing=smoothing)
    expected = in_blocks(numpy, samples, 1)
    assert max(map(len, expected)) >= 8
    output = run_c(model, samples, HOST, tmp_path, refractory_steps=1)
    assert output.maximum == max(map(len, expected))
    assert output.detections == [detection for found in expected for detection in found[:2]]
    assert output.dropped == sum(map(len, expected)) - len(output.detections)
    if AVAILABLE:
        native = NativeSpotter(model)
        native._model.pointer.posterior.refractory_steps = 1
        assert in_blocks(native, samples, 1) == expected
