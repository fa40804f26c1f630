"""Select a channel of several or average them, and notice those that carry nothing."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kws.errors import KwsError
from kws.foreign_text import shortened

MEAN: Literal["mean"] = "mean"
Channel = int | Literal["mean"]  # from 1, or the mean of all

FAULT_SECONDS = 3.0  # a channel of zeros for so long is dead
CANCELLED = 1e-4  # of the energy of the channels is left in their mean: -40 dB


def parse_channel(text: str) -> Channel:
    """Return a channel from its number or "mean"; raise ValueError for any other text."""
    if text == MEAN:
        return MEAN
    if not text.isascii() or not text.isdigit() or not int(text):
        raise ValueError(f"'{text}' is neither a number from 1 nor '{MEAN}'")
    return int(text)


def require_channel(channel: Channel, channels: int, name: str) -> None:
    """Raise KwsError where something of so many channels does not have this one."""
    if channel != MEAN and channel not in range(1, channels + 1):
        raise KwsError(f"{name}: there is no channel {shortened(channel)}, only {channels}")


class ChannelSelector:
    """Give one channel of blocks [n, channels], or their mean.

    Attributes:
        fault: what is wrong with the channels for some seconds, for the user to read; "" if
            nothing.

    Raises:
        KwsError: there is no such channel.
    """

    def __init__(self, channel: Channel, channels: int, rate: int, name: str) -> None:
        require_channel(channel, channels, name)
        self._channel = channel
        self._limit = round(FAULT_SECONDS * rate)
        self._zeros = np.zeros(channels, np.int64)  # frames since the last that was not 0
        self._cancelled = 0  # frames since the mean was more than next to nothing
        self.fault = ""

    def select(self, block: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the samples [n] of a block [n, channels], in its unit."""
        mono: npt.NDArray[Any]
        if self._channel == MEAN:
            mono = block.mean(axis=1, dtype=np.float32)
        else:
            mono = block[:, self._channel - 1]
        if len(self._zeros) > 1 and len(block):
            self._inspect(block, mono)
        return mono

    def _inspect(self, block: npt.NDArray[Any], mono: npt.NDArray[Any]) -> None:
        energies = np.square(block, dtype=np.float64).sum(axis=0)
        self._zeros = np.where(energies == 0, self._zeros + len(block), 0)
        left = np.square(mono, dtype=np.float64).sum()
        cancel = left <= CANCELLED * energies.mean() and energies.any()
        self._cancelled = self._cancelled + len(block) if cancel else 0
        self.fault = self._fault()

    def _fault(self) -> str:
        dead = np.flatnonzero(self._zeros >= self._limit) + 1
        alive = np.flatnonzero(self._zeros < self._limit) + 1
        if not len(alive):
            return ""
        advice = f"--channel {alive[0]} takes one that has sound"
        if self._channel == MEAN and self._cancelled >= self._limit:
            return f"its channels cancel each other out; {advice}"
        if len(dead) and (self._channel == MEAN or self._channel in dead):
            numbers = ", ".join(map(str, dead[:4])) + (", ..." if len(dead) > 4 else "")
            return f"channel {numbers} of {len(self._zeros)} is nothing but zeros; {advice}"
        return ""
