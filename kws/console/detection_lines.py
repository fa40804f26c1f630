"""Print detections as lines on standard output, for people, pipes and programs."""

from __future__ import annotations

import json
import logging
import time
from datetime import datetime

import numpy as np
import numpy.typing as npt

from kws.audio.recent_audio import RecentAudio
from kws.console.silence_report import SilenceReport
from kws.listener import Source
from kws.posterior import Detection

LOSS_REPORT_SECONDS = 10.0  # at least between two reports of lost audio

log = logging.getLogger(__name__)


def text_line(detection: Detection) -> str:
    """Return a detection as text: `1.84 s  computer  0.97`."""
    return f"{detection.time:.2f} s  {detection.keyword}  {detection.confidence:.2f}"


def json_line(detection: Detection, **more: str | float) -> str:
    """Return a detection as JSON: `{"time": 1.84, "keyword": "computer", "confidence": 0.97}`.

    more: further keys, after these.
    """
    fields = {
        "time": round(detection.time, 4),
        "keyword": detection.keyword,
        "confidence": round(detection.confidence, 4),
    }
    return json.dumps(fields | more)


def wall_clock() -> str:
    """Return the time of day with date and zone, by ISO 8601."""
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def report_gap(time: float, seconds: float) -> None:
    """Log a gap in the audio."""
    log.warning("%.1f s of audio were lost after %.1f s; the detector starts afresh", seconds, time)


class StandardOutput:
    """Print lines at once; of a live source, go on where one cannot be written.

    A full disk must not end a service that acts on detections. It is logged once, and what waits in
    the buffer is written when there is room again.
    """

    def __init__(self, live: bool) -> None:
        self._live = live
        self._failed = False  # at the latest line

    def print(self, line: str) -> None:
        """Print a line.

        Raises:
            OSError: it cannot be written, and the source is not live or the reader has gone.
        """
        try:
            print(line, flush=True)
            self._failed = False
        except BrokenPipeError:
            raise
        except OSError as error:
            if not self._live:
                raise
            if not self._failed:
                log.warning("%s: %s; listening goes on", error.filename, error.strerror)
            self._failed = True


class DetectionLines:
    """Print one line per detection, at once; report audio that is lost, and silence."""

    def __init__(self, source: Source, as_json: bool) -> None:
        self._source = source
        self._as_json = as_json
        self._recent = RecentAudio()
        self._silence = SilenceReport(source)
        self._output = StandardOutput(source.live)
        self._reported = 0  # overflows
        self._next_report = 0.0  # s, by the clock

    def __enter__(self) -> DetectionLines:
        return self

    def __exit__(self, *error: object) -> None:
        """Do nothing: everything was printed at once."""

    def show(self, detection: Detection) -> None:
        """Print a detection."""
        if not self._as_json:
            self._output.print(text_line(detection))
            return
        at = {"at": wall_clock()} if self._source.live else {}
        level = round(self._recent.level(detection.sample), 1)
        self._output.print(json_line(detection, **at, level_dbfs=level))

    def before_block(self, samples: npt.NDArray[np.int16]) -> None:
        """Keep the samples, for the level at the detections in them."""
        self._recent.add(samples)

    def on_gap(self, time: float, seconds: float) -> None:
        """Report that so many seconds of audio were lost."""
        self._recent.skip(seconds)
        report_gap(time, seconds)
        if self._as_json:
            gap = {"gap": round(seconds, 4), "time": round(time, 4), "at": wall_clock()}
            self._output.print(json.dumps(gap))

    def on_block(self, samples: npt.NDArray[np.int16]) -> None:
        """Report silence, and audio that was lost before this block."""
        self._silence.on_block(samples)
        if self._source.overflows > self._reported and time.monotonic() >= self._next_report:
            self._reported = self._source.overflows
            self._next_report = time.monotonic() + LOSS_REPORT_SECONDS
            log.warning("audio lost in %d blocks so far; is the machine too busy?", self._reported)
