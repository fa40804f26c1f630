"""Augment log mel frames in every batch: tempo, background, spectral tilt, SpecAugment, VTLP.

Log mels are [batch, frames, filters]; how much is augmented is the recipe's section
[augmentation]. The order of a batch is stated in batches.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kws.config import FrontEnd
from kws.mfcc_tables import mel_of
from kws.training.features import OVERSAMPLING, network_frames, tilt_and_curvature
from kws.training.recipe import Augmentation


def perturb_tempo(
    log_mels: tf.Tensor,
    labels: tf.Tensor,
    stride: int,
    limits: tuple[float, float],
) -> tf.Tensor:
    """Change the tempo and keep the pitch (lhotse's PerturbTempo), and pick the network's frames.

    Of OVERSAMPLING times as many stored frames, the nearest are picked, so that none is smoother
    than speech is. The end of a keyword stays in place, and with it the labels.

    Args:
        log_mels: Stored frames of examples, [batch, frames, filters].
        labels: Their labels, [batch, steps].
        stride: Frames from the end of one step's window to the next; the last is the last frame.
        limits: Least and greatest logarithm of the tempo factor, which is drawn per example.

    Returns:
        Network frames, [batch, frames, filters].
    """
    batch, frames, _ = log_mels.shape
    first = tf.argmax(tf.cast(labels > 0, tf.int32), axis=1, output_type=tf.int32)
    ends = network_frames(frames) - 1 - stride * (labels.shape[1] - 1 - first)
    anchor = tf.cast(ends, tf.float32)[:, None]
    factor = tf.exp(tf.random.uniform((batch, 1), *limits))
    position = anchor + (tf.range(network_frames(frames), dtype=tf.float32) - anchor) * factor
    nearest = tf.cast(tf.round(OVERSAMPLING * position), tf.int32)
    return tf.gather(log_mels, tf.clip_by_value(nearest, 0, frames - 1), batch_dims=1)


def mix_background(log_mels: tf.Tensor, labels: tf.Tensor, augmentation: Augmentation) -> tf.Tensor:
    """Mix some examples with others of the batch that have no keyword, at a random SNR.

    The probability is `background_mixing`, the SNR, of the loudest frames, lies within
    `background_mixing_snr`.
    """
    batch = log_mels.shape[0]
    without = tf.reshape(tf.where(tf.reduce_all(labels <= 0, axis=1)), [-1])
    index = tf.random.uniform((batch,), 0, tf.shape(without)[0], tf.int32)
    background = tf.gather(log_mels, tf.gather(without, index))
    snr = tf.random.uniform((batch, 1, 1), *augmentation.background_mixing_snr) * (np.log(10) / 20)
    background += _peak(log_mels) - _peak(background) - snr
    mixed = tf.random.uniform((batch, 1, 1)) < augmentation.background_mixing
    return tf.where(mixed, tf.math.log(tf.exp(log_mels) + tf.exp(background)), log_mels)


def tilt_log_mels(log_mels: tf.Tensor, limit: float) -> tf.Tensor:
    """Add a random tilt and curvature over the filters, up to `limit` nepers each.

    It is drawn per example, as by another microphone.
    """
    batch, _, filters = log_mels.shape
    shapes = tilt_and_curvature(filters).astype(np.float32)
    return log_mels + (tf.random.uniform((batch, 2), -limit, limit) @ shapes)[:, None]


def spec_augment(log_mels: tf.Tensor, augmentation: Augmentation) -> tf.Tensor:
    """Mask random runs of frames and of filters with the batch's mean.

    SpecAugment (Park et al. 2019) without time warping.
    """
    mean = tf.reduce_mean(log_mels, axis=(0, 1), keepdims=True)
    for axis, count, widest in (
        (1, augmentation.time_masks, augmentation.time_mask_frames),
        (2, augmentation.frequency_masks, augmentation.frequency_mask_bins),
    ):
        for _ in range(count):
            log_mels = tf.where(_random_mask(log_mels.shape, axis, widest), mean, log_mels)
    return log_mels


def vtlp_matrices(spec: FrontEnd, limit: float, count: int = 21) -> npt.NDArray[np.float32]:
    """Return matrices [count, filters, filters] that warp the frequencies of log mel frames.

    They perturb the length of the vocal tract (VTLP, Jaitly and Hinton 2013). The factors go
    evenly from 1 - limit to 1 + limit; each matrix interpolates between neighbouring filters.
    """
    edges = np.linspace(mel_of(spec.low_hz), mel_of(spec.high_hz), spec.mel_filters + 2)
    centers = edges[1:-1]
    hz = 700 * np.expm1(centers / 1127)
    filters = np.arange(spec.mel_filters)
    matrices = []
    for factor in np.linspace(1 - limit, 1 + limit, count):
        position = np.interp(mel_of(hz * factor), centers, filters)
        matrices.append(np.maximum(0, 1 - np.abs(filters[:, None] - position)))
    stacked: npt.NDArray[np.float64] = np.stack(matrices)
    return stacked.astype(np.float32)


def _peak(log_mels: tf.Tensor) -> tf.Tensor:
    """Return the mean log mel of the loudest frame, [batch, 1, 1]."""
    return tf.reduce_max(tf.reduce_mean(log_mels, 2, keepdims=True), 1, keepdims=True)


def _random_mask(shape: tf.TensorShape, axis: int, widest: int) -> tf.Tensor:
    """Return a random run of up to `widest` along an axis, [batch, frames or 1, filters or 1]."""
    batch, size = shape[0], shape[axis]
    width = tf.random.uniform((batch, 1), 0, widest + 1, tf.int32)
    start = tf.cast(tf.random.uniform((batch, 1)) * tf.cast(size - width, tf.float32), tf.int32)
    index = tf.range(size)[None]
    inside = (index >= start) & (index < start + width)
    return tf.expand_dims(inside, 3 - axis)
