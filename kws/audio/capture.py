"""Record from one sound card; the audio callback only copies samples and counts losses."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws.audio.capture_clock import CaptureClock, now
from kws.audio.channels import MEAN, Channel, ChannelSelector, require_channel
from kws.audio.devices import InputDevice, portaudio
from kws.audio.resampler import Resampler
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.ring_buffer import RingBuffer
from kws.types import Samples

BLOCK_SECONDS = 0.04  # two hops: the network takes two frames at a time, each block wakes it once
LAG_SECONDS = 2  # how late the reader may be before samples are lost


class CardBlock(NamedTuple):
    """Describe a block that the card sent."""

    arrival: float  # s, by capture_clock.now()
    frames: int
    kept: int  # frames that fitted into the ring
    overflow: bool  # the card lost some before


class Capture:
    """Hold a stream of a card, and give its samples at 16 kHz and the gaps between them.

    Attributes:
        arrived: set when a block arrives or the stream ends.
        blocks: those that have arrived and were not taken yet.
        last_arrival: when the latest block arrived, s.
        overflows: blocks that lost samples, or before which the card lost some.
    """

    def __init__(self, device: InputDevice, channel: Channel) -> None:
        self._device, self._channel = device, channel
        self.name = device.name
        self._stream: Any = None
        self.rate, self._channels = _settings(device, channel)
        self._ring = RingBuffer(LAG_SECONDS * self.rate * self._channels)  # interleaved
        self._selector = ChannelSelector(channel, self._channels, self.rate, self.name)
        self._clock = CaptureClock(self.rate)
        self._resampler = Resampler(self.rate)
        self._held: list[npt.NDArray[Any]] = []  # blocks before which samples may be lost
        self._dropped = 0  # frames after the latest block that did not fit into the ring
        self.arrived = threading.Event()
        self.blocks: deque[CardBlock] = deque()
        self.last_arrival = now()
        self.overflows = 0

    def open(self) -> None:
        """Start recording; raise KwsError where the card refuses."""
        sounddevice = portaudio()
        try:
            with _muted_stderr():
                self._stream = sounddevice.RawInputStream(
                    device=self._device.index,
                    channels=self._channels,
                    samplerate=self.rate,
                    blocksize=round(BLOCK_SECONDS * self.rate),
                    dtype="int16",
                    callback=self._capture,
                    finished_callback=self.arrived.set,
                )
                self._stream.start()
        except sounddevice.PortAudioError as error:
            raise KwsError(f"input device '{self.name}': {error}") from None
        self.last_arrival = now()

    def again(self) -> Capture:
        """Return a capture of the same card: this one, or another after its use."""
        return self if self._stream is None else Capture(self._device, self._channel)

    def close(self) -> None:
        """Stop recording."""
        self._stream.close()

    @property
    def is_active(self) -> bool:
        """Return whether the card may send more."""
        return bool(self._stream.active)

    @property
    def channel_fault(self) -> str:
        """Return what is wrong with the channels for some seconds, "" if nothing."""
        return self._selector.fault

    def _capture(self, block: Any, frames: int, time: Any, status: Any) -> None:
        """Copy a block of interleaved int16 samples; PortAudio's own thread calls it."""
        room = self._ring.free // self._channels * self._channels
        kept = self._ring.write(np.frombuffer(block, np.int16)[:room]) // self._channels
        overflow = bool(status.input_overflow)
        if overflow or kept < frames:
            self.overflows += 1
        self.last_arrival = now()
        self.blocks.append(CardBlock(self.last_arrival, frames, kept, overflow))
        self.arrived.set()

    def take(self) -> Iterator[Samples | int]:
        """Yield what has arrived: samples at 16 kHz, and counts of those lost in between."""
        while self.blocks:
            block = self.blocks.popleft()
            interleaved = self._ring.read(block.kept * self._channels)
            self._held.append(self._selector.select(interleaved.reshape(-1, self._channels)))
            if self._dropped and block.kept:
                yield from self._gap(self._dropped)
                self._dropped = 0
            self._dropped += block.frames - block.kept
            lost = self._clock.arrived(block.arrival, block.frames, block.overflow)
            if not self._clock.is_settling:
                if lost:
                    yield from self._gap(lost)
                yield from self._release()

    def finish(self) -> Iterator[Samples]:
        """Yield what is left of the samples of a stream that has ended."""
        yield from self._release()
        yield self._resampler.push(np.empty(0, np.int16), last=True)

    def _release(self) -> Iterator[Samples]:
        for samples in self._held:
            yield self._resampler.push(samples)
        self._held.clear()

    def _gap(self, frames: int) -> Iterator[Samples | int]:
        """Yield the end of the samples so far and the length of the gap at 16 kHz."""
        yield self._resampler.push(np.empty(0, np.int16), last=True)
        yield round(frames * SAMPLE_RATE / self.rate)
        self._resampler = Resampler(self.rate)


def _settings(device: InputDevice, channel: Channel) -> tuple[int, int]:
    """Choose a sample rate in Hz and a channel count that the device takes, if it can 16 kHz.

    Most systems give the first channels of a card that has more; the others require all of them.
    """
    require_channel(channel, device.channels, device.name)
    sounddevice = portaudio()
    needed = min(device.channels, 2 if channel == MEAN else channel)
    refusal: Exception | None = None
    rates = (SAMPLE_RATE, device.default_sample_rate)
    for rate, channels in product(rates, (needed, device.channels)):
        try:
            with _muted_stderr():
                sounddevice.check_input_settings(
                    device=device.index, channels=channels, dtype="int16", samplerate=rate
                )
            return rate, channels
        except sounddevice.PortAudioError as error:
            refusal = error
    raise KwsError(f"input device '{device.name}': {refusal}")


@contextmanager
def _muted_stderr() -> Iterator[None]:
    """Suppress what PortAudio and ALSA print about settings that they refuse."""
    stderr = os.dup(2)
    try:
        with open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
