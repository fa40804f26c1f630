"""Show level, score per keyword and latest detections live on a terminal."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions
from rich.live import Live
from rich.segment import Segment
from rich.style import Style

from kws.console.detection_lines import report_gap, text_line
from kws.console.silence_report import SilenceReport
from kws.foreign_text import printable
from kws.listener import Source
from kws.posterior import Detection

if TYPE_CHECKING:
    from kws.backend import SpotterBackend

REFRESH_SECONDS = 0.07  # at least; a microphone block is 0.08 s
LATEST = 5  # detections shown
FLOOR = -60.0  # dBFS, the left end of the level meter
VALUE_WIDTH = 10  # characters next to a bar: " " and " -60 dBFS"
MAX_BAR_WIDTH = 60  # characters

Characters = tuple[str, str, str]
ASCII, BLOCKS = ("#", ".", "|"), ("█", "·", "│")
DIM, ACTIVE, FIRED, BRIGHT = (Style.parse(s) for s in ("dim", "cyan", "bold green", "bold"))

log = logging.getLogger(__name__)


class LiveDisplay:
    """Redraw the display a dozen times per second; leave its last state on the screen.

    It is drawn as segments of text, at a third of the cost of rich's Text and a sixteenth of that
    of its tables: the display must cost little compared to the detector.
    """

    def __init__(self, source: Source, spotter: SpotterBackend, model: str) -> None:
        self._source = source
        self._spotter = spotter
        self._model = model
        self._silence = SilenceReport(source)
        names = ("level", *spotter.config.keywords)
        self._name_width = min(24, max(cell_len(name) for name in names))
        self._latest: deque[Detection] = deque(maxlen=LATEST)
        self._energy, self._samples = 0.0, 0  # since the last redraw
        self._level = FLOOR  # dBFS
        self._next = 0.0  # s, by the clock
        # Output of actions and the log appears above; a stderr redirected to a file is left alone.
        redirect = sys.stderr is not None and sys.stderr.isatty()
        self._live = Live(self, auto_refresh=False, redirect_stderr=redirect)

    def __enter__(self) -> LiveDisplay:
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(OSError):
            self._live.stop()

    def show(self, detection: Detection) -> None:
        """Add a detection to the list."""
        self._latest.appendleft(detection)

    def before_block(self, samples: npt.NDArray[np.int16]) -> None:
        """Do nothing: the display is drawn after a block."""

    def on_gap(self, time: float, seconds: float) -> None:
        """Report that so many seconds of audio were lost."""
        report_gap(time, seconds)

    def on_block(self, samples: npt.NDArray[np.int16]) -> None:
        """Add a block of samples, int16 [n], to the level; redraw when it is time."""
        self._silence.on_block(samples)
        values = samples.astype(np.float32)
        self._energy += float(values @ values)
        self._samples += len(samples)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + REFRESH_SECONDS
            self._level = dbfs(self._energy / max(1, self._samples))
            self._energy, self._samples = 0.0, 0
            try:
                self._live.start()  # with the first samples: a source that fails leaves no display
                self._live.refresh()
            except OSError as error:  # a terminal that was closed must not end a service
                self._next = math.inf
                log.warning("the display has ended: %s; listening goes on", error.strerror)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        lost = self._source.overflows
        yield Segment(printable(f"{self._model} on {self._source.name}"), BRIGHT)
        yield Segment(f"  audio lost in {lost} blocks", FIRED if lost else DIM)
        yield Segment.line()
        yield from self._bar_line(
            options, "level", 1 - self._level / FLOOR, f"{self._level:.0f} dBFS"
        )
        thresholds = self._spotter.config.thresholds  # which may change in a stream
        for (keyword, score), threshold in zip(
            self._spotter.scores.items(), thresholds, strict=True
        ):
            yield from self._bar_line(options, keyword, score, f"{score:.2f}", threshold)
        for index, detection in enumerate(self._latest):
            yield Segment(text_line(detection), DIM if index else FIRED)
            yield Segment.line()

    def _bar_line(
        self,
        options: ConsoleOptions,
        name: str,
        fraction: float,
        value: str,
        threshold: float = math.inf,
    ) -> Iterator[Segment]:
        width = max(1, min(MAX_BAR_WIDTH, options.max_width - self._name_width - VALUE_WIDTH))
        yield Segment(set_cell_size(name, self._name_width) + " ")
        yield from bar(fraction, threshold, width, ASCII if options.ascii_only else BLOCKS)
        yield Segment(f" {value}")
        yield Segment.line()


def bar(fraction: float, threshold: float, width: int, characters: Characters) -> Iterator[Segment]:
    """Yield a bar of `width` characters, filled to `fraction`, with a mark at `threshold`, in 0..1.

    characters: the filled one, the empty one, the mark.
    """
    full, empty, mark = characters
    filled = round(min(1.0, max(0.0, fraction)) * width)
    style = FIRED if fraction >= threshold else ACTIVE
    mark_at = math.ceil(threshold * width) - 1 if threshold <= 1 else width
    yield Segment(full * min(filled, mark_at), style)
    yield Segment(empty * (min(width, mark_at) - filled), DIM)
    if mark_at < width:
        yield Segment(mark, BRIGHT)
        yield Segment(full * (filled - mark_at - 1), style)
        yield Segment(empty * (width - max(filled, mark_at + 1)), DIM)


def dbfs(mean_square: float) -> float:
    """Return the level of int16 samples in dB relative to full scale, at least FLOOR."""
    return max(FLOOR, 10 * math.log10(max(mean_square, 1e-9) / 32768**2))
