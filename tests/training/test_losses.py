"""Test the detection loss."""

from __future__ import annotations

import numpy as np
import pytest

from kws.training.features import IGNORE


def test_loss_by_hand(tf) -> None:
    """Two classes whose entropies are those of stated probabilities; four found steps of five."""
    from kws.training.losses import detection_loss

    right = np.array(
        [[0.9, 0.8, 0.7, 0.6, 0.5, 0.1], [0.5, 0.9, 0.9, 0.9, 0.9, 0.2]]  # p of the label
    )
    labels = np.array([[1, 1, 1, 1, 1, IGNORE], [0, 0, 0, 0, 0, IGNORE]])
    logits = np.zeros((2, 6, 2), np.float32)
    sign = np.where(labels == 1, 1, -1)
    logits[:, :, 1] = sign * np.log(right / (1 - right))
    loss, worst = detection_loss(tf.constant(logits), tf.constant(labels, tf.int32), 4, 0.25)
    found = -np.log([0.9, 0.8, 0.7, 0.6]).mean()  # the worst of five is let off
    entropies = -np.log([0.5, 0.9, 0.9, 0.9, 0.9])
    hardest = (0 + entropies[0]) / 2  # the keyword's example has no background step
    assert worst.numpy() == pytest.approx([0, entropies[0]], rel=1e-5)
    expected = found + 0.75 * entropies.mean() + 0.25 * hardest
    assert float(loss) == pytest.approx(expected, rel=1e-5)
