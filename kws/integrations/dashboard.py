"""Let a dashboard set sensitivities and switch listening, by commands that may be anything."""

from __future__ import annotations

import logging
import re
import threading
from typing import TYPE_CHECKING

from kws.audio.switched_source import SwitchedSource
from kws.foreign_text import shortened
from kws.integrations.home_assistant import OFF, ON, Topics
from kws.sensitivity import sensitivity_at, threshold_at

if TYPE_CHECKING:
    from kws.backend import Spotter
    from kws.config import ModelConfig

NUMBER = re.compile(rb"0*[01]?(\.[0-9]{1,20})?")
MAX_PAYLOAD = 40  # bytes
SHOWN_PLACES = 2  # the step of the slider is 0.01

log = logging.getLogger(__name__)


class Dashboard:
    """Hold what a dashboard shows, and apply its commands to a running spotter and source.

    Commands are kept, the latest of each topic, until apply() runs; take() returns at once.
    """

    def __init__(
        self,
        topics: Topics,
        spotter: Spotter,
        model: ModelConfig,
        source: SwitchedSource,
    ) -> None:
        """Take the model's settings, with the thresholds that a sensitivity of 0.5 stands for."""
        self._spotter, self._source, self._model = spotter, source, model
        self._listening = f"{topics.listening}/set"
        self._keywords = {
            f"{topics.sensitivity(keyword)}/set": index
            for index, keyword in enumerate(model.keywords)
        }
        self._commands: dict[str, bytes] = {}
        self._lock = threading.Lock()  # guards _commands
        self._refused: set[str] = set()  # topics of which the log says so
        self._states = {topics.listening: ON if source.on else OFF} | {
            topics.sensitivity(keyword): _shown(sensitivity_at(model, index, threshold))
            for index, (keyword, threshold) in enumerate(
                zip(model.keywords, spotter.config.thresholds, strict=True)
            )
        }

    @property
    def topics(self) -> list[str]:
        """Return the topics of the commands."""
        return [self._listening, *self._keywords]

    @property
    def states(self) -> dict[str, str]:
        """Return the payloads that the dashboard is to show, by topic."""
        return dict(self._states)

    def take(self, topic: str, payload: bytes) -> None:
        """Keep a command for apply(); one of another topic, or an empty one, is none."""
        if (topic == self._listening or topic in self._keywords) and payload:
            with self._lock:
                self._commands[topic] = payload[: MAX_PAYLOAD + 1]

    def apply(self) -> dict[str, str]:
        """Carry out the latest command of each topic; return the states that are to be shown."""
        with self._lock:
            commands, self._commands = self._commands, {}
        shown = {}
        for topic, payload in commands.items():
            state = topic.removesuffix("/set")
            if topic in self._keywords:
                value = self._set_sensitivity(self._keywords[topic], payload)
            else:
                value = self._switch(payload)
            if value is not None:
                self._states[state] = value
                self._refused.discard(topic)
            elif topic not in self._refused:
                self._refused.add(topic)
                log.warning("MQTT: ignored %s on %s", shortened(payload)[1:], topic)
            shown[state] = self._states[state]  # the old one where the command was ignored
        return shown

    def _set_sensitivity(self, index: int, payload: bytes) -> str | None:
        """Return the sensitivity as it is shown, or None for a payload that is not one."""
        if len(payload) > MAX_PAYLOAD or not NUMBER.fullmatch(payload):
            return None
        sensitivity = float(payload)
        if sensitivity > 1:
            return None
        threshold = threshold_at(self._model, index, sensitivity)
        self._spotter.set_thresholds({self._model.keywords[index]: threshold})
        return _shown(sensitivity)

    def _switch(self, payload: bytes) -> str | None:
        """Return the state of the switch, or None for a payload that is neither ON nor OFF."""
        if payload not in (ON.encode(), OFF.encode()):
            return None
        on = payload == ON.encode()
        if on != self._source.on:
            log.info("listening is switched %s", "on" if on else "off")
        self._source.on = on
        return payload.decode()


def _shown(sensitivity: float) -> str:
    return f"{sensitivity:.{SHOWN_PLACES}f}"
