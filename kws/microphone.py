"""Record from a sound card; the audio callback only copies samples and counts losses."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import numpy as np

from kws.audio.devices import InputDevice, find_device, portaudio
from kws.audio.resampler import Resampler
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.ring_buffer import RingBuffer
from kws.types import Samples

BLOCK_SECONDS = 0.04  # two hops: the network takes two frames at a time, each block wakes it once
LAG_SECONDS = 2  # how late the reader may be before samples are lost
STALL_SECONDS = 2.0  # a device that sends nothing for so long is gone


class Microphone:
    """Provide int16 samples at 16 kHz, mono, from a sound card.

    A card that does not support 16 kHz runs at its default rate; of several channels the first is
    taken.

    Args:
        device: its number, its name or a part of it; None for the default of the system.

    Attributes:
        overflows: blocks that lost samples, or before which the card lost some.

    Raises:
        KwsError: at once for a device that does not exist or cannot record, and from fill() for one
            that was disconnected.
    """

    live = True

    def __init__(self, device: int | str | None = None) -> None:
        self._device = find_device(device)
        self.name = self._device.name
        self._rate, self._channels = _settings(self._device)
        self._captured = RingBuffer(LAG_SECONDS * self._rate)  # mono, at the card's rate
        self._arrived = threading.Event()
        self._resampler = Resampler(self._rate)
        self._ready = np.empty(0, np.int16)  # resampled, not yet in the caller's ring
        self.overflows = 0

    def __enter__(self) -> Microphone:
        sounddevice = portaudio()
        try:
            with _muted_stderr():
                self._stream = sounddevice.RawInputStream(
                    device=self._device.index,
                    channels=self._channels,
                    samplerate=self._rate,
                    blocksize=round(BLOCK_SECONDS * self._rate),
                    dtype="int16",
                    callback=self._capture,
                    finished_callback=self._arrived.set,
                )
                self._stream.start()
        except sounddevice.PortAudioError as error:
            raise KwsError(f"input device '{self.name}': {error}") from None
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def _capture(self, block: Any, frames: int, time: Any, status: Any) -> None:
        """Copy a block of interleaved int16 samples; PortAudio's own thread calls it."""
        written = self._captured.write(np.frombuffer(block, np.int16)[:: self._channels])
        if status.input_overflow or written < frames:
            self.overflows += 1
        self._arrived.set()

    def fill(self, ring: RingBuffer) -> bool:
        """Wait for samples and put them into the ring, as many as fit; never return False."""
        while not len(self._ready):
            self._ready = self._resampler.push(self._wait())
        written = ring.write(self._ready[: ring.free])
        self._ready = self._ready[written:]
        return True

    def _wait(self) -> Samples:
        """Return what was captured since the last call, at the card's rate; at least one sample."""
        while not self._captured.available:
            if not self._arrived.wait(STALL_SECONDS) or not self._stream.active:
                raise KwsError(f"input device '{self.name}' sends nothing; is it still connected?")
            self._arrived.clear()
        return self._captured.read(self._captured.available)


def _settings(device: InputDevice) -> tuple[int, int]:
    """Choose a sample rate in Hz and a channel count that the device takes, if it can 16 kHz mono.

    Most systems give the first channel of a card that has more; the others require all of them.
    """
    sounddevice = portaudio()
    refusal: Exception | None = None
    rates = (SAMPLE_RATE, device.default_sample_rate)
    for rate, channels in product(rates, (1, device.channels)):
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
