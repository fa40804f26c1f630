"""What training makes small: keywords not found, and the background's worst moments."""

from __future__ import annotations

import tensorflow as tf

FOUND_STEPS = 4  # network steps in which a keyword must be found: what the smoothing averages


def detection_loss(
    logits: tf.Tensor, labels: tf.Tensor, hardest: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cross entropy of [batch, steps, classes] where the label is not IGNORE.

    Returns the loss and each example's worst background step, [batch].

    A keyword counts where it is found best, FOUND_STEPS of its steps: where exactly a word ends is
    known but roughly (max pooling, Sun et al. 2016). Of background, each example's worst step
    counts as much as all of them, since one is enough for a false alarm.
    """
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels, 0), logits)
    background = tf.cast(labels == 0, tf.float32)
    keyword = tf.reduce_any(labels > 0, axis=1)
    best = -tf.math.top_k(tf.where(labels > 0, -entropy, -1e3), FOUND_STEPS).values
    found = tf.boolean_mask(best, keyword)
    found = tf.math.divide_no_nan(tf.reduce_sum(found), tf.cast(tf.size(found), tf.float32))
    mean = tf.reduce_sum(entropy * background) / tf.maximum(1.0, tf.reduce_sum(background))
    worst = tf.reduce_max(entropy * background, axis=1)
    return found + (1 - hardest) * mean + hardest * tf.reduce_mean(worst), worst
