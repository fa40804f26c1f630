"""Receive the detections of a board that runs the sketch, by Bluetooth Low Energy.

firmware_export/action_ble.h sends them and defines the content of the characteristics.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from bleak import BleakClient

from kws.actions.time_limit import one_line
from kws.audio.ble_scan import NAME_LENGTH, find_board, shown_name
from kws.errors import KwsError
from kws.foreign_text import printable
from kws.posterior import ONE, Detection

if TYPE_CHECKING:
    from bleak.backends.characteristic import BleakGATTCharacteristic

SERVICE, DETECTION, KEYWORDS, LOST = (
    f"3840dec{number}-c70d-4dfd-b20b-0ee93b88349b" for number in range(4)
)
DETECTION_FORMAT = struct.Struct("<IBHQ")  # count, keyword, confidence, sample
LOST_BYTES = 4
MAX_STEP = 10_000  # detections; more cannot be missed within a connection
RECONNECT_SECONDS = 2.0  # between attempts
CHECK_SECONDS = 10.0  # between checks whether the connection is still there
COMPLAINT_SECONDS = 60.0  # between lines about bad notifications
END_SECONDS = 2.0  # for a connection to be closed in order

log = logging.getLogger(__name__)


def decode(content: bytes, keywords: Sequence[str]) -> tuple[int, Detection]:
    """Decode a notification: the count of detections since the board's start, and the latest one.

    The sample of the detection counts from the start of the board, without lost samples.

    Raises:
        KwsError: the content is not a detection, or of a keyword that the board has not named.
    """
    if len(content) != DETECTION_FORMAT.size:
        raise KwsError(
            f"the board sent {len(content)} bytes, a detection has {DETECTION_FORMAT.size}:"
            " its sketch is of another version of kws"
        )
    count, keyword, confidence, sample = DETECTION_FORMAT.unpack(content)
    if keyword >= len(keywords):
        raise KwsError(f"the board detected its keyword {keyword}, but has named {len(keywords)}")
    if confidence > ONE:
        raise KwsError(f"the board sent a confidence of {confidence / ONE:.2f}, which is above 1")
    return count, Detection(sample, keywords[keyword], confidence / ONE)


def decode_keywords(content: bytes) -> list[str]:
    """Decode the names of keywords, printable and of bounded length; KwsError without a name."""
    names = [
        printable(name)[:NAME_LENGTH] for name in content.decode("utf-8", "replace").split("\n")
    ]
    if not all(name.strip() for name in names):
        raise KwsError("the board has a keyword without a name: its sketch is not of kws")
    return names


class _ConsumerError(Exception):
    """Hold what on_detection() raised, which is no fault of Bluetooth."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Board:
    """Connect to a board in reach, and again whenever the connection was lost.

    Args:
        address_or_name: of the board, the name or a part of it; None for the only one in reach.
        on_found: called once, with the name and the keywords of the board.
        on_detection: called with each detection as it arrives.
        on_rise: called with the latest detection again when its confidence has risen.
    """

    def __init__(
        self,
        address_or_name: str | None,
        on_found: Callable[[str, list[str]], object],
        on_detection: Callable[[Detection], object],
        on_rise: Callable[[Detection], object],
    ) -> None:
        self._wanted = (address_or_name or "").lower()
        self._on_found, self._on_detection, self._on_rise = on_found, on_detection, on_rise
        self._keywords: list[str] = []
        self._found = False  # was connected once; from then on only to that address
        self._count = 0  # latest count of detections that the board sent
        self._latest: Detection | None = None  # of this connection
        self._lost = 0  # latest count of lost samples that the board sent
        self._bad = 0  # notifications that were passed over
        self._complained_at = -COMPLAINT_SECONDS  # s

    def receive(self) -> NoReturn:
        """Pass on the detections of the board, from another thread, until KeyboardInterrupt.

        A thread of its own, since closing a connection may hang when the Bluetooth service is gone;
        it is given END_SECONDS.

        Raises:
            KwsError: Bluetooth does not work, or not exactly one board is found at first.
        """
        failures: list[BaseException] = []
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda _, context: log.debug("Bluetooth: %s", context))
        work = loop.create_task(self._receive())

        def run() -> None:
            try:
                loop.run_until_complete(work)
            except BaseException as error:  # the other thread raises it
                failures.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(1.0)  # with a timeout, Windows too delivers Ctrl-C
        finally:
            if thread.is_alive():
                loop.call_soon_threadsafe(work.cancel)
                thread.join(END_SECONDS)
        failure = failures[0]
        raise failure.error if isinstance(failure, _ConsumerError) else failure

    async def _receive(self) -> NoReturn:
        latest = ""
        while True:
            try:
                await self._stay_connected()
                latest = ""
            except (KwsError, _ConsumerError) as error:
                if not self._found or isinstance(error, _ConsumerError):
                    raise
                self._pass_over(error)  # a board that sends nonsense is tried again
            except Exception as error:  # Bluetooth is foreign code; BleakError, OSError, EOFError
                problem = one_line(error)
                if not self._found:
                    raise KwsError(
                        f"Bluetooth is not available: {problem}; is it switched on, and"
                        " its service (BlueZ on Linux) running?"
                    ) from error
                if problem != latest:
                    log.warning("Bluetooth: %s; trying again", problem)
                latest = problem
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _stay_connected(self) -> None:
        """Find the board and take its notifications until the connection is lost."""
        device = await find_board(SERVICE, self._wanted, self._found)
        received: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()

        def arrived(characteristic: BleakGATTCharacteristic, content: bytearray) -> None:
            received.put_nowait((characteristic.uuid, bytes(content)))

        async with BleakClient(device, lambda client: received.put_nowait(None)) as client:
            await self._read_state(client, shown_name(device))
            self._wanted = device.address.lower()
            for uuid in (DETECTION, LOST):
                await client.start_notify(uuid, arrived)
            while client.is_connected:
                try:
                    item = await asyncio.wait_for(received.get(), CHECK_SECONDS)
                except asyncio.TimeoutError:  # silence, or a service that has gone without a word
                    read = client.read_gatt_char(LOST)
                    item = LOST, bytes(await asyncio.wait_for(read, CHECK_SECONDS))
                if item is None:
                    break
                self._take(*item)
        log.warning("the connection is lost; looking for the board")

    async def _read_state(self, client: BleakClient, name: str) -> None:
        """Read keywords and counts; log how many detections were missed while out of reach."""
        keywords = decode_keywords(bytes(await client.read_gatt_char(KEYWORDS)))
        count = int.from_bytes((await client.read_gatt_char(DETECTION))[:4], "little")
        if not self._found:
            self._on_found(name, keywords)
            self._found = True
        elif keywords != self._keywords:
            log.warning("connected again; it now detects %s", ", ".join(keywords))
        elif count > self._count:
            log.warning("connected again; missed %d detections", count - self._count)
        else:
            log.info("connected again")
        self._keywords, self._count, self._latest = keywords, count, None
        self._take(LOST, bytes(await client.read_gatt_char(LOST)))

    def _take(self, uuid: str, content: bytes) -> None:
        """Process a new value of a characteristic; count a bad one and log it now and then."""
        try:
            if uuid == LOST:
                self._take_loss(content)
            else:
                self._take_detection(content)
        except KwsError as error:
            self._pass_over(error)

    def _pass_over(self, error: KwsError) -> None:
        self._bad += 1
        if time.monotonic() - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = time.monotonic()
            log.warning("bad notifications passed over so far: %d; %s", self._bad, error)

    def _take_loss(self, content: bytes) -> None:
        if len(content) != LOST_BYTES:
            raise KwsError(f"the board sent {len(content)} bytes as its count of lost samples")
        lost = int.from_bytes(content, "little")
        if lost > self._lost:
            log.warning("the board has lost %d samples so far", lost)
        self._lost = lost

    def _take_detection(self, content: bytes) -> None:
        count, detection = decode(content, self._keywords)
        step = (count - self._count) % 2**32
        if step == 0:  # BlueZ also notifies of what another program has read
            if self._latest is not None and self._latest.confidence < detection.confidence:
                self._pass_on(self._on_rise, detection)
            return
        if step > MAX_STEP:
            raise KwsError(f"the board sent its detection {count} after {self._count}")
        if step > 1:
            log.warning("missed %d detections", step - 1)
        self._count = count
        self._pass_on(self._on_detection, detection)

    def _pass_on(self, consumer: Callable[[Detection], object], detection: Detection) -> None:
        self._latest = detection
        try:
            consumer(detection)
        except Exception as error:
            raise _ConsumerError(error) from error
