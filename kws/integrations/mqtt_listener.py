"""Join a listener to Home Assistant by MQTT: its source, its spotter and its detections."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kws.audio.recent_audio import RecentAudio
from kws.errors import KwsError
from kws.integrations.dashboard import Dashboard
from kws.integrations.home_assistant import Topics, discovery, machine_id, machine_name
from kws.integrations.mqtt_device import MqttDevice, not_delivered

if TYPE_CHECKING:
    from kws.actions.mqtt_settings import MqttSettings
    from kws.audio.switched_source import SwitchedSource
    from kws.backend import Spotter
    from kws.model_file import ModelFile
    from kws.posterior import Detection
    from kws.types import Samples

log = logging.getLogger(__name__)


class MqttListener:
    """Take what a listener finds, with the level of the audio before it."""

    def __init__(self, device: MqttDevice) -> None:
        self._device = device
        self._recent = RecentAudio()

    def before_block(self, samples: Samples) -> None:
        """Keep the samples, for the level at the detections in them."""
        self._recent.add(samples)

    def skip(self, seconds: float) -> None:
        """Forget the audio before a gap of so many seconds."""
        self._recent.skip(seconds)

    def detected(self, detection: Detection) -> None:
        """Send a detection."""
        self._device.detected(detection, self._recent.level(detection.sample))


@contextmanager
def mqtt_listener(
    settings: MqttSettings, model: ModelFile, spotter: Spotter, source: SwitchedSource
) -> Iterator[MqttListener]:
    """Be a device of Home Assistant until the end.

    model: as it was loaded, with the thresholds that a sensitivity of 0.5 stands for. Raises
    KwsError at the end of a file where detections did not reach the broker.
    """
    config = model.config
    topics = Topics(settings.device_id or machine_id(), settings.discovery_prefix)
    dashboard = Dashboard(topics, spotter, config, source)
    description = discovery(topics, settings.name or machine_name(), model.name, config.keywords)
    device = MqttDevice(settings.broker, topics, description, dashboard, source.live)
    try:
        with device:
            yield MqttListener(device)
    finally:
        if lost := device.take_lost():
            message = not_delivered(lost, settings.broker.url)
            if not source.live:
                raise KwsError(message)
            log.warning("MQTT: %s", message)
