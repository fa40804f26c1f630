"""Train a teacher of the network: a keyword head on the speech embedding.

It gets the embeddings of clean speech, so it learns the keywords from few people. The student
learns the teacher's outputs for the same speech in noise and rooms (privileged information:
Lopez-Paz et al. 2016, "Unifying distillation and privileged information").
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from kws.atomic_write import replacing
from kws.training.distillation.corpus import DistillationCorpus, Halfs
from kws.training.distillation.embedding import SIZE
from kws.training.distillation.teacher_batches import TeacherBatches
from kws.training.features import ExampleLayout
from kws.training.losses import detection_loss
from kws.training.workers import Progress

KERNELS = (5, 7, 10)  # embeddings along time: together about the receptive field of the student
RECEPTIVE_FIELD = 1 + sum(kernel - 1 for kernel in KERNELS)
HIDDEN = 64  # numbers in the last hidden layer
STEPS = 4000
MINE_EVERY = 1000  # steps from one search for hard background to the next
LOG_EVERY = 100  # steps from one report of progress to the next
LEARNING_RATE, WEIGHT_DECAY, EMA_MOMENTUM = 2e-3, 1e-3, 0.995
DROPOUT, NOISE = 0.2, 0.3  # share of the numbers; deviation of what is added to the embedding
MAX_POOLING_STEPS, WORST_STEP_WEIGHT = 4, 0.5  # of detection_loss()
CHUNK = 20_000  # positions computed at once


@dataclass(frozen=True)
class TeacherTargets:
    """Hold a teacher's outputs at each position of a corpus: of what ends with its embedding."""

    hidden: Halfs  # [m, HIDDEN], each number of mean 0 and variance 1
    logits: Halfs  # [m, classes]


def teacher_targets(
    corpus: DistillationCorpus,
    layout: ExampleLayout,
    classes: int,
    seed: int,
    path: Path,
    progress: Progress,
) -> TeacherTargets:
    """Train a teacher on a corpus, or load its weights from a path, and return its outputs.

    Raises:
        KwsError: There is too little speech.
    """
    keras.utils.set_random_seed(seed)
    teacher = _build_teacher(classes)
    if not path.exists():
        _train(teacher, corpus, layout, seed, progress)
        with replacing(path) as unfinished:
            teacher.save_weights(unfinished)
    teacher.load_weights(path)
    logits, hidden = _outputs(teacher, corpus.embeddings)
    some = hidden[::7].astype(np.float32)
    mean, deviation = some.mean(axis=0), np.maximum(some.std(axis=0), 1e-3)
    for first in range(0, len(hidden), CHUNK):  # all at once would take a GB
        piece = hidden[first : first + CHUNK]
        piece[:] = (piece - mean) / deviation
    return TeacherTargets(hidden, logits)


def keyword_probability(logits: Halfs, temperature: float = 1.0) -> npt.NDArray[np.float32]:
    """Return the posterior of all keywords together, [m], of logits [m, classes]."""
    highest = logits.max(axis=1, keepdims=True)
    raised = np.exp((logits - highest).astype(np.float32) / temperature)
    probability: npt.NDArray[np.float32] = 1 - raised[:, 0] / raised.sum(axis=1)
    return probability


def _build_teacher(classes: int) -> keras.Model:
    """Build the head: embeddings [batch, n, SIZE] to logits and hidden layer [batch, m, ...].

    m is n - RECEPTIVE_FIELD + 1.
    """
    inputs = keras.Input((None, SIZE))
    x = layers.GaussianNoise(NOISE)(layers.SpatialDropout1D(DROPOUT)(inputs))
    for kernel in KERNELS:
        hidden = layers.BatchNormalization()(layers.Conv1D(HIDDEN, kernel, use_bias=False)(x))
        x = layers.Dropout(DROPOUT)(layers.ReLU()(hidden))
    return keras.Model(inputs, [layers.Dense(classes)(x), hidden])


def _train(
    teacher: keras.Model,
    corpus: DistillationCorpus,
    layout: ExampleLayout,
    seed: int,
    progress: Progress,
) -> None:
    """Train a teacher; it ends with the moving averages of its weights."""
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, STEPS)
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=WEIGHT_DECAY, use_ema=True, ema_momentum=EMA_MOMENTUM
    )
    variables = teacher.trainable_variables

    @tf.function  # type: ignore[untyped-decorator]
    def step(x: tf.Tensor, y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            logits, _ = teacher(tf.cast(x, tf.float32), training=True)
            labels = tf.cast(y, tf.int32)
            loss, _ = detection_loss(logits, labels, MAX_POOLING_STEPS, WORST_STEP_WEIGHT)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    batches = TeacherBatches(corpus, layout, RECEPTIVE_FIELD, seed)
    for number in range(STEPS):
        if number % LOG_EVERY == 0:
            progress("teaching", number / STEPS)
        if number and number % MINE_EVERY == 0:
            logits, _ = _outputs(teacher, corpus.embeddings)
            batches.set_difficulty(keyword_probability(logits))
        step(*batches.draw())
    optimizer.finalize_variable_values(variables)


def _outputs(teacher: keras.Model, embeddings: Halfs) -> tuple[Halfs, Halfs]:
    """Return logits [m, classes] and hidden layer [m, HIDDEN] at each position.

    The first positions, of silence, get the outputs of the first whole receptive field.
    """

    def infer(x: tf.Tensor) -> Any:
        return teacher(tf.cast(x, tf.float32), training=False)

    fast = tf.function(infer, reduce_retracing=True)
    pieces = []
    for first in range(0, len(embeddings) - RECEPTIVE_FIELD + 1, CHUNK):
        outputs = fast(embeddings[None, first : first + CHUNK + RECEPTIVE_FIELD - 1])
        pieces.append([numbers[0].numpy().astype(np.float16) for numbers in outputs])
    logits, hidden = (np.concatenate(kind) for kind in zip(*pieces, strict=True))
    before = ((RECEPTIVE_FIELD - 1, 0), (0, 0))
    return np.pad(logits, before, "edge"), np.pad(hidden, before, "edge")
