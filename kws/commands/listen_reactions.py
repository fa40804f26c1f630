"""Open what `kws listen` does with detections, by its options: actions, clips, MQTT, output."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from kws.action import Actions
    from kws.actions.mqtt_settings import MqttSettings
    from kws.audio.keep import Keeper
    from kws.audio.kept_files import NoKeeper
    from kws.audio.switched_source import SwitchedSource
    from kws.backend import Spotter
    from kws.console.detection_lines import DetectionLines
    from kws.console.live_display import LiveDisplay
    from kws.integrations.mqtt_listener import MqttListener
    from kws.model_file import ModelFile
    from kws.posterior import Detection
    from kws.types import Samples

FOLLOWED_BLOCK = 0.08  # s, where actions follow the confidence, in a file too

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReactionOptions:
    """Hold the options that say what detections lead to."""

    actions: Path | None
    mqtt: str | None
    keep: Path | None
    keep_near: float
    keep_max: int
    json: bool

    def load_actions(self, keywords: tuple[str, ...]) -> Actions:
        """Return the actions of the file, for a model with these keywords; without a file, none."""
        from kws.action import Actions

        return Actions.load(self.actions, keywords) if self.actions else Actions([])

    def load_mqtt(self) -> MqttSettings | None:
        """Return how to be a device of Home Assistant, or None."""
        if self.mqtt is None:
            return None
        from kws.actions.mqtt_settings import mqtt_settings

        return mqtt_settings(self.mqtt)


class Reactions:
    """Hand what a listener finds to all that is done with it."""

    def __init__(
        self,
        actions: Actions,
        kept: Keeper | NoKeeper,
        mqtt: MqttListener | None,
        output: LiveDisplay | DetectionLines,
        spotter: Spotter,
    ) -> None:
        from kws.listener import BUFFER_SECONDS

        self._actions, self._kept, self._mqtt, self._output = actions, kept, mqtt, output
        self.on_block = actions.then(spotter, kept.then(output.on_block))
        self.max_block = FOLLOWED_BLOCK if actions.follow_confidences else BUFFER_SECONDS

    def before_block(self, samples: Samples) -> None:
        """Take a block of samples before the detections in it."""
        if self._mqtt is not None:
            self._mqtt.before_block(samples)
        self._output.before_block(samples)

    def on_gap(self, time: float, seconds: float) -> None:
        """Take a gap in the audio."""
        self._kept.skip(seconds)
        if self._mqtt is not None:
            self._mqtt.skip(seconds)
        self._output.on_gap(time, seconds)

    def detected(self, detection: Detection) -> None:
        """Take a detection."""
        self._actions.run(detection)
        if self._mqtt is not None:
            self._mqtt.detected(detection)
        self._kept.detected(detection)
        self._output.show(detection)


@contextmanager
def open_reactions(
    options: ReactionOptions,
    actions: Actions,
    mqtt: MqttSettings | None,
    source: SwitchedSource,
    spotter: Spotter,
    model: ModelFile,
) -> Iterator[Reactions]:
    """Open what the options ask for, until the end; model: with its own thresholds."""
    from kws.audio.kept_files import keeper

    with ExitStack() as opened:
        listener = None
        if mqtt is not None:
            from kws.integrations.mqtt_listener import mqtt_listener

            listener = opened.enter_context(mqtt_listener(mqtt, model, spotter, source))
        keeping = (options.keep, options.keep_near, options.keep_max)
        kept = opened.enter_context(keeper(spotter, model.name, source, *keeping))
        output = _open_output(source, spotter, model.name, options.json)
        opened.enter_context(output)
        yield Reactions(actions, kept, listener, output, spotter)


def _open_output(
    source: SwitchedSource, spotter: Spotter, model: str, as_json: bool
) -> LiveDisplay | DetectionLines:
    """Return a live display for a live source on a terminal, lines of text or JSON otherwise."""
    if source.live and not as_json and _can_be_redrawn(sys.stdout):
        from kws.console.live_display import LiveDisplay

        return LiveDisplay(source, spotter, model)
    from kws.console.detection_lines import DetectionLines

    if source.live:
        log.info("listening on %s for %s", source.name, ", ".join(spotter.config.keywords))
    return DetectionLines(source, as_json)


def _can_be_redrawn(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that can move its cursor, as rich decides it."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")
