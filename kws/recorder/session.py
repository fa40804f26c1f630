"""Lead a speaker through a recording session: ask, count down, record, check, keep or repeat."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console, ConsoleOptions
from rich.live import Live
from rich.segment import Segment

from kws.config import SAMPLE_RATE
from kws.console.live_display import ASCII, BLOCKS, BRIGHT, FLOOR, REFRESH_SECONDS, bar, dbfs
from kws.console.plain_line import print_line
from kws.errors import KwsError
from kws.microphone import Microphone
from kws.recorder.prompts import Prompt
from kws.recorder.take import TakeCheck, TakeFolder, TakeKind, check
from kws.ring_buffer import RingBuffer

COUNTDOWN = 3  # steps
COUNTDOWN_STEP = 0.5  # s
NOISE_CHECK = 1.0  # s of background noise, measured first
LOUD_NOISE = -40.0  # dBFS
MAX_BAD_TAKES = 5  # in a row, without anybody at the keyboard to repair what is wrong
METER_CELLS = 40
TOO_LOUD = -3.0  # dBFS, marked on the meter
KEEP, REPEAT, QUIT = "keep", "repeat", "quit"
KEYS = {"\r": "", "\n": "", " ": "", "k": KEEP, "r": REPEAT, "q": QUIT}


class Session:
    """Record the prompts in turn into a folder until it has `count` takes of the speaker."""

    def __init__(
        self, prompts: Sequence[Prompt], folder: TakeFolder, count: int, device: str | None
    ) -> None:
        self._prompts, self._folder, self._count, self._device = prompts, folder, count, device
        self._screen = PromptScreen()
        self._bad = 0  # takes in a row
        # With a keyboard the speaker decides; without, good takes are kept and bad ones repeated.
        self._interactive = sys.stdin is not None and sys.stdin.isatty()

    def run(self) -> None:
        """Record until there are enough takes or the speaker quits.

        Raises KwsError when the device fails, and without a keyboard when MAX_BAD_TAKES in a row
        are bad.
        """
        self._check_noise()
        while self._folder.kept < self._count:
            prompt = self._prompts[self._folder.kept % len(self._prompts)]
            samples = self._record(prompt)
            checked = check(samples, prompt.kind)
            self._screen.print(f"{self._folder.kept + 1}/{self._count}  {checked.remark}")
            choice = self._choose(checked, prompt.kind)
            if choice == QUIT:
                return
            if choice == KEEP:
                path = self._folder.add(samples[checked.start : checked.end])
                self._screen.print(f"     kept as {path.name}")
            else:
                self._screen.print("     once more")
            if checked.problem:
                self._count_bad(checked.remark)
            else:
                self._bad = 0

    def _count_bad(self, remark: str) -> None:
        """Count a bad take; KwsError where nobody is there to end what does not get better."""
        self._bad += 1
        if self._bad >= MAX_BAD_TAKES and not self._interactive:
            raise KwsError(f"{self._bad} takes in a row were bad; the last one {remark}")

    def _check_noise(self) -> None:
        with Microphone(self._device) as microphone, self._screen:
            self._screen.prompt("Quiet please: measuring the background noise")
            samples = self._capture(microphone, NOISE_CHECK)
        level = dbfs(float(np.mean(samples.astype(np.float64) ** 2)))
        loud = "; that is loud, a quieter place would be better" if level > LOUD_NOISE else ""
        self._screen.print(f"{microphone.name}: background noise at {level:.0f} dBFS{loud}")

    def _record(self, prompt: Prompt) -> npt.NDArray[np.int16]:
        """Return one take, without the countdown: a sound card may click when it is opened."""
        with Microphone(self._device) as microphone, self._screen:
            for left in range(COUNTDOWN, 0, -1) if prompt.kind is not TakeKind.NOISE else ():
                self._screen.prompt(f"{prompt.text}  {left} ...")
                self._capture(microphone, COUNTDOWN_STEP)
            self._screen.prompt(f"{prompt.text}  NOW")
            if not self._interactive:
                self._screen.print(prompt.text)
            return self._capture(microphone, prompt.seconds)

    def _capture(self, microphone: Microphone, seconds: float) -> npt.NDArray[np.int16]:
        """Return the next samples, int16 [seconds * 16000], counted in audio, not by the clock.

        Where audio is lost in between, it says so, counts a bad take and begins again.
        """
        ring = RingBuffer(SAMPLE_RATE)
        blocks: list[npt.NDArray[np.int16]] = []
        missing = round(seconds * SAMPLE_RATE)
        while missing:
            microphone.fill(ring)
            if microphone.lost:
                remark = f"lost {microphone.lost / SAMPLE_RATE:.2f} s of audio"
                self._screen.print(f"     {remark}; once more")
                self._count_bad(remark)
                blocks, missing = [], round(seconds * SAMPLE_RATE)
                ring.reset()
            if not ring.available:
                continue
            blocks.append(ring.read(min(missing, ring.available)))
            missing -= len(blocks[-1])
            self._screen.show_level(blocks[-1])
        return np.concatenate(blocks)

    def _choose(self, checked: TakeCheck, kind: TakeKind) -> str:
        """Return KEEP, REPEAT or QUIT; keep a good take of noise without asking."""
        default = REPEAT if checked.problem else KEEP
        if not self._interactive or (kind is TakeKind.NOISE and not checked.problem):
            return default
        other = "k keeps it" if checked.problem else "r repeats it"
        self._screen.print(f"     Enter {default}s it, {other}, q ends")
        try:
            while not (keys := [key for key in typer.getchar().lower() if key in KEYS]):
                pass
        except EOFError:  # Ctrl-D
            return QUIT
        return KEYS[keys[0]] or default


class PromptScreen:
    """Print lines; while open as a context on a terminal, show a prompt above a level meter."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, emoji=False)  # prompts are plain
        self._prompt = ""
        self._level = FLOOR  # dBFS
        self._next = 0.0  # s, by the clock
        self._live: Live | None = None

    def __enter__(self) -> PromptScreen:
        if self._console.is_terminal:
            self._live = Live(self, console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()
        self._live = None

    def print(self, text: str) -> None:
        """Print a line that stays."""
        print_line(text, self._console)

    def prompt(self, text: str) -> None:
        """Show what to do now in the line above the meter."""
        self._prompt = text
        self._next = 0.0

    def show_level(self, samples: npt.NDArray[np.int16]) -> None:
        """Show the level of the samples just captured, int16 [n], n > 0."""
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
