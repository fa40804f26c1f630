"""Test acoustic augmentation."""

from __future__ import annotations

import numpy as np
import pytest

from kws.config import SAMPLE_RATE
from kws.training.augmentation import waveform
from kws.training.augmentation.scene import (
    CLEAN,
    RECORDED_RIR,
    SYNTHETIC_RIR,
    AcousticAugmentation,
    Transform,
    balanced_weights,
)


def test_short_recordings_but_the_first_are_used_from_their_start(
    random: np.random.Generator,
) -> None:
    """Recordings count their samples, so that a sample shows its position."""
    length = 6000
    recordings = np.arange(1, 5 * length + 1, dtype=np.int16).reshape(5, length)
    firsts = set()
    for _ in range(20):
        speech = AcousticAugmentation(list(recordings), [], []).speech(4 * length, random)
        samples = np.rint(speech * 32768).astype(np.int16)
        middle = 200  # after the fade
        first = (samples[middle] - 1) % length - middle
        firsts.add(first)
        rest = samples[length - first :]
        pieces = [rest[first : first + length] for first in range(0, len(rest), length)]
        assert len(pieces) >= 3
        for piece in pieces:
            assert np.array_equal(piece, recordings[piece[0] // length][: len(piece)])
    assert len(firsts) > 10


def test_some_scenes_stay_clean(random: np.random.Generator) -> None:
    """Only their level changes."""
    scene = waveform.coloured_noise(SAMPLE_RATE // 2, random) / 8
    acoustics = AcousticAugmentation(
        [], [waveform.to_int16(waveform.coloured_noise(SAMPLE_RATE, random) / 8)], []
    )
    clean = []
    for _ in range(300):
        augmented = acoustics.augment(scene, random).astype(float)
        gain = augmented @ scene / (scene @ scene)
        clean.append(np.abs(augmented - gain * scene).max() < 1)  # LSB
    assert CLEAN - 0.1 < np.mean(clean) < CLEAN + 0.15


def test_a_transform_is_applied_with_its_probability() -> None:
    """One that is always applied takes no random number for it."""
    audio = np.ones(1, np.float32)
    sometimes = Transform(0.3, lambda audio, random: -audio)
    random = np.random.default_rng(1)
    applied = [sometimes(audio, random)[0] == -1 for _ in range(2000)]
    assert np.mean(applied) == pytest.approx(0.3, abs=0.04)
    always = Transform(1.0, lambda audio, random: audio * random.random(1, np.float32))
    one, other = (np.random.default_rng(2) for _ in range(2))
    assert always(audio, one) == other.random(1, np.float32)


@pytest.mark.slow
def test_rooms_of_recordings_and_synthetic_ones_are_drawn(random: np.random.Generator) -> None:
    """A recorded response is an echo; without one, synthetic responses take its share as well."""
    click = np.zeros(SAMPLE_RATE, np.float32)
    click[100] = 0.5
    echo = np.zeros(2001, np.int16)
    echo[[0, 2000]] = 20_000, 10_000

    def shares(responses: list[np.ndarray]) -> list[float]:
        acoustics = AcousticAugmentation([], [], responses)
        rooms = [acoustics._reverberate(click, random) for _ in range(400)]
        counts = [np.count_nonzero(np.abs(room) > 1e-4) for room in rooms]
        kinds = [0 if count == 1 else 1 if count == 2 else 2 for count in counts]
        return (np.bincount(kinds, minlength=3) / len(kinds)).tolist()

    wet = RECORDED_RIR + SYNTHETIC_RIR
    assert shares([echo]) == pytest.approx([1 - wet, RECORDED_RIR, SYNTHETIC_RIR], abs=0.08)
    assert shares([]) == pytest.approx([1 - wet, 0, wet], abs=0.08)


def test_no_kind_of_speech_dominates() -> None:
    recordings = [np.ones(n * SAMPLE_RATE, np.int16) for n in (90, 10, 4)]
    weights = balanced_weights(recordings, ["read", "read", "words"])
    assert weights.sum() == pytest.approx(1)
    assert weights[0] / weights[1] == pytest.approx(9)
    assert (weights[0] + weights[1]) / weights[2] == pytest.approx(np.sqrt(100 / 4))
    assert balanced_weights(recordings) == pytest.approx(np.array([90, 10, 4]) / 104)
    assert len(balanced_weights([])) == 0
