"""Implement an action and its effects: a command, a webhook, MQTT, a sound, a Python function.

An effect is called with the detection, a timeout in s and the event that ends all actions; it
returns when it is done and raises when it failed. It may block: kws.action runs it in a thread.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kws.actions.time_limit import TimeLimitedCall, run_process

if TYPE_CHECKING:
    from kws.actions.mqtt_settings import Broker
    from kws.posterior import Detection

ANY_KEYWORD = "*"
SOUND_BLOCK = 1024  # frames written to the sound card at once

_portaudio = threading.Lock()  # PortAudio opens and closes streams in one thread at a time


class Effect(Protocol):
    """Carry out an action; raise an Exception that says why it failed."""

    def __call__(self, detection: Detection, timeout: float, stop: threading.Event) -> None:
        """Return when the action is done; end early once `stop` is set."""


@dataclass(frozen=True)
class Action:
    """Describe one [[action]] of an actions file."""

    name: str  # its line and kind, for the log: "actions.toml:7: command"
    keywords: frozenset[str]
    min_confidence: float  # 0..1, at the detection or soon after it
    timeout: float  # s
    effect: Effect

    def names(self, keyword: str) -> bool:
        """Return True if detections of the keyword can trigger the action."""
        return keyword in self.keywords or ANY_KEYWORD in self.keywords


def detection_fields(detection: Detection) -> dict[str, Any]:
    """Return what effects get of a detection: audio time in s, keyword, confidence 0..1.

    The names are those of the objects that `kws listen --json` prints.
    """
    return {
        "time": detection.time,
        "keyword": detection.keyword,
        "confidence": detection.confidence,
    }


@dataclass(frozen=True)
class Command:
    """Run a program without a shell; past its timeout kill it with all that it started."""

    program: str  # absolute path
    arguments: tuple[str, ...]  # format strings over detection_fields()
    folder: Path  # working directory

    def __call__(self, detection: Detection, timeout: float, stop: threading.Event) -> None:
        """Run the program to its end."""
        fields = detection_fields(detection)
        command = [self.program, *(argument.format(**fields) for argument in self.arguments)]
        variables = {f"KWS_{name.upper()}": str(value) for name, value in fields.items()}
        run_process(command, self.folder, variables, timeout, stop)


@dataclass(frozen=True)
class Webhook:
    """Send the detection as JSON in an HTTP POST, which redirects do not lose."""

    url: str
    call: TimeLimitedCall = field(default_factory=TimeLimitedCall)

    def __call__(self, detection: Detection, timeout: float, stop: threading.Event) -> None:
        """Send the request and wait for the answer."""
        from kws.actions.http_post import HttpPost

        body = json.dumps(detection_fields(detection)).encode()
        post = HttpPost(self.url, body, "application/json")
        # Twice the timeout for a silent socket: the time limit reports first.
        self.call.run(lambda _: post.send(2 * timeout), timeout, stop, post.cut)


@dataclass(frozen=True)
class MqttMessage:
    """Publish to a topic of an MQTT broker, over a connection of its own."""

    broker: Broker
    topic: str
    payload: str | None  # a format string over detection_fields(); None: the detection as JSON
    call: TimeLimitedCall = field(default_factory=TimeLimitedCall)

    def __call__(self, detection: Detection, timeout: float, stop: threading.Event) -> None:
        """Publish and wait until the broker confirms it."""
        from kws.actions.mqtt_connection import publish_once

        fields = detection_fields(detection)
        text = json.dumps(fields) if self.payload is None else self.payload.format(**fields)
        # Twice the timeout for a silent broker: the time limit reports first.
        self.call.run(
            lambda abandoned: publish_once(self.broker, self.topic, text, 2 * timeout, abandoned),
            timeout,
            stop,
        )


@dataclass(frozen=True)
class Sound:
    """Play a sound file on the default output device, independently of the microphone."""

    path: Path
    duration: float  # s
    call: TimeLimitedCall = field(default_factory=TimeLimitedCall)

    def __call__(self, detection: Detection, timeout: float, stop: threading.Event) -> None:
        """Play the file to its end."""
        self.call.run(self._play, self.duration + timeout, stop)

    def _play(self, abandoned: threading.Event) -> None:
        import sounddevice

        from kws.audio.audio_file import native_name
        from kws.audio.devices import in_use
        from kws.audio.libsndfile import soundfile

        with in_use(), soundfile.SoundFile(native_name(self.path)) as file:
            with _portaudio:
                stream = sounddevice.OutputStream(file.samplerate, channels=file.channels)
            try:
                stream.start()
                for block in file.blocks(SOUND_BLOCK, dtype="float32", always_2d=True):
                    if abandoned.is_set():
                        return
                    stream.write(block)
                stream.stop()  # returns when the last block has been played
            finally:
                with _portaudio:
                    stream.close()


@dataclass(frozen=True)
class Function:
    """Call a Python function with the detection."""

    function: Callable[[Detection], object]
    call: TimeLimitedCall = field(default_factory=TimeLimitedCall)

    def __call__(self, detection: Detection, timeout: float, stop: threading.Event) -> None:
        """Call the function and wait until it returns."""
        self.call.run(lambda _: self.function(detection), timeout, stop)
