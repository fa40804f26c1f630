"""Test the energy gate against a plain reference, and what it passes and cuts out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from command_line import SAMPLES
from small_models import synthetic_audio

from kws.audio.audio_file import read_audio
from kws.backend import Spotter
from kws.config import SAMPLE_RATE, FrontEnd, GateConfig, ModelConfig, Smoothing
from kws.gate import MAX_ENERGY, RATIO_ONE, Gate, GateSettings, energies
from kws.mfcc import Mfcc
from kws.model_file import ModelFile
from kws.posterior import Detection
from kws.spotter import NumpySpotter
from kws.types import Samples

HOP = 320
STEP = 2 * HOP
HOME = ModelFile.load().config
HOME_STEP = HOME.stride * HOME.front_end.hop
DEFAULT = GateConfig()
BRIEF = GateConfig(noise_floor_ms=300, pre_roll_ms=90, hangover_ms=150)


def config(gate: GateConfig = DEFAULT, **changes: object) -> ModelConfig:
    return replace(ModelConfig(("word",), (0.5,), stride=2, gate=gate), **changes)


def noise(seconds: float, level: float, seed: int = 0) -> Samples:
    """Return steady noise with `level` as its standard deviation."""
    random = np.random.default_rng(seed)
    return np.rint(random.normal(0, level, round(seconds * SAMPLE_RATE))).astype(np.int16)


def passed(gate: Gate, samples: Samples) -> list[tuple[int, int]]:
    """Return the first sample and the end of each passage, in samples of the stream."""
    passages: list[tuple[int, int]] = []
    end = 0
    for skipped, passage in gate.push(samples):
        start = end + skipped * STEP
        end = start + len(passage)
        assert np.array_equal(samples[start:end], passage)
        passages.append((start, end))
    return passages


def reference(samples: Samples, settings: GateSettings) -> list[bool]:
    """Return whether the gate is open at each hop, sample by sample in Python integers."""
    opened, seen, hangover = [], [], settings.hangover
    for start in range(0, len(samples) - settings.hop + 1, settings.hop):
        hop = samples[start : start + settings.hop].tolist()
        pairs = zip(hop[0::2], hop[1::2], strict=False)
        energy = sum((second - first) ** 2 for first, second in pairs)
        whole = len(seen) // settings.noise_floor_window * settings.noise_floor_window
        before = seen[whole - settings.noise_floor_window : whole] if whole else [0]
        noise_floor = min([*before, *seen[whole:]])
        if energy >= settings.min_energy and energy * RATIO_ONE >= settings.ratio * noise_floor:
            hangover = settings.hangover
        else:
            hangover = max(0, hangover - 1)
        opened.append(hangover > 0)
        seen.append(energy)
    return opened


@pytest.mark.parametrize(
    ("gate_config", "front_end"),
    [
        (GateConfig(), FrontEnd()),
        (BRIEF, FrontEnd()),
        (replace(BRIEF, min_level=0, margin_db=1, hangover_ms=0), FrontEnd()),
        (replace(BRIEF, margin_db=40), FrontEnd(101, 101, 128)),
    ],
    ids=["default", "brief", "restless", "odd hop"],
)
def test_it_opens_and_closes_as_python_integers_do(
    gate_config: GateConfig, front_end: FrontEnd
) -> None:
    settings = config(gate_config, front_end=front_end)
    gate, samples = Gate(settings), synthetic_audio(20, seed=4)
    hops = np.split(samples, range(front_end.hop, len(samples), front_end.hop))
    found = []
    for hop in hops[: len(samples) // front_end.hop]:
        gate.push(hop)
        found.append(gate.open)
    assert found == reference(samples, GateSettings.of(settings))
    assert gate_config == DEFAULT or 0.1 < np.mean(found) < 0.95


@pytest.mark.parametrize("lengths", [(1, 319, 0, 5000, 320), (113,), (40_000,)])
def test_any_division_into_pushes_gives_the_same_passages(lengths: tuple[int, ...]) -> None:
    samples = synthetic_audio(30, seed=5)
    expected = passed(Gate(config(BRIEF)), samples)
    assert len(expected) > 5
    gate, start = Gate(config(BRIEF)), 0
    passages: list[Samples] = []
    gaps: list[int] = []
    while start < len(samples):
        for length in lengths:
            for skipped, passage in gate.push(samples[start : start + length]):
                gaps += [skipped] if skipped else []
                passages.append(passage)
            start += length
    starts = [start for start, _ in expected]
    ends = [0, *(end for _, end in expected)]
    assert gaps == [
        (start - end) // STEP for start, end in zip(starts, ends, strict=False) if start > end
    ]
    assert np.array_equal(
        np.concatenate(passages), np.concatenate([samples[a:b] for a, b in expected])
    )


def test_the_loudest_hop_and_the_longest_fit_their_integers() -> None:
    alternating = np.tile(np.array([-32768, 32767], np.int16), 1024)[None]
    assert energies(alternating).tolist() == [1024 * 65535**2]
    settings = GateSettings.of(config(GateConfig(margin_db=40)))
    assert MAX_ENERGY > 1024 * 65535**2
    assert 1024 * 65535**2 * settings.ratio < 1 << 64  # as gate.c multiplies them
    loud = GateSettings.of(config(GateConfig(min_level=1000), front_end=FrontEnd(2048, 2048, 2048)))
    assert loud.min_energy < 1 << 31


@pytest.mark.parametrize(
    "silence",
    [
        np.zeros(60 * SAMPLE_RATE, np.int16),
        np.full(60 * SAMPLE_RATE, -900, np.int16),
        np.random.default_rng(0).integers(-1, 2, 60 * SAMPLE_RATE).astype(np.int16),
        noise(60, 20),
        noise(60, 3000),
        (300 * np.sin(np.arange(60 * SAMPLE_RATE) * 2 * np.pi * 50 / SAMPLE_RATE)).astype(np.int16),
    ],
    ids=["zeros", "DC", "dither", "weak noise", "fan", "hum"],
)
def test_nothing_passes_in_silence(silence: Samples) -> None:
    settings = GateSettings.of(config())
    [(start, end)] = passed(Gate(config()), silence)
    assert start == 0
    until_the_floor_is_known = settings.noise_floor_window + settings.hangover
    assert end <= until_the_floor_is_known * HOP


@pytest.mark.parametrize("front_end", [FrontEnd(), FrontEnd(hop=416), FrontEnd(640, 640, 1024)])
def test_the_network_has_a_whole_window_before_the_gate_first_closes(front_end: FrontEnd) -> None:
    frames = 95
    gate = Gate(config(BRIEF, front_end=front_end), window_frames=frames)
    [(skipped, passage)] = gate.push(np.zeros(10 * SAMPLE_RATE, np.int16))
    assert skipped == 0
    assert len(Mfcc(front_end).push(passage)) == frames
    assert not gate.open


def test_the_pre_roll_keeps_the_start_of_a_sound() -> None:
    for offset in range(0, 1000, 37):
        gate = Gate(config())
        onset = 20 * SAMPLE_RATE + offset
        samples = np.concatenate([noise(20, 5), noise(offset / SAMPLE_RATE, 5), noise(1, 200)])
        _, (start, end) = passed(gate, samples)
        pre_roll = gate.settings.pre_roll * HOP
        assert onset - pre_roll <= start <= onset - pre_roll + STEP + HOP
        assert end == len(samples) // HOP * HOP


def test_the_hangover_keeps_the_gate_open_after_the_last_loud_hop() -> None:
    gate = Gate(config())
    samples = np.concatenate([noise(20, 5), noise(1, 200), noise(9, 5)])
    _, (_, end) = passed(gate, samples)
    assert end == 21 * SAMPLE_RATE + (gate.settings.hangover - 1) * HOP


def test_the_noise_floor_follows_louder_noise_and_its_end() -> None:
    samples = np.concatenate([noise(20, 5), noise(20, 500), noise(5, 5), noise(1, 20), noise(5, 5)])
    gate = Gate(config())
    louder, word = passed(gate, samples)[1:]
    longest = 2 * gate.settings.noise_floor_window + gate.settings.hangover
    assert louder[1] - 20 * SAMPLE_RATE <= longest * HOP
    assert word[0] < 45 * SAMPLE_RATE < word[1]


def test_it_does_not_close_in_long_speech() -> None:
    """Take noise whose loudness rises and falls four times a second for a minute."""
    samples = noise(60, 1000) * np.sin(np.arange(60 * SAMPLE_RATE) * 2 * np.pi * 2 / SAMPLE_RATE)
    passages = passed(Gate(config()), np.concatenate([noise(20, 5), samples.astype(np.int16)]))
    assert passages[-1][1] - passages[-1][0] > 60 * SAMPLE_RATE


def test_a_gate_that_is_off_passes_everything_as_it_comes() -> None:
    gate = Gate(config(GateConfig(on=False)))
    for length in (1, 319, 4000):
        [(skipped, samples)] = gate.push(np.zeros(length, np.int16))
        assert (skipped, len(samples)) == (0, length)
    assert gate.open


def test_two_detections_cannot_fall_in_one_pre_roll() -> None:
    brief = Smoothing(smooth_steps=1, max_steps=1, refractory_steps=3)
    assert GateSettings.of(config(smoothing=brief)).pre_roll == 6
    assert GateSettings.of(config(GateConfig(pre_roll_ms=0))).pre_roll == 2
    assert GateSettings.of(config(GateConfig(pre_roll_ms=401))).pre_roll == 21


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"margin_db": 0.5}, "margin_db 0.5 "),
        ({"margin_db": 41.0}, "margin_db 41.0 "),
        ({"margin_db": float("nan")}, "margin_db nan "),
        ({"min_level": -1.0}, "min_level -1.0 "),
        ({"min_level": 1001.0}, "min_level 1001.0 "),
        ({"noise_floor_ms": 99}, "noise_floor_ms 99 "),
        ({"pre_roll_ms": -1}, "pre_roll_ms -1 "),
        ({"hangover_ms": 10_001}, "hangover_ms 10001 "),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, float], complaint: str) -> None:
    with pytest.raises(Exception, match=f"^model settings: {complaint}"):
        replace(GateConfig(), **change)


def test_a_model_file_from_before_the_gate_has_the_default_one() -> None:
    values = config().to_dict()
    assert values.pop("gate")["on"] is True
    assert ModelConfig.from_dict(json.loads(json.dumps(values))).gate == GateConfig()
    values["gate"] = {"on": 1}
    with pytest.raises(Exception, match="gate: on is not true or false"):
        ModelConfig.from_dict(values)
    assert ModelFile.load().config.gate.on
    assert not ModelFile.load().without_gate().config.gate.on


def silence(seconds: float, level: float) -> Samples:
    """Return weak noise, in whole steps."""
    return noise(round(seconds * SAMPLE_RATE) // HOME_STEP * HOME_STEP / SAMPLE_RATE, level, seed=9)


@pytest.mark.parametrize(("level", "tolerance"), [(0.0, 0), (0.7, 0), (8.0, HOME_STEP)])
@pytest.mark.parametrize("file", ["smart_mirror_news.flac", "jarvis_door.flac", "alexa_rain.flac"])
def test_a_keyword_after_long_silence_is_detected_at_the_same_sample(
    file: str, level: float, tolerance: int
) -> None:
    """Allow a step where the network's window begins in other noise than without the gate."""
    clip = read_audio(SAMPLES / file)
    clip = clip[: len(clip) // HOME_STEP * HOME_STEP]
    before, between, after = (silence(seconds, level) for seconds in (30, 40, 5))
    samples = np.concatenate([before, clip, between, clip, after])
    model = ModelFile.load()
    expected = Spotter(model.without_gate()).push(samples)
    assert len(expected) == 2
    found = Spotter(model).push(samples)
    assert [d.keyword for d in found] == [d.keyword for d in expected]
    for detection, reference in zip(found, expected, strict=True):
        assert abs(detection.sample - reference.sample) <= tolerance
    processed = sum(len(passage) for _, passage in Gate(model.config).push(samples))
    assert processed < 25 * SAMPLE_RATE < len(samples)


def test_the_refractory_time_goes_on_while_the_gate_is_closed() -> None:
    """Compare with no gate: a keyword, silence of about the refractory time, the keyword again.

    Allow a step, since the network's window begins in other noise than without the gate.
    """
    clip = read_audio(SAMPLES / "computer_lights.flac")
    model = ModelFile.load()
    smoothing = replace(model.config.smoothing, refractory_steps=10 * SAMPLE_RATE // HOME_STEP)
    model = replace(model, config=replace(model.config, smoothing=smoothing))
    counts = set()
    for gap in (2, 4, 5, 6, 7, 8, 12):
        samples = np.concatenate([silence(10, 3), clip, silence(gap, 3), clip, silence(3, 3)])
        expected = Spotter(model.without_gate()).push(samples)
        found = Spotter(model).push(samples)
        assert len(found) == len(expected)
        for detection, reference in zip(found, expected, strict=True):
            assert abs(detection.sample - reference.sample) <= HOME_STEP
        counts.add(len(found))
    assert counts == {1, 2}


def test_years_of_silence() -> None:
    clip = read_audio(SAMPLES / "jarvis_door.flac")
    spotter = NumpySpotter(ModelFile.load())
    spotter.push(silence(10, 3))
    assert not spotter.gate.open
    assert set(spotter.scores.values()) == {0.0}
    years = 5 * 365 * 86_400 * SAMPLE_RATE // HOME_STEP  # steps
    spotter.gate._skipped += years
    [late] = spotter.push(clip)
    spotter.reset()
    [soon] = spotter.push(np.concatenate([silence(10, 3), clip]))
    assert late == Detection(soon.sample + years * HOME_STEP, soon.keyword, soon.confidence)
