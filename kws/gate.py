"""Cut silence out of a stream of samples, in integers alone, bit for bit as gate.c does.

The energy of a hop is the sum of the squared differences within its pairs of samples, which
suppresses DC and hum. The gate opens at a hop whose energy reaches min_energy and exceeds the noise
floor by a ratio; it stays open for a hangover after the last such hop. The noise floor is the
minimum energy of the window of hops before the current window and of the current window so far
(minimum statistics, after R. Martin, "Noise power spectral density estimation based on optimal
smoothing and minimum statistics", 2001): it falls at once, and rises when a whole window has had
no lower energy. Speech has gaps, so the noise floor does not rise to the level of speech; steady
noise has none, so it does not stay above the noise floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE, ModelConfig
from kws.types import Int, Samples

RATIO_ONE = 256  # an energy ratio of 1
MAX_ENERGY = 1 << 48  # above the energy of any hop


class Passage(NamedTuple):
    """Hold samples that passed the gate, and the network steps cut out before them."""

    skipped: int
    samples: Samples


@dataclass(frozen=True)
class GateSettings:
    """Hold the gate settings of a model in hops and integers, as kws_gate_settings in gate.h."""

    on: bool
    step: int  # hops per network step: whole steps are cut out, so that none shifts
    hop: int  # samples
    pre_roll: int  # hops kept while the gate is closed
    hangover: int  # hops
    initial_hangover: int  # hops that the gate is open for at the start of a stream
    noise_floor_window: int  # hops
    ratio: int  # of the opening energy to the noise floor, RATIO_ONE being 1
    min_energy: int

    @classmethod
    def of(cls, config: ModelConfig, window_frames: int = 0) -> GateSettings:
        """Derive the settings; window_frames: frames of the network's window, 0 without a network.

        The pre-roll passes in one piece, so it is not longer than the time between detections. The
        gate does not close before the network has a whole window: until then the network gives no
        score, and would miss a word after a silent start.
        """
        gate, hop, step = config.gate, config.front_end.hop, config.stride

        def hops(milliseconds: int) -> int:
            return -(-milliseconds * SAMPLE_RATE // (1000 * hop))

        hangover = max(1, hops(gate.hangover_ms))
        return cls(
            on=gate.on,
            step=step,
            hop=hop,
            pre_roll=max(
                step, min(hops(gate.pre_roll_ms), step * config.smoothing.refractory_steps)
            ),
            hangover=hangover,
            initial_hangover=max(hangover, window_frames + -(-config.front_end.window // hop)),
            noise_floor_window=hops(gate.noise_floor_ms),
            ratio=round(RATIO_ONE * 10 ** (gate.margin_db / 10)),
            min_energy=round(gate.min_level**2 * (hop // 2)),
        )


class Gate:
    """Turn samples into passages of whole hops; the division into pushes changes nothing.

    `on` may be cleared before the first samples: a gate that is off passes everything as it comes.
    """

    def __init__(self, config: ModelConfig, window_frames: int = 0) -> None:
        """Take the settings that GateSettings.of() derives."""
        self.settings = GateSettings.of(config, window_frames)
        self.on = self.settings.on
        self.reset()

    def reset(self) -> None:
        """Forget the stream: the gate is open, every hop is loud until the noise floor is known."""
        self._pending = np.zeros(0, np.int16)  # judged whole hops that did not pass, part of a hop
        self._noise_floor = 0  # minimum energy of the window before; 0 until it is known
        self._minimum = MAX_ENERGY  # minimum energy of the current window
        self._hop_index = 0  # in the current window
        self._hangover = self.settings.initial_hangover  # hops until the gate closes
        self._skipped = 0  # steps since the last passage

    @property
    def open(self) -> bool:
        """Return whether the latest hop passed."""
        return self._hangover > 0

    def push(self, samples: Samples) -> list[Passage]:
        """Take int16 samples [n]; return the passages among them."""
        if not self.on:
            return [Passage(0, samples)]
        hop = self.settings.hop
        judged = len(self._pending) // hop
        stream = np.concatenate([self._pending, samples])
        hops = stream[: len(stream) // hop * hop].reshape(-1, hop)
        passages: list[list[int]] = []  # steps skipped before it, first hop, end
        first = 0  # first hop that neither passed nor was cut out
        for index, energy in enumerate(energies(hops[judged:]).tolist(), start=judged):
            self._judge(energy)
            if self.open:
                if self._skipped or not passages:
                    passages.append([self._skipped, first, index])
                    self._skipped = 0
                passages[-1][2] = first = index + 1
            elif index + 1 - first == self.settings.pre_roll:
                first += self.settings.step
                self._skipped += 1
        self._pending = stream[first * hop :]
        return [Passage(skipped, stream[a * hop : b * hop]) for skipped, a, b in passages]

    def _judge(self, energy: int) -> None:
        """Open or close at the next hop and track the noise floor."""
        settings = self.settings
        noise_floor = min(self._noise_floor, self._minimum)
        loud = energy >= settings.min_energy and energy * RATIO_ONE >= noise_floor * settings.ratio
        if loud:
            self._hangover = settings.hangover
        elif self._hangover:
            self._hangover -= 1
        self._minimum = min(self._minimum, energy)
        self._hop_index += 1
        if self._hop_index == settings.noise_floor_window:
            self._noise_floor, self._minimum, self._hop_index = self._minimum, MAX_ENERGY, 0


def energies(hops: npt.NDArray[np.int16]) -> Int:
    """Return the energy of each of the hops [n, hop], as the module defines it."""
    even = hops.shape[1] // 2 * 2
    differences = hops[:, 1:even:2].astype(np.int32) - hops[:, 0:even:2]
    sums: Int = np.einsum("ij,ij->i", differences, differences, dtype=np.int64, casting="safe")
    return sums
