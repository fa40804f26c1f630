"""Calibrate a finished model on speech that it was not trained on, without training it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from kws.calibration_card import HELD_OUT
from kws.config import CommitteeConfig
from kws.console.plain_line import print_line
from kws.data.audio_files import audio_files
from kws.data.clips import Clip
from kws.data.copies import distinct_files
from kws.data.dataset import SOURCES, SPEECH_KIND, Dataset
from kws.data.dataset_recipe import from_recipe
from kws.engine.committee_check import check_committee, network_stride
from kws.errors import KwsError
from kws.evaluation.test_set import find_positives
from kws.keyword_names import comparison_key
from kws.model_file import ModelFile
from kws.training.calibration import MIN_HOURS, RUNNING, calibrate, evaluate_folds
from kws.training.dataset_scores import test_model
from kws.training.pipeline import write_model
from kws.training.plan import held_out_quarter
from kws.training.results import show_calibration
from kws.training.work_folder import check_output


@dataclass(frozen=True)
class Recalibration:
    """Describe a calibration: a finished model and the recordings that it was not trained on."""

    model: ModelFile
    test: Dataset
    alarms_per_hour: float  # of all keywords together

    def run(self, output: Path, console: Console) -> None:
        """Write the model with thresholds, operating points and card; KwsError where it cannot."""
        if self.model.config.micro_wake_word:
            raise KwsError(
                f"{self.model.name}: a model of microWakeWord, which kws does not write; its cutoff"
                " is in its manifest"
            )
        check_output(output)
        tested = test_model(self.model, self.test)
        hours = tested.peaks[RUNNING].hours
        if hours < MIN_HOURS:
            raise KwsError(
                f"{60 * hours:.1f} minutes of speech without the keywords are too few to"
                f" calibrate a model by, {60 * MIN_HOURS:g} at least"
            )
        scores, config = tested.scores, self.model.config
        config = calibrate(config, tested.peaks, scores, self.alarms_per_hour, HELD_OUT)
        evaluations = evaluate_folds(config, [scores])
        figures = {name: found.to_dict() for name, found in evaluations.items()}
        measured = {"measured": "this model, on recordings that it was not trained on"}
        card = {**self.test.card, **config.card, **measured, "figures": figures}
        config = replace(config, card=card)
        with tempfile.TemporaryDirectory() as folder:
            write_model(output, self.model, config, Path(folder) / "embed.log")
        show_calibration(config, console)
        print_line(f"wrote {output}, {output.stat().st_size} bytes", console)


def with_first_stage(model: ModelFile, first: ModelFile, bound: float) -> ModelFile:
    """Return a model whose networks run only where a small one suspects a keyword.

    bound: average of the small network's posteriors that wakes the others. A first stage that the
    model has already makes room.

    Raises:
        KwsError: the small model is no single network, or does not fit the others.
    """
    config, networks = model.config, model.deciding_networks()
    if first.config.committee:
        raise KwsError(f"{first.name}: a committee, where a first stage is one network")
    if (first.config.front_end, first.config.keywords) != (config.front_end, config.keywords):
        raise KwsError(f"{first.name}: has another front end or other keywords than {model.name}")
    if config.committee:
        phases = config.committee.phases[-len(networks) :]
    else:
        phases = (network_stride(networks[0].content, model.name) // config.stride,)
    bounds = (bound,) * len(config.keywords)
    config = replace(
        config,
        committee=CommitteeConfig(bounds, (1, *phases), first_stage=True),
        card={**config.card, "first_stage": _origin(first, config.card)},
    )
    others = tuple(network.content for network in networks)
    check_committee(config, (first.content, *others), f"{first.name} before {model.name}")
    return replace(model, content=first.content, config=config, networks=others)


def _origin(first: ModelFile, card: dict[str, Any]) -> dict[str, Any]:
    """Return which model a first stage is, and what its card names besides what another does."""
    found: dict[str, Any] = {"model": first.name, "sha256": first.sha256}
    of_first = first.config.card
    found |= {key: of_first[key] for key in ("licence", SOURCES) if key in of_first}
    if isinstance(found.get(SOURCES), list) and isinstance(card.get(SOURCES), list):
        found[SOURCES] = [line for line in found[SOURCES] if line not in card[SOURCES]]
    return found


def held_out_of(model: ModelFile, recipe: Path, data: Path, quarter: int) -> Dataset:
    """Return what a model of a recipe was not trained on: a quarter of the speakers, 1 to 4."""
    dataset = from_recipe(recipe, data)
    if tuple(map(comparison_key, dataset.positives)) != _names(model):
        raise KwsError(f"{recipe}: its keywords are not those of {model.name}")
    return held_out_quarter(quarter, Path()).test_set(dataset)


def new_recordings(model: ModelFile, negatives: Sequence[Path], positives: Path | None) -> Dataset:
    """Return recordings that are in no dataset; each folder of negatives is a kind of speech."""
    names = [folder.name or SPEECH_KIND for folder in negatives]
    kinds = {
        path: name if names.count(name) == 1 else str(folder)
        for folder, name in zip(negatives, names, strict=True)
        for path in audio_files(folder)
    }
    clips = [Clip(path, 0, kind=kinds[path]) for path in distinct_files(list(kinds))]
    found = find_positives(positives, model.config.keywords) if positives else {}
    words = {
        keyword: [Clip(path, 0) for path in found.get(keyword, ())]
        for keyword in model.config.keywords
    }
    return Dataset(words, clips)


def _names(model: ModelFile) -> tuple[str, ...]:
    return tuple(map(comparison_key, model.config.keywords))
