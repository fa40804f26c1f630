"""Know a former model: what its networks are, its folds, and which recordings each fold held out.

A training that continues from it starts each fold from the former fold, which held out the same
recordings. So neither of the two models that are compared was trained on what they are tested on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from kws.atomic_write import write_atomically
from kws.config import SAMPLE_RATE, ModelConfig
from kws.data.clips import PARTITIONS, speaker_of
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.model_file import ModelFile, find
from kws.sensitivity import operating_points, store
from kws.training.architecture import Architecture
from kws.training.fold import Fold
from kws.training.recipe import Loss, Recipe, fine_tuning

SPLIT = "split.json"  # of a work folder: its folds, and the partition of each recording
# Half of the usual epochs, at a third of the learning rate: the network knows its words.
EPOCHS, LEARNING_RATE = 4, 3e-4


@dataclass(frozen=True)
class Split:
    """Hold how a training divided its recordings."""

    folds: int
    tested: tuple[int, ...]  # indices of the folds that were tested
    kept: int  # and of the one that became the model
    partitions: Mapping[str, int]  # by path
    synthetic: str  # folder of its synthetic speech

    def partition_of(self, path: Path) -> int | None:
        """Return the partition that a recording had, or its speaker; None for a new speaker."""
        known = self.partitions.get(str(path.resolve()))
        return self._of_speakers.get(speaker_of(path) or "") if known is None else known

    @cached_property
    def _of_speakers(self) -> Mapping[str, int]:
        found = ((speaker_of(Path(path)), place) for path, place in self.partitions.items())
        return {speaker: place for speaker, place in found if speaker}

    def is_possible(self) -> bool:
        """Return whether each partition is one, and each tested fold another that holds some out.

        The one that became the model may hold out nothing: it is number `folds` then.
        """
        return (
            1 <= self.folds <= PARTITIONS
            and 0 <= self.kept <= self.folds
            and all(0 <= index < self.folds for index in self.tested)
            and len(set(self.tested)) == len(self.tested)
            and all(0 <= partition < PARTITIONS for partition in self.partitions.values())
        )


def store_split(
    work: Path, dataset: Dataset, tested: Sequence[Fold], kept: Fold, synthetic: Path
) -> None:
    """Keep how a training divides its recordings, for one that continues from its model."""
    clips = [*dataset.negatives, *dataset.noise]
    clips += [clip for of_keyword in dataset.positives.values() for clip in of_keyword]
    values = {
        "folds": kept.folds,
        "tested": [fold.index for fold in tested],
        "kept": kept.index,
        "synthetic": str(synthetic.resolve()),
        "partitions": {str(clip.path.resolve()): clip.partition for clip in clips},
    }
    try:
        write_atomically(work / SPLIT, json.dumps(values, indent=0, ensure_ascii=True))
    except OSError as error:
        raise KwsError(f"{work / SPLIT}: {error.strerror or error}") from error


def read_split(path: Path) -> Split:
    """Read what store_split() wrote; KwsError where it is something else."""
    try:
        values: dict[str, Any] = json.loads(path.read_text("utf-8"))
        split = Split(**{**values, "tested": tuple(values["tested"])})
        indices = [split.folds, split.kept, *split.tested, *split.partitions.values()]
        whole = all(type(number) is int for number in indices)
        if not whole or not split.is_possible():
            raise ValueError("a number is not what it should be")
    except OSError as error:
        raise KwsError(f"{path}: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise KwsError(f"{path}: not written by kws train: {error}") from error
    return split


@dataclass(frozen=True)
class Former:
    """Hold a model from which training goes on."""

    model: ModelFile
    work: Path | None  # the work folder of its training; None where that is gone

    @classmethod
    def load(cls, name_or_path: str) -> Former:
        """Read a model, and find the work folder of its training."""
        work = find(name_or_path).with_suffix(".work")
        return cls(ModelFile.load(name_or_path), work if (work / SPLIT).is_file() else None)

    @cached_property
    def split(self) -> Split | None:
        """Return how its training divided the recordings; None where that is not known."""
        return read_split(self.work / SPLIT) if self.work else None

    @property
    def recipe(self) -> Recipe:
        """Return how to train on: briefly, and then run as the model is run."""
        config, networks = self.model.config, self.model.deciding_networks()
        phases = Architecture.of(networks[0]).stride // config.stride
        usual = fine_tuning(self.model)
        schedule = replace(usual.schedule, epochs=EPOCHS, learning_rate=LEARNING_RATE, held_out=0)
        committee = replace(usual.committee, networks=len(networks))
        if config.committee and not config.committee.first_stage:
            committee = replace(committee, bound=max(config.committee.bounds))
        refractory = config.smoothing.refractory_steps * config.stride * config.front_end.hop
        return replace(
            usual,
            schedule=schedule,
            loss=Loss(max_pooling_steps=max(1, config.smoothing.smooth_steps // phases)),
            posterior=replace(
                usual.posterior,
                phases=phases,
                refractory_seconds=round(refractory / SAMPLE_RATE, 2),
            ),
            committee=committee,
        )

    def initial(self, fold: Fold) -> ModelFile:
        """Return the network that a fold's training starts from."""
        if self.work:
            return ModelFile.load(replace(fold, folder=self.work).path)
        networks = self.model.deciding_networks()
        return networks[(fold.network or 0) % len(networks)]

    def tested(self, fold: Fold) -> ModelFile:
        """Return the model that a fold's is compared with, with the former thresholds.

        It has no first stage, as the fold's has none.
        """
        if not self.work:
            return self.model
        model = ModelFile.load(replace(fold, folder=self.work).path)
        own = model.config
        config = replace(self.model.config, front_end=own.front_end, committee=own.committee)
        return replace(model, config=config)

    def with_thresholds(self, config: ModelConfig) -> ModelConfig:
        """Return the settings of a new model with the thresholds and sensitivities of this one."""
        kept = replace(config, thresholds=self.model.config.thresholds)
        return store(kept, operating_points(self.model.config))
