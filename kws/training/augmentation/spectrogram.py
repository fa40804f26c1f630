"""Log mel rows on their way into the network: masks, other throats, cosine transform."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kws.config import FrontEnd
from kws.mfcc_tables import mel_of
from kws.training.example_layout import DETAIL, heard_rows
from kws.training.log_mel import slope_and_bow
from kws.training.recipe import Architecture, Augmentation


def masked(x: tf.Tensor, augmentation: Augmentation) -> tf.Tensor:
    """Log mel rows [batch, rows, filters] whose masked rows and bands hold the batch's mean.

    SpecAugment (Park et al. 2019).
    """
    mean = tf.reduce_mean(x, axis=(0, 1), keepdims=True)
    for axis, count, widest in (
        (1, augmentation.time_masks, augmentation.time_mask_frames),
        (2, augmentation.frequency_masks, augmentation.frequency_mask_bins),
    ):
        for _ in range(count):
            x = tf.where(_stretch(x.shape, axis, widest), mean, x)
    return x


def stretched(
    log_mels: tf.Tensor,
    labels: tf.Tensor,
    architecture: Architecture,
    limits: tuple[float, float],
) -> tf.Tensor:
    """Rows [batch, rows, filters] of examples as a network hears them, faster or slower.

    Of DETAIL times as many, the nearest are taken, so the pitch stays and none is smoother than
    speech is. The logarithm of how much faster lies within the limits. The end of a keyword stays
    where it is, and with it the labels.
    """
    batch, rows, _ = log_mels.shape
    heard = heard_rows(rows)
    first = tf.argmax(tf.cast(labels > 0, tf.int32), axis=1, output_type=tf.int32)
    ends = architecture.window_frames - 1 + architecture.stride * first
    anchor = tf.cast(ends, tf.float32)[:, None]
    factor = tf.exp(tf.random.uniform((batch, 1), *limits))
    place = anchor + (tf.range(heard, dtype=tf.float32) - anchor) * factor
    nearest = tf.cast(tf.round(DETAIL * place), tf.int32)
    return tf.gather(log_mels, tf.clip_by_value(nearest, 0, rows - 1), batch_dims=1)


def overlaid(log_mels: tf.Tensor, labels: tf.Tensor, augmentation: Augmentation) -> tf.Tensor:
    """[batch, rows, filters], some with another example without a keyword behind them."""
    batch = log_mels.shape[0]
    without = tf.reshape(tf.where(tf.reduce_all(labels <= 0, axis=1)), [-1])
    other = tf.random.uniform((batch,), 0, tf.shape(without)[0], tf.int32)
    behind = tf.gather(log_mels, tf.gather(without, other))
    snr = tf.random.uniform((batch, 1, 1), *augmentation.background_mixing_snr) * (np.log(10) / 20)
    behind += _peak(log_mels) - _peak(behind) - snr
    chosen = tf.random.uniform((batch, 1, 1)) < augmentation.background_mixing
    return tf.where(chosen, tf.math.log(tf.exp(log_mels) + tf.exp(behind)), log_mels)


def _peak(log_mels: tf.Tensor) -> tf.Tensor:
    """The loudest row, [batch, 1, 1]."""
    return tf.reduce_max(tf.reduce_mean(log_mels, 2, keepdims=True), 1, keepdims=True)


def coloured(log_mels: tf.Tensor, most: float) -> tf.Tensor:
    """[batch, rows, filters] as by another microphone: a slope and a bow over the filters."""
    batch, _, filters = log_mels.shape
    shapes = slope_and_bow(filters).astype(np.float32)
    return log_mels + (tf.random.uniform((batch, 2), -most, most) @ shapes)[:, None]


def _stretch(shape: tf.TensorShape, axis: int, widest: int) -> tf.Tensor:
    """A random run of up to `widest` along an axis: [batch, rows or 1, filters or 1]."""
    batch, size = shape[0], shape[axis]
    width = tf.random.uniform((batch, 1), 0, widest + 1, tf.int32)
    start = tf.cast(tf.random.uniform((batch, 1)) * tf.cast(size - width, tf.float32), tf.int32)
    index = tf.range(size)[None]
    inside = (index >= start) & (index < start + width)
    return tf.expand_dims(inside, 3 - axis)


def warps(spec: FrontEnd, most: float, count: int = 21) -> npt.NDArray[np.float32]:
    """[count, filters, filters] matrices that stretch the frequencies of log mel rows.

    The factors go from 1 - most to 1 + most, evenly; each interpolates between two filters.
    """
    edges = np.linspace(mel_of(spec.low_hz), mel_of(spec.high_hz), spec.mel_filters + 2)
    centers = edges[1:-1]
    hz = 700 * np.expm1(centers / 1127)
    bands = np.arange(spec.mel_filters)
    matrices = []
    for factor in np.linspace(1 - most, 1 + most, count):
        place = np.interp(mel_of(hz * factor), centers, bands)
        matrices.append(np.maximum(0, 1 - np.abs(bands[:, None] - place)))
    stacked: npt.NDArray[np.float64] = np.stack(matrices)
    return stacked.astype(np.float32)
