"""Simulate sound cards for PortAudio: ALSA's `file` plugin provides given samples.

Each card is a plugin that records from a FIFO and is fed at the pace of a real card, so nothing is
lost or repeated: from a regular file the plugin would run a thousand times too fast and repeat the
file's last block forever. After its samples a card sends silence.

PortAudio reads the environment once, when it is loaded: give `environment` to a fresh process. One
card is for one process at a time, and a second process continues where the first one stopped.
"""

from __future__ import annotations

import fcntl
import os
import select
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE

BLOCK_SECONDS = 0.04  # as in kws.microphone: the plugin must find in one read what is one write
CATCH_UP = 1.0  # s that blocks may be late and still all come, on a machine that is busy
SMALL_BUFFER = 0.2  # s, the same of a card whose reader shall notice that it was away

# Debian's PortAudio 19.6 fails an assertion when every listed card can be opened.
UNUSABLE = "pcm.unusable { type unusable }\n"

ANY_RATE = """pcm.{name} {{
    type file
    slave.pcm {{ type null }}
    file "/dev/null"
    infile "{fifo}"
    format "raw"
}}
"""

# `plug` cannot convert without a rate converter, so the card does this one rate and no other.
FIXED_RATE = """pcm.{name} {{
    type plug
    slave {{
        pcm {{
            type file
            slave.pcm {{ type null }}
            file "/dev/null"
            infile "{fifo}"
            format "raw"
        }}
        rate {rate}
        channels 1
        format S16_LE
    }}
    rate_converter [ "none" ]
}}
"""


@dataclass
class Card:
    """Describe a card called `name` that records int16 `samples`, shape [n] or [n, channels].

    rate: None for a card that takes any rate and is used at 16 kHz, else its one sample rate,
    22050 Hz or more: the plugin reads two blocks at once from slower ones.
    stall: seconds without any data between the samples and the silence. PortAudio cannot close
    a stream of the plugin during a stall, as it could with a real card.
    later: samples after the stall, before the silence.
    catch_up: seconds that a late reader loses nothing of.
    """

    name: str
    samples: npt.NDArray[np.int16]
    rate: int | None = None
    stall: float = 0.0
    later: npt.NDArray[np.int16] | None = None
    catch_up: float = CATCH_UP

    def blocks(self) -> Iterator[bytes]:
        """Yield the samples in blocks, the last one zero-padded, then silence forever."""
        frames = round(BLOCK_SECONDS * (self.rate or SAMPLE_RATE))
        silence = np.zeros((frames, *self.samples.shape[1:]), np.int16)
        for samples in (self.samples, self.later):
            if samples is not None:
                padded = np.concatenate([samples, silence])
                for start in range(0, len(samples), frames):
                    yield padded[start : start + frames].tobytes()
            if samples is self.samples:
                time.sleep(self.stall)
        while True:
            yield silence.tobytes()


class SoundCards:
    """Plug cards in while the context is open; `environment` is for subprocesses."""

    def __init__(self, folder: Path, *cards: Card) -> None:
        self._folder = folder
        self._cards = cards
        self._unplugged = threading.Event()
        self._feeders: list[threading.Thread] = []
        self.environment = os.environ | {"ALSA_CONFIG_PATH": str(folder / "asound.conf")}

    def __enter__(self) -> SoundCards:
        config = UNUSABLE
        for card in self._cards:
            fifo = self._folder / f"{card.name}.fifo"
            os.mkfifo(fifo)
            # Open at both ends: PortAudio must not wait for a writer when it lists the cards.
            end = os.open(fifo, os.O_RDWR)
            self._feeders.append(threading.Thread(target=self._feed, args=(card, end)))
            template = FIXED_RATE if card.rate else ANY_RATE
            config += template.format(name=card.name, fifo=fifo, rate=card.rate)
        (self._folder / "asound.conf").write_text(config)
        for feeder in self._feeders:
            feeder.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._unplugged.set()
        for feeder in self._feeders:
            feeder.join()

    def _feed(self, card: Card, end: int) -> None:
        """Write each block after the plugin has read the previous one, at a real card's pace.

        The pace begins with the first reader.
        """
        due = 0.0
        # A FIFO this small holds one block at a time, complete or not at all.
        fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, select.PIPE_BUF)
        for number, block in enumerate(card.blocks()):
            while not select.select([], [end], [], BLOCK_SECONDS)[1]:
                if self._unplugged.is_set():
                    break
            now = time.monotonic()
            due = now if number < 2 else next_due(due, now, card.catch_up)
            if self._unplugged.wait(max(0.0, due - now)):
                break
            os.write(end, block)
        os.close(end)


def next_due(due: float, now: float, catch_up: float) -> float:
    """Return when the next block is due, after one that was; times in s.

    A card samples on while its reader is late: late blocks catch up, so that lateness does not add
    up to what would seem lost audio. A reader that was away for longer finds `catch_up` at most.
    """
    return max(due + BLOCK_SECONDS, now - catch_up)
