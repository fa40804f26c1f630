"""Be a wake word plugin of OpenVoiceOS, `"module": "ovos-ww-plugin-kws"` in its settings.

ovos-plugin-manager finds the class by the entry point group opm.wake_word, and loads this module
alone, which needs it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from ovos_plugin_manager.templates.hotwords import HotWordEngine

from kws.compat.keyword_paths import ModelKeyword, keyword_of, keywords_named
from kws.compat.spotter_group import SpotterGroup
from kws.model_file import ModelFile
from kws.sensitivity import SENSITIVITIES, threshold_at, with_sensitivity

KEYS = {"model", "keyword", "sensitivity", "threshold"}
# What OpenVoiceOS itself reads in the section of a wake word.
KEYS_OF_OVOS = {
    *("module", "active", "listen", "sound", "utterance", "bus_event", "stt_lang", "lang"),
    *("wakeup", "stopword", "fallback_ww", "event", "engine", "enabled", "display_name"),
}

log = logging.getLogger(__name__)


class KwsHotwordPlugin(HotWordEngine):  # type: ignore[misc]
    """Detect a wake word with kws.

    Args:
        key_phrase: the wake word: a keyword of the model, unless `keyword` names another.
        config: of the wake word. model: a shipped model or a path, else a shipped model that has
            the keyword. sensitivity: "low", "normal", "high", or 0 (fewest false alarms) to 1.
            threshold: above 0 up to 1, in place of it.

    Raises:
        KwsError: there is no such model or keyword, or a setting is wrong.
    """

    def __init__(
        self, key_phrase: str = "computer", config: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(key_phrase, config)
        unknown = sorted(set(self.config) - KEYS - KEYS_OF_OVOS)
        if unknown:
            log.warning("wake word %s: kws does not use: %s", key_phrase, ", ".join(unknown))
        name = str(self.config.get("keyword", key_phrase))
        model = self.config.get("model")
        keyword = keyword_of(ModelFile.load(model), name) if model else keywords_named(name)[0]
        self._group = SpotterGroup([keyword], [_threshold(keyword, self.config)])
        self._odd = b""  # half of a sample
        self._found = False

    def update(self, chunk: bytes) -> None:
        """Take raw int16 samples at 16 kHz, mono, little endian."""
        data = self._odd + chunk
        whole = len(data) // 2 * 2
        self._odd = data[whole:]
        samples = np.frombuffer(data[:whole], "<i2").astype(np.int16)
        self._found |= bool(self._group.push(samples))

    def found_wake_word(self, frame_data: bytes | None = None) -> bool:
        """Return whether the wake word was said since the latest call; the argument is not used."""
        found, self._found = self._found, False
        return found

    def reset(self) -> None:
        """Forget the stream."""
        self._group.reset()
        self._odd, self._found = b"", False

    def stop(self) -> None:
        """Have nothing to stop."""


def _threshold(keyword: ModelKeyword, config: Mapping[str, Any]) -> Any:
    """Return the threshold that the settings of a wake word ask for."""
    if "threshold" in config:
        return config["threshold"]
    sensitivity, settings = config.get("sensitivity"), keyword.model.config
    if sensitivity is None or sensitivity in SENSITIVITIES:
        return with_sensitivity(settings, sensitivity).thresholds[keyword.index]
    return threshold_at(settings, keyword.index, sensitivity)
