"""Receive the detections of a board that runs the sketch, by Bluetooth Low Energy.

firmware_export/action_ble.h sends them and defines the content of the characteristics.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from bleak import BleakClient, BleakScanner
from bleak.exc import BleakError

from kws.actions.time_limit import one_line
from kws.errors import KwsError
from kws.posterior import ONE, Detection

if TYPE_CHECKING:
    from bleak.backends.characteristic import BleakGATTCharacteristic
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData

SERVICE, DETECTION, KEYWORDS, LOST = (
    f"3840dec{number}-c70d-4dfd-b20b-0ee93b88349b" for number in range(4)
)
DETECTION_FORMAT = struct.Struct("<IBHQ")  # count, keyword, confidence, sample
SCAN_SECONDS = 10.0  # a board advertises itself twice a second
RECONNECT_SECONDS = 2.0  # between attempts
BLUETOOTH_ERRORS = (BleakError, OSError, EOFError, asyncio.TimeoutError)

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
    return count, Detection(sample, keywords[keyword], confidence / ONE)


class Board:
    """Connect to a board in reach, and again whenever the connection was lost.

    Args:
        address_or_name: of the board, the name or a part of it; None for the first that is found.
        on_found: called once, with the name and the keywords of the board.
        on_detection: called with each detection as it arrives.
    """

    def __init__(
        self,
        address_or_name: str | None,
        on_found: Callable[[str, list[str]], object],
        on_detection: Callable[[Detection], object],
    ) -> None:
        self._wanted = (address_or_name or "").lower()
        self._on_found, self._on_detection = on_found, on_detection
        self._keywords: list[str] = []  # empty until the board is found
        self._count = 0  # latest count of detections that the board sent
        self._lost = 0  # latest count of lost samples that the board sent

    async def receive(self) -> NoReturn:
        """Pass on the detections of the board, without end.

        Raises:
            KwsError: Bluetooth does not work, no board is found at first, or the board sends what
                this version does not know.
        """
        while True:
            try:
                await self._stay_connected()
            except BLUETOOTH_ERRORS as error:
                if not self._keywords:
                    raise KwsError(
                        f"Bluetooth is not available: {one_line(error)}; is it switched on, and"
                        " its service (BlueZ on Linux) running?"
                    ) from error
                log.warning("Bluetooth: %s", one_line(error))
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _stay_connected(self) -> None:
        """Find the board and take its notifications until the connection is lost."""
        device = await self._find()
        received: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()

        def arrived(characteristic: BleakGATTCharacteristic, content: bytearray) -> None:
            received.put_nowait((characteristic.uuid, bytes(content)))

        async with BleakClient(device, lambda client: received.put_nowait(None)) as client:
            await self._read_state(client, device.name or device.address)
            for uuid in (DETECTION, LOST):
                await client.start_notify(uuid, arrived)
            while (item := await received.get()) is not None:
                self._take(*item)
        log.warning("the connection is lost; looking for the board")

    async def _find(self) -> BLEDevice:
        find = partial(BleakScanner.find_device_by_filter, service_uuids=[SERVICE])
        while (device := await find(self._is_wanted, SCAN_SECONDS)) is None:
            if not self._keywords:
                which = f"'{self._wanted}'" if self._wanted else "that runs kws"
                raise KwsError(
                    f"no board {which} found within {SCAN_SECONDS:.0f} s;"
                    " is it on, in reach and not connected to another computer?"
                )
        return device

    def _is_wanted(self, device: BLEDevice, advertised: AdvertisementData) -> bool:
        name = advertised.local_name or device.name or ""
        named = self._wanted in name.lower() or self._wanted == device.address.lower()
        return named and SERVICE in advertised.service_uuids

    async def _read_state(self, client: BleakClient, name: str) -> None:
        """Read keywords and counts; log how many detections were missed while out of reach."""
        first = not self._keywords
        names = bytes(await client.read_gatt_char(KEYWORDS))
        self._keywords = names.decode("utf-8", "replace").split("\n")
        count = int.from_bytes((await client.read_gatt_char(DETECTION))[:4], "little")
        if first:
            self._on_found(name, self._keywords)
        elif count > self._count:
            log.warning("connected again; missed %d detections", count - self._count)
        else:
            log.info("connected again")
        self._count = count
        self._take(LOST, bytes(await client.read_gatt_char(LOST)))

    def _take(self, uuid: str, content: bytes) -> None:
        """Process a new value of a characteristic."""
        if uuid == LOST:
            lost = int.from_bytes(content, "little")
            if lost > self._lost:
                log.warning("the board has lost %d samples so far", lost)
            self._lost = lost
            return
        count, detection = decode(content, self._keywords)
        if count == self._count:
            return  # BlueZ also notifies of what another program has read
        if count > self._count + 1:
            log.warning("missed %d detections", count - self._count - 1)
        self._count = count
        self._on_detection(detection)
