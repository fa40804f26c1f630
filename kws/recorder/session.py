"""A sitting at the microphone: ask, count down, record, judge, keep or repeat."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import typer

from kws.config import SAMPLE_RATE
from kws.console.live_display import dbfs
from kws.errors import KwsError
from kws.microphone import Microphone
from kws.recorder.folder import TakeFolder
from kws.recorder.prompts import Prompt
from kws.recorder.screen import Screen
from kws.recorder.take import Judgement, Kind, judge
from kws.ring_buffer import RingBuffer

BEATS, BEAT = 3, 0.5  # of the countdown; s each
LEVEL_CHECK = 1.0  # s
LOUD_ROOM = -40.0  # dBFS
BAD_IN_A_ROW = 5  # takes, when nobody is at the keyboard to repair what is wrong
KEEP, REPEAT, QUIT = "keep", "repeat", "quit"
KEYS = {"\r": "", "\n": "", " ": "", "k": KEEP, "r": REPEAT, "q": QUIT}


class Session:
    """Records the prompts in turn into a folder until there are `count` takes in it."""

    def __init__(
        self, prompts: Sequence[Prompt], folder: TakeFolder, count: int, device: str | None
    ) -> None:
        self._prompts, self._folder, self._count, self._device = prompts, folder, count, device
        self._screen = Screen()
        # Someone is there to decide: otherwise good takes are kept and bad ones repeated.
        self._asks = sys.stdin is not None and sys.stdin.isatty()

    def run(self) -> None:
        """Record until it is enough or somebody ends it; KwsError when the device fails.

        Without a keyboard also when so many takes in a row are bad that something must be wrong.
        """
        self._check_level()
        bad = 0
        while self._folder.kept < self._count:
            prompt = self._prompts[self._folder.kept % len(self._prompts)]
            samples = self._record(prompt)
            judgement = judge(samples, prompt.kind)
            self._screen.line(f"{self._folder.kept + 1}/{self._count}  {judgement.remark}")
            choice = self._choice(judgement, prompt.kind)
            if choice == QUIT:
                return
            if choice == KEEP:
                path = self._folder.keep(samples[judgement.start : judgement.end])
                self._screen.line(f"     kept as {path.name}")
            else:
                self._screen.line("     once more")
            bad = bad + 1 if judgement.problem else 0
            if bad >= BAD_IN_A_ROW and not self._asks:
                raise KwsError(
                    f"{bad} takes in a row were no good; the last one {judgement.remark}"
                )

    def _check_level(self) -> None:
        with Microphone(self._device) as microphone, self._screen:
            self._screen.prompt("Quiet please: listening to the room")
            samples = self._hear(microphone, LEVEL_CHECK)
        level = dbfs(float(np.mean(samples.astype(np.float64) ** 2)))
        loud = "; that is loud, a quieter place would be better" if level > LOUD_ROOM else ""
        self._screen.line(f"{microphone.name}: the room is at {level:.0f} dBFS{loud}")

    def _record(self, prompt: Prompt) -> npt.NDArray[np.int16]:
        """One take; the countdown's audio is let go, so that a card's switching on is not in it."""
        with Microphone(self._device) as microphone, self._screen:
            for left in range(BEATS, 0, -1) if prompt.kind is not Kind.NOISE else ():
                self._screen.prompt(f"{prompt.text}  {left} ...")
                self._hear(microphone, BEAT)
            self._screen.prompt(f"{prompt.text}  NOW")
            if not self._asks:
                self._screen.line(prompt.text)
            return self._hear(microphone, prompt.seconds)

    def _hear(self, microphone: Microphone, seconds: float) -> npt.NDArray[np.int16]:
        """The next samples, int16 [seconds * 16000]; the audio's time counts, not the clock's."""
        ring = RingBuffer(SAMPLE_RATE)
        blocks, missing = [], round(seconds * SAMPLE_RATE)
        while missing:
            microphone.fill(ring)
            blocks.append(ring.read(min(missing, ring.available)))
            missing -= len(blocks[-1])
            self._screen.level(blocks[-1])
        return np.concatenate(blocks)

    def _choice(self, judgement: Judgement, kind: Kind) -> str:
        """KEEP, REPEAT or QUIT; a good take of the room needs nobody's word."""
        usual = REPEAT if judgement.problem else KEEP
        if not self._asks or (kind is Kind.NOISE and not judgement.problem):
            return usual
        other = "k keeps it" if judgement.problem else "r repeats it"
        self._screen.line(f"     Enter {usual}s it, {other}, q ends")
        try:
            while not (keys := [key for key in typer.getchar().lower() if key in KEYS]):
                pass
        except EOFError:  # Ctrl-D
            return QUIT
        return KEYS[keys[0]] or usual
