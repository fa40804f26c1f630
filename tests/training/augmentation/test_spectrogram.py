"""Test augmentation of log mel frames."""

from __future__ import annotations

import numpy as np
import pytest
from training_signals import FRONT_END

from kws.training.architecture import Architecture
from kws.training.features import IGNORE, OVERSAMPLING, ExampleLayout
from kws.training.recipe import Augmentation


def test_vtlp_by_a_factor_of_one_changes_nothing(tf) -> None:
    from kws.training.augmentation.spectrogram import vtlp_matrices

    matrices = vtlp_matrices(FRONT_END, 0.1)
    assert matrices.shape == (21, 40, 40)
    np.testing.assert_allclose(matrices[10], np.eye(40), atol=1e-6)
    np.testing.assert_allclose(matrices.sum(axis=1), 1, atol=1e-6)  # interpolates, adds no level
    bands = np.arange(40.0)
    lower, higher = bands @ matrices[0], bands @ matrices[-1]
    assert (lower[1:] < bands[1:]).all()
    assert (higher[:-1] > bands[:-1]).all()


def test_spec_augment_masks_runs_with_the_mean(tf) -> None:
    from kws.training.augmentation.spectrogram import spec_augment

    augmentation = Augmentation(
        time_masks=1, time_mask_frames=8, frequency_masks=1, frequency_mask_bins=6
    )
    frames = np.random.default_rng(3).normal(0, 1, (64, 50, 40)).astype(np.float32)
    tf.random.set_seed(1)
    masked = spec_augment(tf.constant(frames), augmentation).numpy()
    changed = masked != frames
    assert np.abs(masked[changed]).max() < 0.05  # the batch's mean
    times, bands = changed.all(axis=2).sum(axis=1), changed.all(axis=1).sum(axis=1)
    assert set(times) == set(range(9))
    assert set(bands) == set(range(7))
    assert np.array_equal(changed.sum(axis=(1, 2)), times * 40 + bands * 50 - times * bands)


def test_tempo_perturbation_keeps_the_end_of_the_word_in_place(tf) -> None:
    """Frames hold their number: check those around the last frame of the first labelled step."""
    from kws.training.augmentation.spectrogram import perturb_tempo

    architecture = Architecture()
    layout = ExampleLayout(FRONT_END, architecture.window_frames, architecture.stride)
    labels = np.stack([layout.labels(1, end) for end in np.linspace(1.5, 1.9, 64)])
    count = np.arange(layout.frames, dtype=np.float32) / OVERSAMPLING
    counting = np.tile(count[None, :, None], (64, 1, 3))
    tf.random.set_seed(1)
    limits = (-0.3, 0.15)
    augmented = perturb_tempo(
        tf.constant(counting), tf.constant(labels), architecture.stride, limits
    ).numpy()
    ends = architecture.window_frames - 1 + 2 * (labels > 0).argmax(axis=1)
    slopes, rounding = [], 1 / (2 * OVERSAMPLING) / 20
    for frames, end in zip(augmented[:, :, 0], ends, strict=True):
        assert frames[end] == pytest.approx(end, abs=1e-3)
        slopes.append((frames[end] - frames[end - 20]) / 20)
        even = end + slopes[-1] * (np.arange(end - 20, end + 5) - end)
        assert (
            np.abs(frames[end - 20 : end + 5] - even).max() <= 1 / OVERSAMPLING
        )  # the nearest there is
        assert set(frames) <= set(count)  # none is interpolated
    assert np.exp(-0.3) - rounding <= min(slopes) < 0.8
    assert np.exp(0.15) + rounding >= max(slopes) > 1.1


def test_mixed_background_has_the_given_snr(tf) -> None:
    """A loud example has a keyword, a soft one none: 10 dB below it, at the level of its peak."""
    from kws.training.augmentation.spectrogram import mix_background

    frames = np.full((2, 30, 40), 3.0, np.float32)
    frames[1] = -5.0
    labels = np.array([[0, 1, 1], [0, 0, IGNORE]], np.int8)
    augmentation = Augmentation(background_mixing=1.0, background_mixing_snr=(10.0, 10.0))
    augmented = mix_background(tf.constant(frames), tf.constant(labels), augmentation).numpy()
    louder = np.log(1 + 10 ** (-10 / 20))
    np.testing.assert_allclose(augmented[0], 3 + louder, atol=1e-5)
    np.testing.assert_allclose(augmented[1], -5 + louder, atol=1e-5)
    never = Augmentation(background_mixing=0.0)
    assert np.array_equal(mix_background(tf.constant(frames), tf.constant(labels), never), frames)


def test_the_tilt_is_the_same_in_all_frames_of_an_example(tf) -> None:
    from kws.training.augmentation.spectrogram import tilt_log_mels

    tf.random.set_seed(1)
    tilts = tilt_log_mels(tf.zeros((16, 5, 40)), 0.4).numpy()
    assert np.array_equal(tilts, np.repeat(tilts[:, :1], 5, axis=1))
    assert 0.3 < np.abs(tilts).max() <= 0.8
    assert np.abs(tilts[0] - tilts[1]).max() > 0.01
