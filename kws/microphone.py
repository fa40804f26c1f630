"""Record from a sound card, over pauses of the machine and, if asked, until it comes back."""

from __future__ import annotations

import logging
import math
import time
from collections import deque

from kws.audio.capture import Capture
from kws.audio.capture_clock import now
from kws.audio.channels import Channel
from kws.audio.devices import NoDeviceError, find_device, rescan
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.ring_buffer import RingBuffer
from kws.types import Samples

STALL_SECONDS = 2.0  # a device that sends nothing for so long is gone
TICK_SECONDS = 0.1  # of waiting at a time
PAUSE_SECONDS = 0.5  # a tick that takes so much longer: this process did not run
RETRY_SECONDS = 1.0  # between looks for a device that is gone
WAKING_SECONDS = 10.0  # after a pause, in which the cards of the machine come back

log = logging.getLogger(__name__)


class Microphone:
    """Provide int16 samples at 16 kHz, mono, from a sound card.

    A card that does not support 16 kHz runs at its default rate. After a pause of this process or
    of the machine recording goes on.

    Args:
        device: its number, its name or a part of it; None for the default of the system.
        channel: the number of one, from 1, or the mean of the first two.
        reconnect: whether to wait for a device that is not there yet or was disconnected.

    Attributes:
        lost: samples at 16 kHz that were lost before those that the next fill() gives.

    Raises:
        KwsError: at once for a device that does not exist or cannot record, and from fill() for one
            that was disconnected.
    """

    live = True

    def __init__(
        self, device: int | str | None = None, channel: Channel = 1, reconnect: bool = False
    ) -> None:
        self._wanted, self._channel, self._reconnect = device, channel, reconnect
        self.name = "the default microphone" if device is None else str(device)
        self.lost = 0
        self._capture: Capture | None = None
        self._overflows = 0  # of captures before this one
        self._ready: deque[Samples | int] = deque()  # at 16 kHz; a number: so many were lost
        self._gone = False  # whether the log says so
        self._gone_at: float | None = None  # s, arrival of the last block before
        try:
            self._capture = Capture(find_device(device), channel)
            self.name = self._capture.name
        except NoDeviceError as error:
            if not reconnect:
                raise
            self._wait_for(str(error))

    def __enter__(self) -> Microphone:
        self._ready.clear()  # of an earlier use
        try:
            if self._capture is not None:
                self._capture = self._capture.again()
                self._capture.open()
        except KwsError as error:
            self._capture = None
            if not self._reconnect:
                raise
            self._wait_for(str(error))
        return self

    def __exit__(self, *error: object) -> None:
        if self._capture is not None:
            self._capture.close()

    @property
    def overflows(self) -> int:
        """Return how many blocks lost samples, or came after samples that the card lost."""
        return self._overflows + (self._capture.overflows if self._capture else 0)

    @property
    def channel_fault(self) -> str:
        """Return what is wrong with the channels for some seconds, "" if nothing."""
        return self._capture.channel_fault if self._capture else ""

    def fill(self, ring: RingBuffer) -> bool:
        """Wait for samples and put them into the ring, as many as fit; never return False.

        At a gap it puts none there and sets `lost`.
        """
        self.lost = 0
        while not self._ready:
            self._wait()
        first = self._ready.popleft()
        if isinstance(first, int):
            self.lost = first
        elif (written := ring.write(first[: ring.free])) < len(first):
            self._ready.appendleft(first[written:])
        return True

    def _wait(self) -> None:
        """Wait for a block, or for a device that is gone."""
        if self._capture is None:
            self._capture = self._find_again()
        capture, silent = self._capture, 0.0
        while not capture.blocks:
            before = now()
            capture.arrived.wait(TICK_SECONDS)
            capture.arrived.clear()
            passed = now() - before
            silent = 0.0 if passed > TICK_SECONDS + PAUSE_SECONDS else silent + passed
            if not capture.blocks and (silent >= STALL_SECONDS or not capture.is_active):
                self._give_up(capture)
                return
        if self._gone_at is not None:
            first = capture.blocks[0]
            gap = first.arrival - first.frames / capture.rate - self._gone_at
            self._ready.append(max(0, round(gap * SAMPLE_RATE)))
            self._gone_at = None
        if self._gone:
            log.info("input device '%s' is there", capture.name)
            self._gone = False
        self._ready.extend(item for item in capture.take() if isinstance(item, int) or len(item))

    def _give_up(self, capture: Capture) -> None:
        """Close a stream that has ended; raise KwsError where its device is not waited for."""
        paused = now() - capture.last_arrival > STALL_SECONDS + PAUSE_SECONDS
        message = f"input device '{self.name}' sends nothing; is it still connected?"
        if not self._reconnect and not paused:
            raise KwsError(message)
        self._capture = None
        capture.close()
        self._overflows += capture.overflows
        self._ready.extend(samples for samples in capture.finish() if len(samples))
        if self._gone_at is None:
            self._gone_at = capture.last_arrival
        if self._reconnect:
            self._wait_for(message)
        else:  # the machine slept, and its cards are new
            self._capture = self._find_again(WAKING_SECONDS)

    def _wait_for(self, reason: str) -> None:
        if not self._gone:
            log.warning("%s; waiting for it", reason.partition(";")[0])
        self._gone = True

    def _find_again(self, seconds: float = math.inf) -> Capture:
        """Wait until the device can be opened; raise KwsError where it cannot for so long."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self._opened()
            except KwsError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(RETRY_SECONDS)

    def _opened(self) -> Capture:
        """Look for the device among those there are now, and open it."""
        rescan()
        capture = Capture(find_device(self._wanted), self._channel)
        capture.open()
        self.name = capture.name
        return capture
