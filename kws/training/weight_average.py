"""The moving average of a network's weights, which a model is made of.

The average over a third of a training whose rate stays high lies amid what it comes by (Izmailov et
al. 2018, "Averaging weights leads to wider optima and better generalization").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import keras
import numpy as np
import tensorflow as tf

# Steps of an average that the normalisations' statistics, which follow the last 50, still fit; of
# a longer one they are measured anew, in so many batches.
FITTING, MEASURED = 500, 150


class WeightAverage:
    """What an optimiser with `use_ema` averages, over as many steps as a schedule says."""

    def __init__(
        self, network: keras.Model, optimizer: keras.optimizers.Optimizer, span: tuple[int, int]
    ) -> None:
        """span: steps that it spans, a third of those taken between these; widen() sets it."""
        self._network, self._optimizer, self._limits = network, optimizer, span
        self._momentum = tf.Variable(0.0, trainable=False)
        optimizer.ema_momentum = self._momentum
        self._learn_statistics = tf.function(lambda features: network(features, training=True))

    @property
    def _span(self) -> float:
        return float(np.clip(int(self._optimizer.iterations) / 3, *self._limits))

    def widen(self) -> None:
        """From here on it spans what it should after the steps taken so far."""
        self._momentum.assign(1 - 1 / self._span)

    @contextmanager
    def applied(self, batches: Iterable[tf.Tensor]) -> Iterator[None]:
        """The network with it; batches: features that statistics are measured in if need be."""
        variables = self._network.variables
        current = [variable.numpy() for variable in variables]
        self._optimizer.finalize_variable_values(self._network.trainable_variables)
        try:
            if self._span > FITTING:
                for features in islice(batches, MEASURED):
                    self._learn_statistics(features)
            yield
        finally:
            for variable, value in zip(variables, current, strict=True):
                variable.assign(value)
