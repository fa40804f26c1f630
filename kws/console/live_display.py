"""The live display on a terminal: level, confidence per keyword, latest detections."""

from __future__ import annotations

import math
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions
from rich.live import Live
from rich.segment import Segment
from rich.style import Style

from kws.console.detection_lines import line
from kws.listener import Source
from kws.posterior import Detection

if TYPE_CHECKING:
    from kws.backend import AnySpotter

REFRESH_SECONDS = 0.07  # at least: every block of a microphone
LATEST = 5  # detections shown
FLOOR = -60.0  # dBFS, the left end of the level meter
VALUE_CELLS = 10  # beside a bar: " " and " -60 dBFS"
BAR_CELLS = 60  # of a bar at most

Characters = tuple[str, str, str]
ASCII, BLOCKS = ("#", ".", "|"), ("█", "·", "│")
QUIET, ACTIVE, FIRED, BRIGHT = (Style.parse(s) for s in ("dim", "cyan", "bold green", "bold"))


class Display:
    """Redrawn a dozen times a second while it is open, and left on the screen as it was last.

    It is drawn as segments of text, a third of the cost of rich's own Text and a sixteenth of its
    tables: the display must cost little beside the detector.
    """

    def __init__(self, source: Source, spotter: AnySpotter, model: str) -> None:
        self._source = source
        self._spotter = spotter
        self._title = f"{model} on {source.name}"
        self._thresholds = dict(
            zip(spotter.config.keywords, spotter.config.thresholds, strict=True)
        )
        names = ("level", *self._thresholds)
        self._name_cells = min(24, max(cell_len(name) for name in names))
        self._latest: deque[Detection] = deque(maxlen=LATEST)
        self._energy, self._samples = 0.0, 0  # since the last redrawing
        self._level = FLOOR  # dBFS
        self._next = 0.0  # s, by the clock
        # What actions and the log print appears above; a stderr that goes to a file is left alone.
        self._live = Live(self, auto_refresh=False, redirect_stderr=sys.stderr.isatty())

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def detection(self, detection: Detection) -> None:
        """Add a detection to the list."""
        self._latest.appendleft(detection)

    def block(self, samples: npt.NDArray[np.int16]) -> None:
        """Take what was heard, int16 [n], into the level; redraw when it is time."""
        values = samples.astype(np.float32)
        self._energy += float(values @ values)
        self._samples += len(samples)
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + REFRESH_SECONDS
            self._level = dbfs(self._energy / max(1, self._samples))
            self._energy, self._samples = 0.0, 0
            self._live.start()  # with the first samples: a source that fails leaves no display
            self._live.refresh()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        lost = self._source.overflows
        yield Segment(self._title, BRIGHT)
        yield Segment(f"  audio lost in {lost} blocks", FIRED if lost else QUIET)
        yield Segment.line()
        yield from self._row(options, "level", 1 - self._level / FLOOR, f"{self._level:.0f} dBFS")
        for keyword, confidence in self._spotter.confidences.items():
            threshold = self._thresholds[keyword]
            yield from self._row(options, keyword, confidence, f"{confidence:.2f}", threshold)
        for place, detection in enumerate(self._latest):
            yield Segment(line(detection), QUIET if place else FIRED)
            yield Segment.line()

    def _row(
        self,
        options: ConsoleOptions,
        name: str,
        fraction: float,
        value: str,
        threshold: float = math.inf,
    ) -> Iterator[Segment]:
        cells = max(1, min(BAR_CELLS, options.max_width - self._name_cells - VALUE_CELLS))
        yield Segment(set_cell_size(name, self._name_cells) + " ")
        yield from bar(fraction, threshold, cells, ASCII if options.ascii_only else BLOCKS)
        yield Segment(f" {value}")
        yield Segment.line()


def bar(fraction: float, threshold: float, cells: int, characters: Characters) -> Iterator[Segment]:
    """A bar of `cells`, filled to `fraction`, marked where `threshold` is; both are in 0..1.

    characters: for what is full, for what is empty, for the mark.
    """
    full, empty, mark = characters
    filled = round(min(1.0, max(0.0, fraction)) * cells)
    style = FIRED if fraction >= threshold else ACTIVE
    place = math.ceil(threshold * cells) - 1 if threshold <= 1 else cells
    yield Segment(full * min(filled, place), style)
    yield Segment(empty * (min(cells, place) - filled), QUIET)
    if place < cells:
        yield Segment(mark, BRIGHT)
        yield Segment(full * (filled - place - 1), style)
        yield Segment(empty * (cells - max(filled, place + 1)), QUIET)


def dbfs(mean_square: float) -> float:
    """Level of int16 samples in dB below full scale, from FLOOR up."""
    return max(FLOOR, 10 * math.log10(max(mean_square, 1e-9) / 32768**2))
