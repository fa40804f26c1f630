"""Hold what a user says of a training besides the recordings and the recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kws.training.recipe import Recipe
from kws.tts.voices import known_language


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Hold the options of a training; what is left out is as the recipe or its defaults have it."""

    keywords: Sequence[str] = ()  # (): all words of the dataset
    initial: str | None = None  # name or path of the model that training starts from, or "none"
    folds: int | None = None
    epochs: int | None = None  # at most
    alarms_per_hour: float | None = None  # target of the thresholds
    kokoro: Path | None = None  # folder of Kokoro's network and voices
    embedding: Path | None = None  # folder of the speech embedding; without it, no distillation
    held_out: int | None = None  # quarter of the speakers, 1 to 4, to test on, without folds
    language: str | None = None  # espeak-ng's name or a usual code; None: that of the letters
    phrase: str = ""  # the only keyword, which needs no recordings

    @property
    def spoken_language(self) -> str | None:
        """Return espeak-ng's name of the language of the keywords, if it is given."""
        return None if self.language is None else known_language(self.language)

    def applied_to(self, recipe: Recipe) -> Recipe:
        """Return a recipe with what the options say of its hyperparameters."""
        schedule, posterior = recipe.schedule, recipe.posterior
        held_out = 0 if self.folds else self.held_out
        if self.epochs is not None:
            schedule = replace(schedule, epochs=self.epochs)
        if held_out is not None:
            schedule = replace(schedule, held_out=held_out)
        if self.alarms_per_hour is not None:
            posterior = replace(posterior, false_alarms_per_hour=self.alarms_per_hour)
        return replace(recipe, schedule=schedule, posterior=posterior)
