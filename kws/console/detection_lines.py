"""Detections as lines on stdout, for people, pipes and programs."""

from __future__ import annotations

import json
import logging
import time

import numpy as np
import numpy.typing as npt

from kws.listener import Source
from kws.posterior import Detection

LOSS_SECONDS = 10.0  # lost audio is reported no more often than this

log = logging.getLogger(__name__)


def line(detection: Detection) -> str:
    """What a person reads: `1.84 s  computer  0.97`."""
    return f"{detection.time:.2f} s  {detection.keyword}  {detection.confidence:.2f}"


def json_line(detection: Detection) -> str:
    """What a program reads: `{"time": 1.84, "keyword": "computer", "confidence": 0.97}`."""
    return json.dumps(
        {
            "time": round(detection.time, 4),
            "keyword": detection.keyword,
            "confidence": round(detection.confidence, 4),
        }
    )


class Lines:
    """One line per detection, handed on at once; lost audio is a warning in the log."""

    def __init__(self, source: Source, as_json: bool) -> None:
        self._source = source
        self._format = json_line if as_json else line
        self._reported = 0  # overflows
        self._next_report = 0.0  # s, by the clock

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *error: object) -> None:
        """Everything was handed on already."""

    def detection(self, detection: Detection) -> None:
        """Print a detection."""
        print(self._format(detection), flush=True)

    def block(self, samples: npt.NDArray[np.int16]) -> None:
        """Look whether audio was lost before this block."""
        if self._source.overflows > self._reported and time.monotonic() >= self._next_report:
            self._reported = self._source.overflows
            self._next_report = time.monotonic() + LOSS_SECONDS
            log.warning("audio lost in %d blocks so far; is the machine too busy?", self._reported)
