"""Compute the loss of a keyword detector: keywords not found, and the worst background steps."""

from __future__ import annotations

import tensorflow as tf


def detection_loss(
    logits: tf.Tensor, labels: tf.Tensor, max_pooling_steps: int, worst_step_weight: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the loss of logits [batch, steps, classes], and each example's worst background step.

    A keyword counts in the `max_pooling_steps` of its steps that score it best: where exactly a
    word ends is known but roughly (max pooling, Sun et al. 2016, "Max-pooling loss training of long
    short-term memory networks for small-footprint keyword spotting"). Of background, each
    example's worst step counts as much as all of them, since one is enough for a false alarm. So
    does the step at which an example of one keyword is most confused with another.

    Args:
        logits: Scores, [batch, steps, classes]; class 0 is background.
        labels: Classes, [batch, steps]; steps whose label is IGNORE count nowhere.
        max_pooling_steps: Steps of a keyword that count, the best ones.
        worst_step_weight: Weight of the worst background steps against the mean of all.

    Returns:
        The loss, and the cross entropy of each example's worst background step, [batch].
    """
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels, 0), logits)
    background = tf.cast(labels == 0, tf.float32)
    keyword = tf.reduce_any(labels > 0, axis=1)
    best = -tf.math.top_k(tf.where(labels > 0, -entropy, -1e3), max_pooling_steps).values
    found = tf.boolean_mask(best, keyword)
    confused = _confusion(logits, labels, keyword)
    mean = tf.reduce_sum(entropy * background) / tf.maximum(1.0, tf.reduce_sum(background))
    worst = tf.reduce_max(entropy * background, axis=1)
    loss = _mean(found) + confused + (1 - worst_step_weight) * mean
    return loss + worst_step_weight * tf.reduce_mean(worst), worst


def soft_target_loss(logits: tf.Tensor, targets: tf.Tensor, temperature: float) -> tf.Tensor:
    """Return the divergence of logits from soft targets, both [..., classes], at a temperature.

    Source: Hinton et al. 2015, "Distilling the knowledge in a neural network".
    """
    soft = tf.nn.softmax(targets / temperature)
    entropy = tf.nn.softmax_cross_entropy_with_logits(soft, targets / temperature)
    cross = tf.nn.softmax_cross_entropy_with_logits(soft, logits / temperature)
    return temperature**2 * tf.reduce_mean(cross - entropy)


def _confusion(logits: tf.Tensor, labels: tf.Tensor, keyword: tf.Tensor) -> tf.Tensor:
    """Return how much the examples of a keyword score as another, at the worst step of each."""
    posteriors = tf.nn.softmax(logits)
    own = tf.gather(posteriors, tf.maximum(tf.reduce_max(labels, axis=1), 0), axis=2, batch_dims=1)
    allowed = tf.minimum(posteriors[..., 0] + own, 1.0)
    wrong = -tf.math.log(tf.maximum(allowed, 1e-6)) * tf.cast(labels != 0, tf.float32)
    worst = tf.boolean_mask(tf.reduce_max(wrong, axis=1), keyword)
    return _mean(worst)


def _mean(values: tf.Tensor) -> tf.Tensor:
    """Return the mean of values, 0 of none."""
    return tf.math.divide_no_nan(tf.reduce_sum(values), tf.cast(tf.size(values), tf.float32))
