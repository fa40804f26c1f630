# ruff: noqa: E402
"""Test the mining of hard negatives."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from conftest import skip_without
from trained_models import SMALL
from training_signals import FRONT_END

skip_without("TensorFlow", find_spec("tensorflow"))  # which the modules below load

from kws.training.augmentation.scene import CLEAN
from kws.training.batches import Sampler
from kws.training.example_store import ExamplePool
from kws.training.features import OVERSAMPLING, ExampleLayout
from kws.training.mining import (
    GAIN,
    MIN_DISTANCE,
    SNR,
    TARGET_STEP,
    HardNegativeMiner,
    augment_segment,
    hardest_segments,
)
from kws.training.recipe import Schedule

LAYOUT = ExampleLayout.of(FRONT_END, SMALL)


def marked(frames: int, marks: dict[int, float]) -> np.ndarray:
    """Return OVERSAMPLING times `frames` log mel frames, zero but for marks in the first filter."""
    speech = np.zeros((frames * OVERSAMPLING, FRONT_END.mel_filters), np.float16)
    for frame, mark in marks.items():
        speech[frame * OVERSAMPLING : (frame + 1) * OVERSAMPLING, 0] = mark
    return speech


def confidences(frames: np.ndarray) -> np.ndarray:
    """Return how strong a mark is in the last frames of each step's window."""
    ends = np.arange(LAYOUT.window_frames, len(frames) + 1, LAYOUT.stride)
    return np.array([frames[end - LAYOUT.stride : end, 0].max() for end in ends], np.float32)


def segments_of(speech: np.ndarray, most: int) -> np.ndarray:
    firsts = hardest_segments(confidences, speech, LAYOUT, most, np.random.default_rng(1))
    segments = speech[firsts[:, None] + np.arange(LAYOUT.frames)]
    return segments.astype(np.float32)


def test_the_hardest_segments_are_found() -> None:
    """Marks lie in the first thousand steps, after them, and near the end; one is too weak."""
    marks = {500: 0.7, 2300: 0.9, 2900: 0.2, 4900: 0.8}
    segments = segments_of(marked(5000, marks), 3)
    assert segments.shape == (3, LAYOUT.frames, FRONT_END.mel_filters)
    assert segments[:, :, 0].max(axis=1) == pytest.approx([0.9, 0.8, 0.7], abs=1e-3)
    frames = segments[:, :, 0].argmax(axis=1) / OVERSAMPLING
    steps = (frames - LAYOUT.window_frames + 1) / LAYOUT.stride
    assert all(TARGET_STEP[0] - 1 <= step <= TARGET_STEP[1] for step in steps)
    assert len(set(steps)) > 1  # not always at one step of an example


def test_marks_at_both_ends_give_whole_segments() -> None:
    frames = LAYOUT.window_frames + (12 * MIN_DISTANCE - 1) * LAYOUT.stride
    speech = marked(frames, {LAYOUT.window_frames: 0.9, frames - 1: 0.8})
    segments = segments_of(speech, 2)
    assert segments.shape == (2, LAYOUT.frames, FRONT_END.mel_filters)
    assert segments[:, :, 0].max(axis=1).tolist() == pytest.approx([0.9, 0.8], abs=1e-3)


@pytest.mark.parametrize("frames", [0, 1, LAYOUT.window_frames, LAYOUT.frames // OVERSAMPLING + 1])
def test_too_little_speech_has_no_segments(frames: int) -> None:
    firsts = hardest_segments(confidences, marked(frames, {}), LAYOUT, 5, np.random.default_rng(1))
    assert firsts.shape == (0,)


def test_at_most_one_segment_of_each_group_of_steps() -> None:
    steps = 3 * MIN_DISTANCE
    speech = marked(LAYOUT.window_frames + (steps - 1) * LAYOUT.stride, {})
    assert len(segments_of(speech, 50)) == 3


def test_mining_replaces_at_most_half_of_the_background() -> None:
    """The two greatest of four confidences replace half of the five background examples."""
    speech = marked(6000, {700: 0.7, 2300: 0.9, 3900: 0.6, 5500: 0.8})
    shape = (8, LAYOUT.frames, FRONT_END.mel_filters)
    labels = np.zeros((8, LAYOUT.steps), np.int8)
    labels[:3] = LAYOUT.labels(1, LAYOUT.step_ends[8])
    pool = ExamplePool(np.zeros(shape, np.float16), labels, np.zeros(8, np.int8))
    sampler = Sampler(pool, Schedule(), np.arange(8), seed=1)
    miner = HardNegativeMiner(speech, LAYOUT, pool, sampler)
    indices, firsts = miner.mine(confidences, 4, 10_000 * OVERSAMPLING, np.random.default_rng(1))
    assert len(indices) == len(firsts) == 2
    assert min(indices) >= 3
    segments = speech[firsts[:, None] + np.arange(LAYOUT.frames)]
    assert segments.max(axis=(1, 2)) == pytest.approx([0.9, 0.8], abs=1e-3)
    assert set(np.flatnonzero(pool.log_mels.any(axis=(1, 2)))) == set(indices)


def test_the_searched_speech_is_drawn_again() -> None:
    """One mark in each tenth of the speech, of which a tenth is searched."""
    speech = marked(20_000, {2000 * tenth + 1000: 0.5 + tenth / 20 for tenth in range(10)})
    pool = ExamplePool(
        np.zeros((40, LAYOUT.frames, FRONT_END.mel_filters), np.float16),
        np.zeros((40, LAYOUT.steps), np.int8),
        np.zeros(40, np.int8),
    )
    miner = HardNegativeMiner(
        speech, LAYOUT, pool, Sampler(pool, Schedule(), np.arange(40), seed=1)
    )
    random = np.random.default_rng(1)
    firsts = [miner.mine(confidences, 1, 2000 * OVERSAMPLING, random)[1, 0] for _ in range(12)]
    assert len({first // (2000 * OVERSAMPLING) for first in firsts}) > 3
    assert all(speech[first : first + LAYOUT.frames].any() for first in firsts)


def test_mined_segments_are_augmented() -> None:
    """A loud moment in digital silence: some as it was, others at other levels and in noise."""
    offset = FRONT_END.log_offset
    segment = np.full((LAYOUT.frames, FRONT_END.mel_filters), np.log(offset), np.float16)
    segment[20:30] = 2.0
    augmented = [
        augment_segment(segment, offset, np.random.default_rng(seed)) for seed in range(400)
    ]
    assert all(one.dtype == np.float16 and np.isfinite(one).all() for one in augmented)
    changed = [one.astype(float) for one in augmented if not np.array_equal(one, segment)]
    assert CLEAN - 0.1 < 1 - len(changed) / len(augmented) < CLEAN + 0.1
    again = augment_segment(segment, offset, np.random.default_rng(7))
    assert np.array_equal(again, augmented[7])
    decibels = 20 / np.log(10)
    loud, soft = (
        np.array([one[frames].mean() for one in changed]) for frames in (slice(20, 30), 50)
    )
    gains = decibels * (loud - 2.0)
    assert gains.min() > GAIN[0] - 1
    assert gains.max() < GAIN[1] + 6  # noise is as loud as the moment at 0 dB
    assert np.ptp(gains) > 0.9 * np.ptp(GAIN)
    ratios = decibels * (loud - soft)[soft > np.log(offset) + 2]  # where noise can be augmented
    assert ratios.min() > -3
    assert ratios.max() < SNR[1] + 8  # spectral tilt makes some filters quieter than the mean
    assert np.ptp(ratios) > 0.7 * np.ptp(SNR)
