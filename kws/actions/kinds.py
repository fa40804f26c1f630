"""The four kinds of action: a command, a webhook, a sound, a Python function.

Each is called with the detection, a timeout in s and the event that ends all actions; it returns
when it is done and raises when it failed. It may block: kws.action gives it a thread.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kws.actions.time_limit import Aside, run_process
from kws.errors import KwsError

if TYPE_CHECKING:
    from kws.posterior import Detection

SOUND_BLOCK = 1024  # frames written to the sound card at once

_portaudio = threading.Lock()  # PortAudio opens and closes streams in one thread at a time


class Effect(Protocol):
    """What an action does; raises an Exception that says why it failed."""

    def __call__(self, detection: Detection, timeout: float, stop: threading.Event) -> None: ...


def facts(time: float, keyword: str, confidence: float) -> dict[str, Any]:
    """What an action is told, named as in the objects that `kws listen --json` prints."""
    return {"time": time, "keyword": keyword, "confidence": confidence}


def facts_of(detection: Detection) -> dict[str, Any]:
    """The facts of a detection: audio time in s, keyword, confidence 0..1."""
    return facts(detection.time, detection.keyword, detection.confidence)


@dataclass(frozen=True)
class Command:
    """A program run without a shell; when late it is killed with all that it started."""

    program: str  # absolute path
    arguments: tuple[str, ...]  # format strings over facts()
    folder: Path  # working directory

    def __call__(self, detection: Detection, timeout: float, stop: threading.Event) -> None:
        told = facts_of(detection)
        command = [self.program, *(argument.format(**told) for argument in self.arguments)]
        variables = {f"KWS_{name.upper()}": str(value) for name, value in told.items()}
        run_process(command, self.folder, variables, timeout, stop)


@dataclass(frozen=True)
class Webhook:
    """An HTTP POST of the detection as JSON."""

    url: str
    aside: Aside = field(default_factory=Aside)

    def __call__(self, detection: Detection, timeout: float, stop: threading.Event) -> None:
        # Twice the timeout for the socket: the deadline speaks first, and what it leaves behind
        # still ends.
        self.aside.run(lambda _: self._post(detection, 2 * timeout), timeout, stop)

    def _post(self, detection: Detection, timeout: float) -> None:
        from urllib.error import HTTPError, URLError
        from urllib.request import Request, urlopen

        body = json.dumps(facts_of(detection)).encode()
        request = Request(self.url, body, {"Content-Type": "application/json"})
        try:
            with urlopen(request, timeout=timeout):
                pass
        except HTTPError as error:
            raise KwsError(f"the server answered {error.code} {error.reason}") from error
        except URLError as error:
            raise KwsError(str(error.reason)) from error


@dataclass(frozen=True)
class Sound:
    """A sound file on the default output device, in a stream of its own beside the capture."""

    path: Path
    duration: float  # s
    aside: Aside = field(default_factory=Aside)

    def __call__(self, detection: Detection, timeout: float, stop: threading.Event) -> None:
        self.aside.run(self._play, self.duration + timeout, stop)

    def _play(self, abandoned: threading.Event) -> None:
        import sounddevice
        import soundfile

        with soundfile.SoundFile(self.path) as file:
            with _portaudio:
                stream = sounddevice.OutputStream(file.samplerate, channels=file.channels)
            try:
                stream.start()
                for block in file.blocks(SOUND_BLOCK, dtype="float32", always_2d=True):
                    if abandoned.is_set():
                        return
                    stream.write(block)
                stream.stop()  # returns when the last block has been heard
            finally:
                with _portaudio:
                    stream.close()


@dataclass(frozen=True)
class Function:
    """A Python function, called with the detection."""

    function: Callable[[Detection], object]
    aside: Aside = field(default_factory=Aside)

    def __call__(self, detection: Detection, timeout: float, stop: threading.Event) -> None:
        self.aside.run(lambda _: self.function(detection), timeout, stop)
