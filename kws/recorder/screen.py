"""What a person sees while recording: a line for each take, and on a terminal a level meter."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from rich.console import Console, ConsoleOptions
from rich.live import Live
from rich.segment import Segment

from kws.console.live_display import ASCII, BLOCKS, BRIGHT, FLOOR, REFRESH_SECONDS, bar, dbfs

METER_CELLS = 40
TOO_LOUD = -3.0  # dBFS, marked on the meter


class Screen:
    """Prints lines; while it is open as a context, shows a prompt above a meter on a terminal."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False)
        self._prompt = ""
        self._level = FLOOR  # dBFS
        self._next = 0.0  # s, by the clock
        self._live: Live | None = None

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._live = Live(self, console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()
        self._live = None

    def line(self, text: str) -> None:
        """Print a line that stays."""
        self._console.print(text, soft_wrap=True)

    def prompt(self, text: str) -> None:
        """What is to be done now: the line above the meter."""
        self._prompt = text
        self._next = 0.0

    def level(self, samples: npt.NDArray[np.int16]) -> None:
        """Show the level of int16 [n], n > 0, that have just been heard."""
        values = samples.astype(np.float32)
        self._level = dbfs(float(values @ values) / len(values))
        if self._live is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + REFRESH_SECONDS
            self._live.refresh()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for text in console.render_lines(self._prompt, options, style=BRIGHT, pad=False):
            yield from text
            yield Segment.line()
        cells = min(METER_CELLS, max(1, options.max_width - 10))
        characters = ASCII if options.ascii_only else BLOCKS
        yield from bar(1 - self._level / FLOOR, 1 - TOO_LOUD / FLOOR, cells, characters)
        yield Segment(f" {math.floor(self._level)} dBFS")
        yield Segment.line()
