"""Answer the events of one Wyoming client: find wake words in its audio, without any I/O.

describe -> info; ping -> pong; detect, audio-start, audio-chunk -> detection; audio-stop ->
not-detected. Events of other types are passed over.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np
from wyoming.audio import AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable, write_event
from wyoming.info import Attribution, Describe, Info, WakeModel, WakeProgram
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, NotDetected
from wyoming.wake import Detection as Detected

from kws import __version__
from kws.backend import Spotter
from kws.config import SAMPLE_RATE
from kws.foreign_text import MAX_NAME, shortened
from kws.listener import FLUSH_SECONDS
from kws.serve.event_reader import AUDIO, ProtocolError
from kws.serve.pcm import PcmConverter, PcmFormat
from kws.serve.wake_words import ServedModel, WakeWord, WakeWords
from kws.types import Samples

MAX_NAMES = 100  # of wake words that a client asks for
PROGRAM = "kws"
DESCRIPTION = "Always-on wake words, on this machine"
ATTRIBUTION = Attribution(name="kws", url="")

log = logging.getLogger(__name__)


class Connection:
    """Hold the state of one client: what it asked for, and its stream of audio.

    Args:
        wake_words: what there is.
        send: takes bytes for the client.
        complain: takes a line for the log about something that the client did wrong.
    """

    def __init__(
        self,
        wake_words: WakeWords,
        send: Callable[[bytes], object],
        complain: Callable[[str], object],
    ) -> None:
        self._wake_words, self._send, self._complain = wake_words, send, complain
        self._names: list[str] | None = None  # that the client asked for; None: any
        self._context: dict[str, Any] | None = None
        self._stream: _AudioStream | None = None
        self._timestamp: int | None = None  # of the latest audio, if the client gives any

    @property
    def streaming(self) -> bool:
        """Return whether the client is in the middle of a stream of audio."""
        return self._stream is not None

    def handle(self, event: Event) -> None:
        """Take the next event and send the answers; raise ProtocolError where it makes no sense."""
        if event.type == AUDIO:
            self._push(event)
        elif Describe.is_type(event.type):
            self._wake_words.refresh()
            self._answer(info(self._wake_words.words))
        elif Detect.is_type(event.type):
            self._detect(event.data)
        elif AudioStart.is_type(event.type):
            PcmFormat.of(event.data)
            self._stream = self._begun()
        elif AudioStop.is_type(event.type):
            self._stop()
        elif Ping.is_type(event.type):
            self._answer(Pong(text=event.data.get("text")))

    def _answer(self, message: Eventable) -> None:
        encoded = io.BytesIO()
        write_event(message.event(), encoded)
        self._send(encoded.getvalue())

    def _detect(self, data: dict[str, Any]) -> None:
        """Take the names of the wake words that are wanted; none, or no list, means any."""
        names, context = data.get("names") or None, data.get("context")
        if names is not None and not (
            isinstance(names, list)
            and len(names) <= MAX_NAMES
            and all(isinstance(name, str) and len(name) <= 2 * MAX_NAME for name in names)
        ):
            raise ProtocolError(f"detect: the names are {shortened(names)}")
        self._names = names
        self._context = context if isinstance(context, dict) else None
        if self._stream is not None:  # the names come after audio-start
            self._stream = self._begun()

    def _begun(self) -> _AudioStream:
        """Return a new stream for what is wanted; report the names that no model has."""
        pause = self._wake_words.tuning.refractory_seconds
        if self._names is None:
            every = [(word, word.name) for word in self._wake_words.words if word.first]
            return _AudioStream(every, pause)
        wanted = {name: self._wake_words.find(name) for name in self._names}
        if None in wanted.values() and self._wake_words.refresh():
            wanted = {name: self._wake_words.find(name) for name in self._names}
        for name in (name for name, word in wanted.items() if word is None):
            problem = f"there is no wake word {shortened(name)}"
            self._complain(problem)
            self._answer(Error(text=problem, code="unknown-wake-word"))
        known = [(word, name) for name, word in wanted.items() if word is not None]
        return _AudioStream(known, pause)

    def _push(self, event: Event) -> None:
        """Send the detections that a piece of audio completes."""
        if self._stream is None:  # audio without audio-start
            self._stream = self._begun()
        timestamp = event.data.get("timestamp")
        self._timestamp = timestamp if isinstance(timestamp, int) else None
        self._report(self._stream.push(PcmFormat.of(event.data), event.payload or b""))

    def _stop(self) -> None:
        """End the stream; say that nothing was detected, if so."""
        stream, self._stream = self._stream or self._begun(), None
        self._report(stream.finish())
        if not stream.detected:
            self._answer(NotDetected(context=self._context))

    def _report(self, found: list[tuple[str, int]]) -> None:
        """Send detections, with the timestamp of the audio that completed them, if it has one."""
        for name, milliseconds in found:
            log.debug("detected %s", name)
            timestamp = milliseconds if self._timestamp is None else self._timestamp
            self._answer(Detected(name=name, timestamp=timestamp, context=self._context))


class _AudioStream:
    """Detect wanted wake words in a stream of audio, as if silence had come before and after it.

    Attributes:
        detected: whether any was detected so far.
    """

    def __init__(self, wanted: list[tuple[WakeWord, str]], refractory_seconds: float) -> None:
        """Take the wake words and what the client calls each, and the time between two of one."""
        self.detected = False
        self._refractory = refractory_seconds
        self._latest: dict[str, float] = {}  # time of the detection of each name, s
        self._names: dict[ServedModel, dict[str, str]] = {}  # by keyword
        for word, name in wanted:
            self._names.setdefault(word.served, {})[word.keyword] = name
        self._spotters = {served: Spotter(served.model) for served in self._names}
        self._converter = PcmConverter(PcmFormat())

    def push(self, pcm: PcmFormat, audio: bytes) -> list[tuple[str, int]]:
        """Take a piece of audio; return the names and times (ms) of the detections in it."""
        found = []
        if pcm != self._converter.format:
            found = self._spotted(self._converter.push(b"", last=True))
            self._converter = PcmConverter(pcm)
        return found + self._spotted(self._converter.push(audio))

    def finish(self) -> list[tuple[str, int]]:
        """Return the detections that the end of the audio and silence after it complete."""
        silence = np.zeros(round(FLUSH_SECONDS * SAMPLE_RATE), np.int16)
        return self._spotted(np.concatenate([self._converter.push(b"", last=True), silence]))

    def _spotted(self, samples: Samples) -> list[tuple[str, int]]:
        found = []
        for served, spotter in self._spotters.items():
            for detection in spotter.push(samples):
                name = self._names[served].get(detection.keyword)
                if name is None or detection.time - self._latest.get(name, -inf) < self._refractory:
                    continue
                self._latest[name] = detection.time
                found.append((name, round(1000 * detection.time)))
        self.detected |= bool(found)
        return found


def info(words: tuple[WakeWord, ...]) -> Info:
    """Return the description of the server: one wake model for each keyword."""
    models = [
        WakeModel(
            name=word.name,
            description=word.name,
            phrase=word.keyword,
            attribution=ATTRIBUTION,
            installed=True,
            version=word.served.model.sha256[:12],
            languages=_languages(word.served.model.config.card),
        )
        for word in words
    ]
    program = WakeProgram(
        name=PROGRAM,
        description=DESCRIPTION,
        attribution=ATTRIBUTION,
        installed=True,
        version=__version__,
        models=models,
    )
    return Info(wake=[program])


def _languages(card: dict[str, Any]) -> list[str]:
    """Return the languages that a model's card names."""
    return [str(language) for language in card.get("languages", ()) if isinstance(language, str)]
