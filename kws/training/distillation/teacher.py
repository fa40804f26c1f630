"""A teacher of the network: a head on the speech embedding, which learns the keywords.

It sees speech as the embedding (embedding.py) makes it out, and before noise and room came over it,
so it learns the keywords from few people. What it makes of speech the network then learns to make
of the same speech, in noise and rooms (privileged information: Lopez-Paz et al. 2016, "Unifying
distillation and privileged information").
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kws.training.distillation.corpus import GuidingSpeech, Halfs
from kws.training.distillation.crops import Crops
from kws.training.distillation.embedding import SIZE
from kws.training.distillation.task import HIDDEN, TeacherTargets, keyword_chance
from kws.training.example_layout import Layout
from kws.training.losses import detection_loss
from kws.training.workers import Progress

KERNELS = (5, 7, 10)  # embeddings along time: together about what the small network sees
SEEN = 1 + sum(kernel - 1 for kernel in KERNELS)
STEPS = 4000
SEARCHED = 1000  # steps from one search for hard background to the next
SAID = 100  # steps from one word of progress to the next
LEARNING_RATE, WEIGHT_DECAY, AVERAGE = 2e-3, 1e-3, 0.995
DROPPED, NOISE = 0.2, 0.3  # share of the numbers; deviation of what is added to the embedding
FOUND, HARDEST = 4, 0.5  # detection_loss()
AT_ONCE = 20_000  # places


def taught(
    speech: GuidingSpeech, layout: Layout, classes: int, seed: int, path: Path, progress: Progress
) -> TeacherTargets:
    """What a teacher of this speech makes of it; its weights are kept at the path.

    KwsError where there is too little speech.
    """
    keras.utils.set_random_seed(seed)
    teacher = _teacher(classes)
    if not path.exists():
        _learn(teacher, speech, layout, seed, progress)
        unfinished = path.with_name("part." + path.name)
        teacher.save_weights(unfinished)
        unfinished.rename(path)
    teacher.load_weights(path)
    logits, hidden = _heard(teacher, speech.embeddings)
    some = hidden[::7].astype(np.float32)
    mean, deviation = some.mean(axis=0), np.maximum(some.std(axis=0), 1e-3)
    for first in range(0, len(hidden), AT_ONCE):  # all at once would take a GB
        piece = hidden[first : first + AT_ONCE]
        piece[:] = (piece - mean) / deviation
    return TeacherTargets(hidden, logits)


def _teacher(classes: int) -> keras.Model:
    """Embeddings [batch, n, SIZE] to logits and hidden numbers of n - SEEN + 1 places."""
    inputs = keras.Input((None, SIZE))
    x = layers.GaussianNoise(NOISE)(layers.SpatialDropout1D(DROPPED)(inputs))
    for kernel in KERNELS:
        hidden = layers.BatchNormalization()(layers.Conv1D(HIDDEN, kernel, use_bias=False)(x))
        x = layers.Dropout(DROPPED)(layers.ReLU()(hidden))
    return keras.Model(inputs, [layers.Dense(classes)(x), hidden])


def _learn(
    teacher: keras.Model, speech: GuidingSpeech, layout: Layout, seed: int, progress: Progress
) -> None:
    """Behind it, the teacher has the moving averages of its weights."""
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, STEPS)
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=WEIGHT_DECAY, use_ema=True, ema_momentum=AVERAGE
    )
    variables = teacher.trainable_variables

    def step(x: tf.Tensor, y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            logits, _ = teacher(tf.cast(x, tf.float32), training=True)
            loss, _ = detection_loss(logits, tf.cast(y, tf.int32), FOUND, HARDEST)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    fitted = tf.function(step)
    crops = Crops(speech, layout, SEEN, seed)
    for number in range(STEPS):
        if number % SAID == 0:
            progress("teaching", number / STEPS)
        if number and number % SEARCHED == 0:
            crops.find_alike(keyword_chance(_heard(teacher, speech.embeddings)[0]))
        fitted(*crops.draw())
    optimizer.finalize_variable_values(variables)


def _heard(teacher: keras.Model, embeddings: Halfs) -> tuple[Halfs, Halfs]:
    """Logits [m, classes] and hidden numbers [m, HIDDEN]; of the first place SEEN were seen at,
    also for those before it, where there is silence.
    """

    def hear(x: tf.Tensor) -> Any:
        return teacher(tf.cast(x, tf.float32), training=False)

    fast = tf.function(hear, reduce_retracing=True)
    pieces = []
    for first in range(0, len(embeddings) - SEEN + 1, AT_ONCE):
        made = fast(embeddings[None, first : first + AT_ONCE + SEEN - 1])
        pieces.append([numbers[0].numpy().astype(np.float16) for numbers in made])
    logits, hidden = (np.concatenate(kind) for kind in zip(*pieces, strict=True))
    before = ((SEEN - 1, 0), (0, 0))
    return np.pad(logits, before, "edge"), np.pad(hidden, before, "edge")
