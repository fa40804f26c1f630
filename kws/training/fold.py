"""One training of a cross-validation: what it hears, what it is tested on, where it is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from kws.data.clips import PARTITIONS
from kws.data.dataset import Dataset
from kws.model_file import ModelFile
from kws.training.checkpoint import Checkpoint
from kws.training.recipe import Recipe
from kws.training.status import Status


@dataclass(frozen=True)
class Fold:
    """One training: what it leaves out, and where its model is kept.

    Fold number `folds`, the last, leaves out nothing: it makes the model that is kept.
    """

    index: int
    folds: int
    folder: Path

    @property
    def held_out(self) -> list[int]:
        """Parts of the dataset that this fold is tested on."""
        return [part for part in range(PARTITIONS) if part * self.folds // PARTITIONS == self.index]

    @property
    def heard(self) -> list[int]:
        """Parts of the dataset that its model is trained on."""
        return [part for part in range(PARTITIONS) if part not in self.held_out]

    def test_set(self, dataset: Dataset) -> Dataset:
        """What its model is tested on."""
        return dataset.partitions(self.held_out).testable()

    @property
    def path(self) -> Path:
        """The model that it makes."""
        return self.folder / f"fold-{self.index}.tflite"

    @property
    def weights(self) -> Path:
        """The float network that it was quantised from, in Keras's format."""
        return self.path.with_suffix(".weights.h5")

    @property
    def teacher(self) -> Path:
        """The network that taught it, where speech guided it, in Keras's format."""
        return self.path.with_suffix(".teacher.weights.h5")

    def load(self, recipe: Recipe) -> ModelFile:
        """The model that it made, as the recipe has it listen: that needs no new training."""
        model = ModelFile.load(self.path)
        return replace(model, config=recipe.inference_config(model.config))

    @property
    def log(self) -> Path:
        """What its process prints."""
        return self.path.with_suffix(".log")

    @property
    def checkpoint(self) -> Path:
        """How far its training is."""
        return self.path.with_suffix(".checkpoint")

    @property
    def epochs(self) -> int:
        """The best of its epochs, once it is trained."""
        return Checkpoint.load(self.checkpoint).best_epoch

    @property
    def status(self) -> Status:
        """How far it is, for those who watch."""
        return Status(str(self), self.path.with_suffix(".progress"))

    def __str__(self) -> str:
        return "final model" if self.index == self.folds else f"fold {self.index + 1}"
