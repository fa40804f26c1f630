"""Log mel rows on their way into the network: masks, other throats, cosine transform."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kws.config import FrontEnd
from kws.mfcc_tables import mel_of
from kws.training.schedule import Schedule


def masked(log_mels: tf.Tensor, schedule: Schedule) -> tf.Tensor:
    """[batch, rows, filters] whose masked rows and bands hold the batch's mean.

    SpecAugment (Park et al. 2019).
    """
    x = tf.cast(log_mels, tf.float32)
    mean = tf.reduce_mean(x, axis=(0, 1), keepdims=True)
    for axis, count, widest in (
        (1, schedule.time_masks, schedule.time_mask),
        (2, schedule.band_masks, schedule.band_mask),
    ):
        for _ in range(count):
            x = tf.where(_stretch(x.shape, axis, widest), mean, x)
    return x


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
