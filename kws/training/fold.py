"""Describe the folds of a cross-validation: what each holds out, and where its model is kept."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

from kws.data.clips import PARTITIONS
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.model_file import ModelFile
from kws.training.checkpoint import Checkpoint
from kws.training.recipe import Recipe
from kws.training.workers import Status

QUARTERS = 4  # of the partitions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fold:
    """Describe one training: what it holds out, and where its model is kept.

    Fold number `folds`, the last, holds out nothing: it makes the final model. The model of a fold
    may have several networks, each of which is a training of its own.
    """

    index: int
    folds: int
    folder: Path
    network: int | None = None  # of a committee; None for the model
    is_kept: bool = field(default=False, compare=False)  # although it holds something out

    def networks(self, count: int) -> list[Fold]:
        """Return the trainings of the networks of its model: itself, where there is one."""
        return [self] if count == 1 else [replace(self, network=n) for n in range(count)]

    @property
    def held_out(self) -> list[int]:
        """Return the partitions of the dataset that this fold is tested on.

        A few speakers lie in the first partitions: shares of more than a quarter are interleaved.
        """
        parts = range(PARTITIONS)
        if self.folds < QUARTERS:
            return [part for part in parts if part % self.folds == self.index]
        return [part for part in parts if part * self.folds // PARTITIONS == self.index]

    @property
    def training_partitions(self) -> list[int]:
        """Return the partitions of the dataset that its model is trained on."""
        return [part for part in range(PARTITIONS) if part not in self.held_out]

    def test_set(self, dataset: Dataset) -> Dataset:
        """Return what its model is tested on."""
        return dataset.partitions(self.held_out).testable()

    @property
    def path(self) -> Path:
        """Return the path of its model."""
        network = "" if self.network is None else f"-network-{self.network}"
        return self.folder / f"fold-{self.index}{network}.tflite"

    @property
    def weights(self) -> Path:
        """Return the path of the float network that was quantised, in Keras's format."""
        return self.path.with_suffix(".weights.h5")

    @property
    def teacher(self) -> Path:
        """Return the path of its teacher, where there is distillation, in Keras's format."""
        return self.path.with_suffix(".teacher.weights.h5")

    def load(self, recipe: Recipe) -> ModelFile:
        """Return its model with the posterior handling of a recipe, which needs no training."""
        model = ModelFile.load(self.path)
        return replace(model, config=recipe.inference_config(model.config))

    def is_trained(self) -> bool:
        """Return whether its model is there; a damaged one is logged and made again."""
        if not self.path.exists():
            return False
        try:
            ModelFile.load(self.path)
        except KwsError as error:
            log.warning("%s; it is made again", error)
            self.path.unlink()
        return self.path.exists() and Checkpoint.load(self.checkpoint).epoch > 0

    @property
    def log(self) -> Path:
        """Return the path of what its process prints."""
        return self.path.with_suffix(".log")

    @property
    def checkpoint(self) -> Path:
        """Return the path of the state of its training."""
        return self.path.with_suffix(".checkpoint")

    @property
    def epochs(self) -> int:
        """Return the best of its epochs, once it is trained."""
        return Checkpoint.load(self.checkpoint).best_epoch

    @property
    def status(self) -> Status:
        """Return its progress, for those who watch."""
        return Status(str(self), self.path.with_suffix(".progress"))

    def __str__(self) -> str:
        is_final = self.is_kept or self.index == self.folds
        name = "final model" if is_final else f"fold {self.index + 1}"
        return name if self.network is None else f"{name}, network {self.network + 1}"
