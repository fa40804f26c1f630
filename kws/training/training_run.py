"""A pool of examples to an int8 network: fit, epoch by epoch, and quantisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kws.config import SAMPLE_RATE, ModelConfig
from kws.data.clips import PARTITIONS
from kws.mfcc_tables import FrontEndTables
from kws.training.batches import Sampler
from kws.training.checkpoint import Checkpoint
from kws.training.example_layout import Layout
from kws.training.example_store import Pool, Speech
from kws.training.features import standardised, typical_windows
from kws.training.mining import LogMelRows, Mined, Miner
from kws.training.model import build_model, copy_weights, initialise_from
from kws.training.quantise import embed, quantise
from kws.training.recipe import Recipe
from kws.training.trainer import AuxiliaryTask, Trainer
from kws.training.workers import Progress

TYPICAL = 600  # examples that set the ranges of the activations
MEASURED = 3000  # examples that set the features' mean and scale
JUDGED = 3000  # examples of the parts left out that tell when to stop


@dataclass(frozen=True)
class Trained:
    """A model as it is kept, and the float network that it was quantised from."""

    content: bytes  # .tflite; its thresholds are 1.0 until they are calibrated
    network: keras.Model


class Training:
    """One network on its way: what it has heard, and what it has not."""

    def __init__(
        self,
        material: Path,
        keywords: Sequence[str],
        recipe: Recipe,
        held_out: Sequence[int],
        task: AuxiliaryTask | None = None,
    ) -> None:
        """material: folder of a pool and its speech. held_out: parts that are not trained on.

        task: what the network learns besides the keywords.
        """
        self.recipe, self.pool = recipe, Pool.load(material)
        self._material = material
        self._kept = [part for part in range(PARTITIONS) if part not in held_out]
        kept = ~np.isin(self.pool.parts, held_out)
        self.random = np.random.default_rng(recipe.seed)
        self.chosen = np.flatnonzero(kept)
        left_out = np.flatnonzero(~kept)
        self.judged = self.random.permutation(left_out)[:JUDGED]
        self.config = self._config(tuple(keywords))
        self.tables = FrontEndTables(self.config.front_end)
        keras.utils.set_random_seed(recipe.seed)  # of the first weights
        self.sampler = Sampler(self.pool, recipe.schedule, self.chosen, recipe.seed)
        network = self._network()
        self.trainer = Trainer(network, recipe, self.tables, self.pool, self.sampler, task)

    def run(self, checkpoint: Path, epochs: int, progress: Progress) -> Trained:
        """Train for `epochs` at most, from where the checkpoint is.

        The best epoch is kept, by the loss on the parts that are held out, and training stops when
        it lies as far back as the schedule's patience. Without patience, and where nothing is held
        out, the last epoch is kept.
        """
        done = Checkpoint.load(checkpoint)
        for mined in done.mined:
            self.miner.put(mined)
        if done.epoch:
            self.trainer.state = done.state
        patience = self.recipe.schedule.patience if len(self.judged) else 0
        while done.epoch < epochs and not 0 < patience <= done.epoch - done.best_epoch:
            if done.epoch and self.recipe.mining.passages_per_epoch:
                done.mined.append(self._mine(done.epoch))
            self.trainer.run_epoch(self.recipe.seed + done.epoch)
            done.epoch += 1
            with self.trainer.averaged():
                loss = self.trainer.loss(self.judged) if patience else -done.epoch
                if loss < done.best_loss:
                    done.best_epoch, done.best_loss = done.epoch, loss
                    done.best = self.trainer.model.get_weights()
            done.state = self.trainer.state
            done.save(checkpoint)
            progress("training", done.epoch / epochs)
        progress("quantising", 0.0)
        self.trainer.model.set_weights(done.best)
        return self._quantised()

    def _network(self) -> keras.Model:
        """With first weights of its own, or those that training starts from."""
        recipe = self.recipe
        network = build_model(recipe.architecture, self.config.front_end, len(self.config.classes))
        if recipe.initial:
            initialise_from(recipe.initial, network, self._typical()[..., None])
        return network

    @cached_property
    def miner(self) -> Miner:
        """Of the speech that is trained on, which is read only where it is searched."""
        speech = Speech.load(self._material).of(self._kept)
        return Miner(speech, self._layout, self.pool, self.sampler)

    @property
    def _layout(self) -> Layout:
        return Layout.of(self.config.front_end, self.recipe.architecture)

    def _mine(self, epoch: int) -> Mined:
        """With the network as it would be kept now."""
        recipe = self.recipe
        searched = round(
            recipe.mining.searched_hours * 3600 * SAMPLE_RATE / self.miner.layout.detailed.hop
        )
        random = np.random.default_rng((recipe.seed, epoch))
        with self.trainer.averaged():
            return self.miner.mine(
                self._confidences, recipe.mining.passages_per_epoch, searched, random
            )

    def _confidences(self, log_mels: LogMelRows) -> npt.NDArray[np.float32]:
        """[steps] of rows [n, filters]: the likeliest keyword, smoothed."""
        scores = self.trainer.logits(tf.constant(log_mels[None]))[0]
        likest = tf.reduce_max(tf.nn.softmax(scores)[:, 1:], axis=1).numpy()
        width = self.recipe.loss.max_pooling_steps
        smooth: npt.NDArray[np.float32] = np.convolve(likest, np.full(width, 1 / width))
        return smooth[: len(likest)].astype(np.float32)

    def _config(self, keywords: tuple[str, ...]) -> ModelConfig:
        recipe = self.recipe
        if recipe.initial:
            front_end = recipe.initial.config.front_end
        else:
            some = self.random.choice(self.chosen, MEASURED)
            front_end = standardised(recipe.front_end, self.pool.log_mels[some])
        thresholds, stride = (1.0,) * len(keywords), recipe.architecture.stride
        return ModelConfig(keywords, thresholds, stride, front_end)

    def _typical(self) -> npt.NDArray[np.float32]:
        some = self.random.choice(self.chosen, TYPICAL)
        return typical_windows(
            self.pool.heard(some), self.pool.labels[some], self.tables, self.recipe.architecture
        )

    def _quantised(self) -> Trained:
        architecture, front_end = self.recipe.architecture, self.config.front_end
        window = build_model(
            architecture, front_end, len(self.config.classes), architecture.window_frames
        )
        copy_weights(self.trainer.model, window)
        content = quantise(window, self._typical())
        return Trained(embed(content, self.recipe.inference_config(self.config)), window)
