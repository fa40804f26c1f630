"""Set the sensitivity of served models, for all keywords or for each, whatever models there are."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from kws.errors import KwsError
from kws.keyword_names import comparison_key
from kws.model_file import ModelFile
from kws.sensitivity import SENSITIVITIES, with_sensitivity

MAX_REFRACTORY = 60.0  # s

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tuning:
    """Hold what the user sets; the key None stands for every keyword that has no setting.

    Raises:
        KwsError: a value is out of range.
    """

    sensitivities: Mapping[str | None, str] = field(default_factory=dict)
    thresholds: Mapping[str | None, float] = field(default_factory=dict)
    refractory_seconds: float = 0.0  # after a detection without another of the same word

    def __post_init__(self) -> None:
        for value in self.sensitivities.values():
            if value not in SENSITIVITIES:
                raise KwsError(f"--sensitivity {value}: not one of: {', '.join(SENSITIVITIES)}")
        for threshold in self.thresholds.values():
            if not 0 < threshold <= 1:
                raise KwsError(f"--threshold {threshold:g}: not above 0 up to 1")
        if not 0 <= self.refractory_seconds <= MAX_REFRACTORY:
            raise KwsError(f"--refractory-seconds: not 0 to {MAX_REFRACTORY:g}")

    @classmethod
    def parse(
        cls, sensitivities: Iterable[str], thresholds: Iterable[str], refractory: float
    ) -> Tuning:
        """Return the settings of options of the form VALUE or KEYWORD=VALUE."""
        numbers = {}
        for keyword, text in map(_split, thresholds):
            try:
                numbers[keyword] = float(text)
            except ValueError:
                raise KwsError(f"--threshold {text}: not a number") from None
        return cls(dict(map(_split, sensitivities)), numbers, refractory)

    def applied(self, model: ModelFile) -> ModelFile:
        """Return a model with these settings, as far as it knows the keywords.

        A sensitivity that the model does not store leaves its thresholds; a line says so.
        """
        config = model.config
        thresholds = {}
        for index, keyword in enumerate(config.keywords):
            key = comparison_key(keyword)
            level = self.sensitivities.get(key, self.sensitivities.get(None))
            threshold = self.thresholds.get(key, self.thresholds.get(None))
            if threshold is None and level is not None:
                try:
                    threshold = with_sensitivity(config, level).thresholds[index]
                except KwsError as error:
                    log.warning("%s, %s: %s", model.name, keyword, error)
            if threshold is not None:
                thresholds[keyword] = threshold
        config = with_sensitivity(config, None, thresholds)
        return replace(model, config=config)

    def unknown(self, keywords: Iterable[str]) -> list[str]:
        """Return the keywords that have a setting and are not among those."""
        known = {None, *map(comparison_key, keywords)}
        return sorted({key for key in (*self.sensitivities, *self.thresholds) if key} - known)


def _split(option: str) -> tuple[str | None, str]:
    """Return keyword and value of an option KEYWORD=VALUE; of VALUE, None and the value."""
    keyword, _, value = option.rpartition("=")
    return (comparison_key(keyword) or None), value.strip()
