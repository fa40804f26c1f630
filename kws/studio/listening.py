"""Listen to one source at a time in a thread, and publish what is found as events."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kws.audio.keep import Keeper, KeptClip
from kws.audio.kept_files import MAX_CLIPS, keeper
from kws.backend import Spotter
from kws.config import SAMPLE_RATE
from kws.console.live_display import dbfs
from kws.errors import KwsError
from kws.listener import Source, listen
from kws.model_file import ModelFile
from kws.ring_buffer import RingBuffer
from kws.sensitivity import threshold_at
from kws.studio.event_log import EventLog
from kws.types import Samples

BLOCK_SECONDS = 0.08  # between points of the curves
CLIPS = 50  # triggers that can be heard again
KEEP_NEAR = 0.5  # least confidence of a near miss that is kept for review
NO_NEAR_MISSES = 1.0
UNWATCHED_SECONDS = 60.0  # a microphone that no page follows for so long is closed
STOP_SECONDS = 5.0

log = logging.getLogger(__name__)


class ListeningSession:
    """Detect keywords in a source until it ends or is stopped; keep the audio of each trigger."""

    def __init__(self, model: ModelFile, source: Source, kept: Path | None) -> None:
        """Begin to listen.

        Args:
            model: with its own thresholds.
            source: where samples come from.
            kept: folder that gets clips of detections and near misses, as kws listen --keep does.
        """
        self.model, self.source = model, source
        self.events = EventLog()
        self.sensitivities = dict.fromkeys(model.config.keywords, 0.5)
        self.clips: dict[int, KeptClip] = {}
        self.error = ""
        self._kept = kept
        self._spotter = Spotter(model)
        self._samples = 0  # so far, those that were lost included
        self._stopped, self._ended = threading.Event(), False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def active(self) -> bool:
        """Return whether it listens."""
        return not self._ended

    def state(self) -> dict[str, Any]:
        """Return what a page shows of it before any event comes."""
        latest = self.events.latest  # read first: a page that follows from here misses no end
        clips = [(number, clip) for number, clip in list(self.clips.items()) if number <= latest]
        return {
            "model": self.model.name,
            "source": self.source.name,
            "active": self.active,
            "error": self.error,
            "keep": self._kept is not None,
            "keywords": [
                {"name": name, "threshold": threshold, "sensitivity": self.sensitivities[name]}
                for name, threshold in self._thresholds().items()
            ],
            "clips": [_clip_values(number, clip) for number, clip in clips],
            "latest": latest,
        }

    def set_sensitivity(self, keyword: str, level: float) -> None:
        """Set the sensitivity of a keyword, 0 to 1; raise KwsError for another."""
        keywords = self.model.config.keywords
        if keyword not in keywords:
            raise KwsError(f"the model knows: {', '.join(keywords)}")
        threshold = threshold_at(self.model.config, keywords.index(keyword), level)
        self._spotter.set_thresholds({keyword: threshold})
        self.sensitivities[keyword] = level
        self.events.publish("threshold", keyword=keyword, threshold=threshold, sensitivity=level)

    def stop(self) -> None:
        """End it, and wait until the microphone is closed."""
        self._stopped.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        try:
            self._listen()
        except KwsError as error:
            self.error = str(error)
            log.warning("%s", error)
        except Exception as error:  # pages that follow wait for the end
            self.error = f"internal error: {error}"
            log.exception("listening has ended")
        finally:
            self._ended = True
            self.events.publish("ended", error=self.error)
            self.events.close()

    def _listen(self) -> None:
        source = _Stoppable(self.source, self._is_over)
        folder = (self._kept, KEEP_NEAR, MAX_CLIPS)
        with (
            keeper(self._spotter, self.model.name, source, *folder) as kept,
            self._heard() as heard,
        ):

            def on_gap(time: float, seconds: float) -> None:
                kept.skip(seconds)
                heard.skip(seconds)
                self._samples += round(seconds * SAMPLE_RATE)
                self.events.publish("gap", time=time, seconds=seconds)

            on_block = kept.then(heard.then(self._on_block))
            for found in listen(source, self._spotter, on_block, BLOCK_SECONDS, on_gap):
                kept.detected(found)
                heard.detected(found)
                self.events.publish(
                    "detection", **_values(found.time, found.keyword, found.confidence)
                )

    @contextmanager
    def _heard(self) -> Iterator[Keeper]:
        """Keep the audio of the latest triggers, until the end."""
        heard = Keeper(self._spotter, NO_NEAR_MISSES, self._add_clip)
        yield heard
        heard.flush()

    def _is_over(self) -> bool:
        return self._stopped.is_set() or self.events.unwatched_seconds > UNWATCHED_SECONDS

    def _on_block(self, samples: Samples) -> None:
        self._samples += len(samples)
        level = dbfs(float(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else None
        if level is not None:
            scores = [round(score, 3) for score in self._spotter.scores.values()]
            time = round(self._samples / SAMPLE_RATE, 3)
            self.events.publish("scores", time=time, level=round(level, 1), scores=scores)

    def _add_clip(self, clip: KeptClip) -> None:
        number = self.events.latest + 1
        clips = {**self.clips, number: clip}
        self.clips = dict(list(clips.items())[-CLIPS:])
        self.events.publish("clip", **_clip_values(number, clip))

    def _thresholds(self) -> dict[str, float]:
        config = self._spotter.config
        return dict(zip(config.keywords, config.thresholds, strict=True))


class Listening:
    """Hold the session that listens, or that did last."""

    def __init__(self) -> None:
        self.session: ListeningSession | None = None
        self._lock = threading.Lock()

    def start(self, open_session: Callable[[], ListeningSession]) -> ListeningSession:
        """End the session before, and open another."""
        with self._lock:
            if self.session:
                self.session.stop()
            self.session = open_session()
            return self.session

    def stop(self) -> None:
        """End the session, which can still be looked at."""
        with self._lock:
            if self.session:
                self.session.stop()


class _Stoppable:
    """Let a source end when somebody says so."""

    def __init__(self, source: Source, is_over: Callable[[], bool]) -> None:
        self._source, self._is_over = source, is_over
        self.name, self.live = source.name, source.live
        self.lost = 0

    @property
    def overflows(self) -> int:
        return self._source.overflows

    def __enter__(self) -> _Stoppable:
        self._source.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._source.__exit__(*error)

    def fill(self, ring: RingBuffer) -> bool:
        if self._is_over():
            return False
        more = self._source.fill(ring)
        self.lost = getattr(self._source, "lost", 0)
        return more


def _values(time: float, keyword: str, confidence: float) -> dict[str, Any]:
    return {"time": round(time, 3), "keyword": keyword, "confidence": round(confidence, 3)}


def _clip_values(number: int, clip: KeptClip) -> dict[str, Any]:
    found = clip.found
    return {"clip": number, **_values(found.time, found.keyword, found.confidence)}
