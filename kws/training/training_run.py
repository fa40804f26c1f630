"""Train one network: fit it to a pool of examples epoch by epoch, and quantise it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kws.config import MICRO_FRONTEND, SAMPLE_RATE, GateConfig, ModelConfig
from kws.data.clips import PARTITIONS
from kws.mfcc_tables import FrontEndTables
from kws.training.batches import Sampler
from kws.training.checkpoint import Checkpoint
from kws.training.example_store import ExamplePool, NegativeSpeech
from kws.training.features import ExampleLayout
from kws.training.mining import HardNegativeMiner, LogMels, Mined
from kws.training.model import build_model, copy_weights, initialise_from
from kws.training.quantise import embed, quantise, representative_windows, standardise
from kws.training.recipe import Recipe
from kws.training.trainer import AuxiliaryTask, Trainer
from kws.training.workers import Progress

REPRESENTATIVE_EXAMPLES = 600  # set the quantisation ranges of the activations
STATISTICS_EXAMPLES = 3000  # set the features' mean and scale
VALIDATION_EXAMPLES = 3000  # of the held-out partitions; decide when training stops


@dataclass(frozen=True)
class Trained:
    """Hold a trained model, and the float network that it was quantised from."""

    content: bytes  # .tflite; its thresholds are 1.0 until they are calibrated
    network: keras.Model


class Training:
    """Train one network on all partitions but those held out."""

    def __init__(
        self,
        folder: Path,
        keywords: Sequence[str],
        recipe: Recipe,
        held_out: Sequence[int],
        task: AuxiliaryTask | None = None,
        same_keywords: bool = False,
    ) -> None:
        """Load the examples and build the network.

        Args:
            folder: Where examples and negative speech are stored.
            keywords: Their names, in the order of the examples' labels.
            recipe: All hyperparameters.
            held_out: Partitions of the split that are not trained on.
            task: What the network learns besides the keywords.
            same_keywords: Whether the initial model has these keywords, so that its last layer is
                taken as well.
        """
        self._same_keywords = same_keywords
        self.recipe, self.pool = recipe, ExamplePool.load(folder)
        self._folder = folder
        self._partitions = [part for part in range(PARTITIONS) if part not in held_out]
        training = ~np.isin(self.pool.partitions, held_out)
        self.random = np.random.default_rng(recipe.seed)
        self.training_indices = np.flatnonzero(training)
        held_out_indices = np.flatnonzero(~training)
        shuffled = self.random.permutation(held_out_indices)
        self.validation_indices = shuffled[:VALIDATION_EXAMPLES]
        self.config = self._config(tuple(keywords))
        self.tables = FrontEndTables(self.config.front_end)
        keras.utils.set_random_seed(recipe.seed)  # of the initial weights
        self.sampler = Sampler(self.pool, recipe.schedule, self.training_indices, recipe.seed)
        network = self._initial_network()
        self.trainer = Trainer(network, recipe, self.tables, self.pool, self.sampler, task)

    def run(self, checkpoint: Path, epochs: int, progress: Progress) -> Trained:
        """Train for `epochs` at most, resuming from the checkpoint, and quantise the best epoch.

        A resumed training gives what an uninterrupted one does, except with an auxiliary task.
        The best epoch has the least loss on the held-out partitions, and training stops when the
        schedule's patience has passed since. Without patience, and where nothing is held out, the
        last epoch counts as the best.
        """
        done = Checkpoint.load(checkpoint)
        for mined in done.mined:
            self.miner.insert(mined)
        if done.epoch:
            self.trainer.resume(done.state, self.recipe.seed)
        if done.sampler:
            self.sampler.state = done.sampler
        patience = self.recipe.schedule.patience if len(self.validation_indices) else 0

        def of_epoch(share: float) -> None:
            progress("training", (done.epoch + share) / epochs)

        while done.epoch < epochs and not 0 < patience <= done.epoch - done.best_epoch:
            if done.epoch and self.recipe.mining.passages_per_epoch:
                done.mined.append(self._mine(done.epoch))
            training_loss = self.trainer.run_epoch(self.recipe.seed + done.epoch, of_epoch)
            done.epoch += 1
            with self.trainer.averaged():
                loss = self.trainer.loss(self.validation_indices) if patience else -done.epoch
                if loss < done.best_loss:
                    done.best_epoch, done.best_loss = done.epoch, loss
                    done.best = self.trainer.model.get_weights()
            validation_loss = loss if patience else float("nan")
            done.losses.append((done.epoch, training_loss, validation_loss))
            done.state, done.sampler = self.trainer.state, self.sampler.state
            done.save(checkpoint)
            progress("training", done.epoch / epochs)
        progress("quantising", 0.0)
        self.trainer.model.set_weights(done.best)
        return self._quantised()

    @cached_property
    def miner(self) -> HardNegativeMiner:
        """Return the miner of the training speech, which is loaded only if it is searched."""
        speech = NegativeSpeech.load(self._folder).select(self._partitions)
        stride = self.recipe.architecture.stride
        shape = self.pool.log_mels.shape[1], self.pool.labels.shape[1]
        layout = ExampleLayout.of_examples(self.config.front_end, stride, *shape)
        return HardNegativeMiner(speech, layout, self.pool, self.sampler)

    def _initial_network(self) -> keras.Model:
        """Return a network with random weights, or with those of the recipe's initial model."""
        recipe = self.recipe
        network = build_model(recipe.architecture, self.config.front_end, len(self.config.classes))
        if recipe.initial:
            features = self._representative()[..., None]
            initialise_from(recipe.initial, network, features, self._same_keywords)
        return network

    def _mine(self, epoch: int) -> Mined:
        """Mine hard negatives with the averaged network."""
        mining, hop = self.recipe.mining, self.miner.layout.oversampled.hop
        searched = round(mining.searched_hours * 3600 * SAMPLE_RATE / hop)
        random = np.random.default_rng((self.recipe.seed, epoch))
        with self.trainer.averaged():
            count = mining.passages_per_epoch
            return self.miner.mine(self._confidences, count, searched, random)

    def _confidences(self, log_mels: LogMels) -> npt.NDArray[np.float32]:
        """Return the smoothed posterior of the arg-max keyword at each step, [steps]."""
        logits = self.trainer.logits(tf.constant(log_mels[None]))[0]
        greatest = tf.reduce_max(tf.nn.softmax(logits)[:, 1:], axis=1).numpy()
        width = self.recipe.loss.max_pooling_steps
        smooth: npt.NDArray[np.float32] = np.convolve(greatest, np.full(width, 1 / width))
        return smooth[: len(greatest)].astype(np.float32)

    def _config(self, keywords: tuple[str, ...]) -> ModelConfig:
        recipe = self.recipe
        if recipe.initial:
            front_end = recipe.initial.config.front_end
        elif recipe.front_end.mean:
            front_end = recipe.front_end  # its teacher's
        else:
            # Whatever the seed: the networks of a committee share their features.
            random = np.random.default_rng(0)
            some = random.choice(self.training_indices, STATISTICS_EXAMPLES)
            front_end = standardise(recipe.front_end, self.pool.log_mels[some])
        thresholds, stride = (1.0,) * len(keywords), recipe.architecture.stride
        # ESPHome has no gate, and what a gate cuts out would change the microfrontend's features.
        gate = GateConfig(on=front_end.kind != MICRO_FRONTEND)
        return ModelConfig(keywords, thresholds, stride, front_end, gate=gate)

    def _representative(self) -> npt.NDArray[np.float32]:
        """Return windows of features of random examples, [n, frames, coefficients]."""
        some = self.random.choice(self.training_indices, REPRESENTATIVE_EXAMPLES)
        log_mels, labels = self.pool.network_log_mels(some), self.pool.labels[some]
        return representative_windows(log_mels, labels, self.tables, self.recipe.architecture)

    def _quantised(self) -> Trained:
        architecture, front_end = self.recipe.architecture, self.config.front_end
        window = build_model(
            architecture, front_end, len(self.config.classes), architecture.window_frames
        )
        copy_weights(self.trainer.model, window)
        content = quantise(window, self._representative())
        return Trained(embed(content, self.recipe.inference_config(self.config)), window)
