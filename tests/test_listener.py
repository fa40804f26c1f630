"""Listening to a source: its detections, on the shipped samples."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import soundfile
from block_source import BlockSource
from command_line import SAMPLES

from kws.audio.audio_file import AudioFile
from kws.audio.raw_stream import RawStream
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.listener import FLUSH_SECONDS, listen
from kws.model_file import ModelFile
from kws.posterior import Detection
from kws.spotter import NumpySpotter

EXPECTED = json.loads((SAMPLES / "expected.json").read_text())


@pytest.fixture(scope="module")
def spotter():
    return NumpySpotter(ModelFile.load())


def samples_of(file):
    return soundfile.read(SAMPLES / file, dtype="int16")[0]


def pipe(samples):
    return RawStream(io.BytesIO(samples.tobytes()))


def detections(source, spotter):
    return list(listen(source, spotter))


def test_silence_surrounds_a_stream(spotter):
    samples = samples_of("all_keywords.flac")
    flush = round(FLUSH_SECONDS * SAMPLE_RATE)
    spotter.reset()
    whole = np.concatenate([samples, np.zeros(flush, np.int16)])
    expected = [(d.sample, d.keyword, d.confidence) for d in spotter.push(whole)]
    assert len(expected) == 4
    found = detections(AudioFile(SAMPLES / "all_keywords.flac"), spotter)
    assert [(d.sample, d.keyword, d.confidence) for d in found] == expected


def test_the_silence_before_a_stream_is_whole_steps_and_fills_the_window(spotter):
    step = spotter.config.stride * spotter.config.front_end.hop
    priming = spotter.config.priming_samples(spotter.window_frames)
    assert priming % step == 0
    assert 0 <= priming - spotter.window_frames * spotter.config.front_end.hop < step


@pytest.mark.slow
def test_every_source_and_block_length_gives_the_same_detections(spotter):
    samples = samples_of("all_keywords.flac")
    found = detections(AudioFile(SAMPLES / "all_keywords.flac"), spotter)
    assert detections(pipe(samples), spotter) == found
    for length in (113, 640, 16_000):
        blocks = np.split(samples, range(length, len(samples), length))
        assert detections(BlockSource(blocks), spotter) == found


def test_nothing_of_an_earlier_stream_is_left(spotter):
    before = detections(AudioFile(SAMPLES / "computer_moon.flac"), spotter)
    samples = samples_of("computer_moon.flac")
    _, start, _ = EXPECTED["computer_moon.flac"][0]
    detections(pipe(samples[: round(start * SAMPLE_RATE) + 4000]), spotter)
    assert detections(AudioFile(SAMPLES / "computer_moon.flac"), spotter) == before


@pytest.mark.parametrize("file", ["computer_lights.flac", "jarvis_door.flac"])
def test_a_keyword_at_the_end_of_a_file_is_found(spotter, file):
    [(keyword, start, end)] = EXPECTED[file]
    samples = samples_of(file)[: round(end * SAMPLE_RATE)]
    [found] = detections(pipe(samples), spotter)
    assert found.keyword == keyword
    assert start < found.time <= end + FLUSH_SECONDS


@pytest.mark.parametrize("file", ["computer_lights.flac", "jarvis_door.flac"])
def test_a_file_that_contains_only_a_keyword_is_found(spotter, file):
    [(keyword, start, end)] = EXPECTED[file]
    samples = samples_of(file)[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    [found] = detections(pipe(samples), spotter)
    assert found.keyword == keyword
    assert 0 < found.time <= end - start + FLUSH_SECONDS


def test_on_block_gets_every_block_but_not_the_added_silence(spotter):
    samples = samples_of("jarvis_music.flac")
    shown: list[np.ndarray] = []
    list(listen(pipe(samples), spotter, shown.append))
    np.testing.assert_array_equal(np.concatenate(shown), samples)


def test_detections_before_a_failure_are_yielded(spotter, tmp_path):
    samples = samples_of("computer_lights.flac")
    path = tmp_path / "broken.flac"
    noise = np.random.default_rng(0).integers(-100, 100, 30 * SAMPLE_RATE).astype(np.int16)
    soundfile.write(path, np.concatenate([samples, noise]), SAMPLE_RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    found: list[Detection] = []
    with pytest.raises(KwsError, match="damaged or cut short"):
        found += listen(AudioFile(path), spotter)
    assert [d.keyword for d in found] == ["computer"]


@pytest.mark.parametrize("longest", [0, -1, 1e-9, float("nan")])
def test_a_block_holds_a_sample_at_least(spotter, longest):
    with pytest.raises(KwsError, match="holds no sample"):
        list(listen(BlockSource([]), spotter, max_block=longest))


def test_a_block_may_have_any_length(spotter):
    source = BlockSource([samples_of("jarvis_door.flac")])
    assert [d.keyword for d in listen(source, spotter, max_block=float("inf"))] == ["jarvis"]


def test_an_empty_stream_is_silence(spotter):
    assert detections(BlockSource([]), spotter) == []
