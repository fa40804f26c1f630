"""Test the conditions that utterances are changed to."""

from __future__ import annotations

import numpy as np
import pytest

from kws.config import SAMPLE_RATE
from kws.evaluation.conditions import (
    ALONE,
    CLEAN,
    LEVEL,
    ORDER,
    ORDER_GAP,
    RUNNING,
    RUNNING_GAP,
    SILENCE,
    Material,
    WordRecording,
    changed,
    conditions,
    find_word,
    trimmed,
)
from kws.evaluation.noise_mixing import greatest_energy

RANDOM = np.random.default_rng(1)
NO_SOUND = np.zeros(0, np.int16)


def sound(seconds: float, level: float = 3000.0) -> np.ndarray:
    return RANDOM.normal(0, level, round(seconds * SAMPLE_RATE)).astype(np.int16)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


WORD = WordRecording(np.concatenate([silence(1), sound(0.5), silence(1)]), 16_000, 24_000)
SPEECH = [sound(seconds, 900) for seconds in (1.5, 2, 4)]
EVERYTHING = Material(SPEECH, SPEECH[:1], sound(5))


def found(name: str, count: int = 1, material: Material = EVERYTHING) -> list[WordRecording]:
    chosen = {name: conditions(material)[name]}
    return [word for _, word in changed([WORD] * count, chosen, "computer")]


def runs_of_sound(samples: np.ndarray) -> list[tuple[int, int]]:
    """Return starts and ends of sound with more than 10 ms of silence around it."""
    heard = np.flatnonzero(samples)
    cuts = np.flatnonzero(np.diff(heard) > 160)
    return list(zip(heard[[0, *(cuts + 1)]], heard[[*cuts, -1]] + 1, strict=True))


def test_conditions_without_material_are_left_out() -> None:
    names = set(conditions(EVERYTHING))
    assert set(conditions(Material([], [], sound(1)))) == {
        *(CLEAN, ALONE, "noise, 10 dB", "rooms", "rooms, noise, 15 dB"),
        *("telephone band", "tempo 0.85", "tempo 1.2"),
    }
    quiet = set(conditions(Material(SPEECH, SPEECH, NO_SOUND)))
    assert quiet == {name for name in names if "noise" not in name}
    assert names - set(conditions(Material(SPEECH, [], sound(1)))) == {ORDER}


def test_a_word_stands_alone_between_silences() -> None:
    (word,) = found(ALONE)
    assert not word.samples[:SILENCE].any()
    assert not word.samples[-SILENCE:].any()
    assert np.array_equal(word.samples[word.start : word.end], WORD.samples[16_000:24_000])
    assert len(word.samples) == 2 * SILENCE + 8000 + 2 * 1600


def test_an_order_follows_at_an_equal_level() -> None:
    for word in found(ORDER, 9):
        (start, end), (first, last) = runs_of_sound(word.samples)
        assert (start, end) == pytest.approx((word.start, word.end), abs=2)
        assert ORDER_GAP[0] <= (first - end) / SAMPLE_RATE <= ORDER_GAP[1] + 0.001
        assert last - first == pytest.approx(1.5 * SAMPLE_RATE, abs=400)
        ratio = greatest_energy(word.samples[first:last]) / greatest_energy(WORD.samples)
        assert ratio == pytest.approx(1, rel=0.1)


def test_speech_runs_before_and_after_a_word() -> None:
    for word in found(RUNNING, 9):
        before, own, after = runs_of_sound(word.samples)
        assert own == pytest.approx((word.start, word.end), abs=2)
        assert RUNNING_GAP[0] <= (own[0] - before[1]) / SAMPLE_RATE <= RUNNING_GAP[1] + 0.001
        assert RUNNING_GAP[0] <= (after[0] - own[1]) / SAMPLE_RATE <= RUNNING_GAP[1] + 0.001
        for start, end in (before, after):
            assert 1.4 <= (end - start) / SAMPLE_RATE <= 3


@pytest.mark.parametrize("name", ["babble of 8, 5 dB", "noise, 10 dB"])
def test_noise_has_its_ratio(name: str) -> None:
    snr = float(name.split()[-2])
    (word,) = found(name)
    added = word.samples.astype(np.int64) - WORD.samples
    ratio = greatest_energy(WORD.samples) / greatest_energy(added)
    assert 10 * np.log10(ratio) == pytest.approx(snr, abs=0.5)


def test_a_room_rings_after_a_word_as_loud_as_before() -> None:
    for word in found("rooms", 5):
        assert greatest_energy(word.samples) == pytest.approx(
            greatest_energy(WORD.samples), rel=0.02
        )
        assert word.samples[: word.start - 200].any() == np.bool_(False)
        assert np.abs(word.samples[word.end : word.end + 1600]).mean() > 10


def test_a_telephone_is_narrow() -> None:
    (word,) = found("telephone band")
    assert len(word.samples) == len(WORD.samples)
    spectrum = np.abs(np.fft.rfft(word.samples[word.start : word.end])) ** 2
    hertz = np.fft.rfftfreq(word.end - word.start, 1 / SAMPLE_RATE)
    inside = spectrum[(hertz > 400) & (hertz < 3200)].mean()
    assert spectrum[hertz > 4200].mean() < 1e-3 * inside
    assert spectrum[hertz < 150].mean() < 1e-2 * inside
    before = np.abs(np.fft.rfft(WORD.samples[WORD.start : WORD.end])) ** 2
    assert inside == pytest.approx(before[(hertz > 400) & (hertz < 3200)].mean(), rel=0.1)


def test_a_tempo_moves_the_word() -> None:
    (word,) = found("tempo 0.85")
    runs = runs_of_sound(word.samples)
    assert (word.start, word.end) == pytest.approx((runs[0][0], runs[-1][1]), abs=400)
    assert word.end - word.start == pytest.approx(8000 / 0.85, abs=2)


def test_the_same_command_gives_the_same_bits_whatever_else_is_made() -> None:
    whole = [*changed([WORD] * 3, conditions(EVERYTHING), "computer")]
    again = [*changed([WORD] * 3, conditions(EVERYTHING), "computer")]
    pairs = zip(whole, again, strict=True)
    assert all(np.array_equal(a.samples, b.samples) for (_, a), (_, b) in pairs)
    alone = [word.samples for name, word in whole if name == ORDER]
    assert all(np.array_equal(a, b.samples) for a, b in zip(alone, found(ORDER, 3), strict=True))
    assert not np.array_equal(alone[0], alone[1])


def test_other_speech_is_trimmed_and_of_one_level() -> None:
    speech = np.concatenate([silence(1), sound(1), silence(0.3), sound(1), silence(2)])
    cut = trimmed(speech)
    assert len(cut) / SAMPLE_RATE == pytest.approx(2.3, abs=0.06)
    assert greatest_energy(cut) == pytest.approx(LEVEL, rel=0.05)


def test_the_word_of_a_recording_is_found() -> None:
    word = find_word(WORD.samples + sound(2.5, 5))
    assert (word.start, word.end) == pytest.approx((WORD.start, WORD.end), abs=500)
