"""Test acoustic augmentation."""

from __future__ import annotations

import numpy as np

from kws.config import SAMPLE_RATE
from kws.training.augmentation import waveform
from kws.training.augmentation.scene import CLEAN, AcousticAugmentation


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
