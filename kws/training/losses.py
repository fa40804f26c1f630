"""What training makes small: keywords not found, and the background's worst moments."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from kws.training.distillation.task import TEMPERATURE


def _mean(values: tf.Tensor) -> tf.Tensor:
    """0 of none."""
    return tf.math.divide_no_nan(tf.reduce_sum(values), tf.cast(tf.size(values), tf.float32))


def detection_loss(
    logits: tf.Tensor, labels: tf.Tensor, found_steps: int, hardest: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cross entropy of [batch, steps, classes] where the label is not IGNORE.

    Returns the loss and each example's worst background step, [batch].

    A keyword counts in the found_steps of its steps where it is found best: where exactly a word
    ends is known but roughly (max pooling, Sun et al. 2016). Of background, each example's worst
    step counts as much as all of them, since one is enough for a false alarm; so does the step that
    an example of one keyword is likest another at.
    """
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels, 0), logits)
    background = tf.cast(labels == 0, tf.float32)
    keyword = tf.reduce_any(labels > 0, axis=1)
    best = -tf.math.top_k(tf.where(labels > 0, -entropy, -1e3), found_steps).values
    found = tf.boolean_mask(best, keyword)
    confused = _confusion(logits, labels, keyword)
    mean = tf.reduce_sum(entropy * background) / tf.maximum(1.0, tf.reduce_sum(background))
    worst = tf.reduce_max(entropy * background, axis=1)
    return _mean(found) + confused + (1 - hardest) * mean + hardest * tf.reduce_mean(worst), worst


def guidance_loss(
    made: Sequence[tf.Tensor], told: Sequence[tf.Tensor], weights: Sequence[float]
) -> tf.Tensor:
    """How far a network is from what it is told of passages (guide.py): both in the same order.

    Embeddings and a teacher's hidden numbers by their mean squares, whose variance is 1; its
    logits by their divergence at a temperature (Hinton et al. 2015, "Distilling the knowledge in a
    neural network").
    """
    *made_numbers, logits = made
    *numbers, scores = (tf.cast(each, tf.float32) for each in told)
    apart = [tf.reduce_mean(tf.square(m - t)) for m, t in zip(made_numbers, numbers, strict=True)]
    apart.append(_divergence(scores, logits))
    return tf.add_n([weight * each for weight, each in zip(weights, apart, strict=True)])


def _divergence(scores: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Of [..., classes] from scores, at the TEMPERATURE."""
    wanted = tf.nn.softmax(scores / TEMPERATURE)
    entropy = tf.nn.softmax_cross_entropy_with_logits(wanted, scores / TEMPERATURE)
    cross = tf.nn.softmax_cross_entropy_with_logits(wanted, logits / TEMPERATURE)
    return TEMPERATURE**2 * tf.reduce_mean(cross - entropy)


def _confusion(logits: tf.Tensor, labels: tf.Tensor, keyword: tf.Tensor) -> tf.Tensor:
    """How much the examples of a keyword look like another, at the worst step around its end."""
    share = tf.nn.softmax(logits)
    own = tf.gather(share, tf.maximum(tf.reduce_max(labels, axis=1), 0), axis=2, batch_dims=1)
    allowed = tf.minimum(share[..., 0] + own, 1.0)
    wrong = -tf.math.log(tf.maximum(allowed, 1e-6)) * tf.cast(labels != 0, tf.float32)
    worst = tf.boolean_mask(tf.reduce_max(wrong, axis=1), keyword)
    return _mean(worst)
