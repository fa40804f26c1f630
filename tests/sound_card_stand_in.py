"""Stand in for sounddevice: cards that are plugged in and out; the test sends their blocks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np


class PortAudioStandIn:
    """Provide what kws uses of sounddevice.

    Attributes:
        plugged: names of the cards that are there; listed after the next start of PortAudio.
        streams: those opened so far, the open ones and the closed ones.
    """

    class PortAudioError(Exception):
        """Stand in for sounddevice.PortAudioError."""

    def __init__(self, *plugged: str, channels: int = 2) -> None:
        self.plugged = list(plugged)
        self.channels = channels
        self.streams: list[StreamStandIn] = []
        self.default = SimpleNamespace(hostapi=0)
        self._initialize()

    def _initialize(self) -> None:
        self._listed = list(self.plugged)

    def _terminate(self) -> None:
        self._listed = []

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [{"name": "stand-in", "default_input_device": 0 if self._listed else -1}]

    def query_devices(self) -> list[dict[str, Any]]:
        return [
            {
                "index": index,
                "name": name,
                "hostapi": 0,
                "max_input_channels": self.channels,
                "default_samplerate": 16_000.0,
            }
            for index, name in enumerate(self._listed)
        ]

    def check_input_settings(self, **settings: Any) -> None:
        pass

    def RawInputStream(self, **settings: Any) -> StreamStandIn:  # noqa: N802
        if self._listed[settings["device"]] not in self.plugged:
            raise self.PortAudioError("Device unavailable")
        self.streams.append(StreamStandIn(**settings))
        return self.streams[-1]


class StreamStandIn:
    """Stand in for a stream of a card."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self.active = False

    def start(self) -> None:
        self.active = True

    def close(self) -> None:
        self.active = False

    def send(self, samples: np.ndarray, overflow: bool = False) -> None:
        """Send int16 samples [n], on every channel, in blocks."""
        size, channels = self._settings["blocksize"], self._settings["channels"]
        for start in range(0, len(samples), size):
            block = np.repeat(samples[start : start + size, None], channels, axis=1)
            status = SimpleNamespace(input_overflow=overflow and not start)
            self._settings["callback"](block.tobytes(), len(block), None, status)

    def unplug(self) -> None:
        """End the stream as a card does that is gone."""
        self.active = False
        self._settings["finished_callback"]()
