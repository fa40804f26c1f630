"""The energy gate: what is silent is cut out of the stream, in integers alone, bit for bit what
gate.c decides on the board.

A hop's energy is the sum of the squares of the differences within its pairs of samples: that
leaves DC and hum out. The gate opens at a hop whose energy reaches `least` and lies above the
background by a ratio; it stays open for a time behind the last such hop. The background is the
least energy of the span of hops before this one and of this span so far (minimum statistics, after
R. Martin, "Noise power spectral density estimation based on optimal smoothing and minimum
statistics", 2001): it falls at once and rises when nothing quieter has come for a span. Speech has
gaps, so it does not rise to the level of speech; steady noise has none, so it does not stay above.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE, ModelConfig

RATIO_ONE = 256  # a ratio of energies of 1
LOUDEST = 1 << 48  # above the energy of any hop

Samples = npt.NDArray[np.int16]


class Passage(NamedTuple):
    """Samples that are to be heard, and how many steps of the network were cut out before them."""

    cut: int
    samples: Samples


@dataclass(frozen=True)
class GateNumbers:
    """The settings of a model's gate in hops and integers, as C has them."""

    on: bool
    step: int  # hops of a network step: what is cut out is whole steps, so that none shifts
    hop: int  # samples
    look_back: int  # hops kept while the gate is closed
    hold: int  # hops
    opening: int  # hops that it is open for at the start of a stream
    span: int  # hops of the background
    ratio: int  # above the background, RATIO_ONE being 1
    least: int  # energy

    @classmethod
    def of(cls, config: ModelConfig, window_frames: int = 0) -> GateNumbers:
        """window_frames: feature rows that the network behind it sees, 0 where there is none.

        The look-back is heard at once, so it is no longer than the time between detections. The
        gate does not close before the network has a whole window: until then it is deaf, and would
        be so to a word behind a silent start.
        """
        gating, hop, step = config.gating, config.front_end.hop, config.stride

        def hops(milliseconds: int) -> int:
            return -(-milliseconds * SAMPLE_RATE // (1000 * hop))

        hold = max(1, hops(gating.hold_ms))
        return cls(
            gating.on,
            step,
            hop,
            max(step, min(hops(gating.look_back_ms), step * config.smoothing.refractory_steps)),
            hold,
            max(hold, window_frames + -(-config.front_end.window // hop)),
            hops(gating.background_ms),
            round(RATIO_ONE * 10 ** (gating.margin_db / 10)),
            round(gating.least**2 * (hop // 2)),
        )


class Gate:
    """Samples in, passages out, in whole hops; how the stream is cut into pieces changes nothing.

    `on` may be cleared before the first samples: a gate that is off passes everything as it comes.
    """

    def __init__(self, config: ModelConfig, window_frames: int = 0) -> None:
        """As GateNumbers.of()."""
        self.numbers = GateNumbers.of(config, window_frames)
        self.on = self.numbers.on
        self.reset()

    def reset(self) -> None:
        """Forget the stream: open, and every hop is loud until the background is known."""
        self._kept = np.zeros(0, np.int16)  # whole hops, judged and not heard, then a part of one
        self._background = 0  # least energy of the span before, as long as nothing is known
        self._quietest = LOUDEST  # least energy of this span
        self._place = 0  # hops into it
        self._hold = self.numbers.opening  # hops until it closes
        self._cut = 0  # steps since the last passage

    @property
    def open(self) -> bool:
        """Whether the latest hop was heard."""
        return self._hold > 0

    def push(self, samples: Samples) -> list[Passage]:
        """Take int16 samples [n]; return what is to be heard."""
        if not self.on:
            return [Passage(0, samples)]
        hop = self.numbers.hop
        judged = len(self._kept) // hop
        stream = np.concatenate([self._kept, samples])
        hops = stream[: len(stream) // hop * hop].reshape(-1, hop)
        spans: list[list[int]] = []  # cut before it, first hop, end
        first = 0  # hop not heard and not cut out
        for place, energy in enumerate(energies(hops[judged:]).tolist(), start=judged):
            self._judge(energy)
            if self.open:
                if self._cut or not spans:
                    spans.append([self._cut, first, place])
                    self._cut = 0
                spans[-1][2] = first = place + 1
            elif place + 1 - first == self.numbers.look_back:
                first += self.numbers.step
                self._cut += 1
        self._kept = stream[first * hop :]
        return [Passage(cut, stream[start * hop : stop * hop]) for cut, start, stop in spans]

    def _judge(self, energy: int) -> None:
        """Open or close at the next hop and follow the background."""
        numbers = self.numbers
        background = min(self._background, self._quietest)
        loud = energy >= numbers.least and energy * RATIO_ONE >= background * numbers.ratio
        if loud:
            self._hold = numbers.hold
        elif self._hold:
            self._hold -= 1
        self._quietest = min(self._quietest, energy)
        self._place += 1
        if self._place == numbers.span:
            self._background, self._quietest, self._place = self._quietest, LOUDEST, 0


def energies(hops: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
    """Hops [n, hop] to the sums of squared differences within their pairs of samples."""
    even = hops.shape[1] // 2 * 2
    differences = hops[:, 1:even:2].astype(np.int32) - hops[:, 0:even:2]
    sums: npt.NDArray[np.int64] = np.einsum(
        "ij,ij->i", differences, differences, dtype=np.int64, casting="safe"
    )
    return sums
