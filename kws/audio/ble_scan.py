"""Find a board by Bluetooth Low Energy, and never choose between two by chance."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bleak import BleakScanner

from kws.errors import KwsError
from kws.foreign_text import printable

if TYPE_CHECKING:
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData

NAME_LENGTH = 64  # characters of a name from the radio that are used
SCAN_SECONDS = 10.0  # a board advertises itself twice a second
OTHERS_SECONDS = 3.0  # after the first board was found, to see whether there are others
SHOWN_BOARDS = 8  # of those to choose from


async def find_board(service: str, wanted: str, known: bool) -> BLEDevice:
    """Return the board that advertises a service and has the wanted name or address.

    Args:
        service: UUID.
        wanted: The address, the name or a part of it, in lower case; "" for the only board.
        known: `wanted` is the address of a board that was connected before: search for that one,
            without end.

    Raises:
        KwsError: There is no such board in reach, or more than one.
    """
    boards = _Boards(service, wanted, known)
    while True:
        settled = await BleakScanner.find_device_by_filter(
            boards.is_settled, SCAN_SECONDS, service_uuids=[service]
        )
        if settled is not None and settled.address.lower() == wanted:
            return settled
        if (board := boards.only_one()) is not None:
            return board
        if not known:
            which = f"'{wanted}'" if wanted else "that runs kws"
            raise KwsError(
                f"no board {which} found within {SCAN_SECONDS:.0f} s;"
                " is it on, in reach and not connected to another computer?"
            )


class _Boards:
    """Collect the boards in reach that may be meant; `find_board` says what the arguments are."""

    def __init__(self, service: str, wanted: str, known: bool) -> None:
        self._service, self._wanted, self._known = service, wanted, known
        self._found: dict[str, BLEDevice] = {}
        self._first_at = 0.0

    def is_settled(self, device: BLEDevice, advertised: AdvertisementData) -> bool:
        """Return whether the board is the one, or others had the time to show themselves."""
        chosen = device.address.lower() == self._wanted
        name = advertised.local_name or device.name or ""
        named = not self._known and self._wanted in name.lower()
        if self._service not in advertised.service_uuids or not (chosen or named):
            return False
        self._first_at = self._first_at or time.monotonic()
        self._found.setdefault(device.address, device)
        return chosen or time.monotonic() - self._first_at >= OTHERS_SECONDS

    def only_one(self) -> BLEDevice | None:
        """Return the only board, or the only one of exactly the name; None if there is none.

        Raises:
            KwsError: there are several.
        """
        found = list(self._found.values())
        exact = [board for board in found if (board.name or "").lower() == self._wanted]
        for boards in (found, exact):
            if len(boards) == 1:
                return boards[0]
        if found:
            raise KwsError(_choice(found))
        return None


def shown_name(device: BLEDevice) -> str:
    """Return the name of a board, or its address, printable and of bounded length."""
    return printable(device.name or device.address)[:NAME_LENGTH]


def _choice(boards: Sequence[BLEDevice]) -> str:
    names = [f"{shown_name(board)} ({printable(board.address)})" for board in boards]
    more = ", ..." if len(boards) > SHOWN_BOARDS else ""
    return (
        f"{len(boards)} boards are in reach: {', '.join(names[:SHOWN_BOARDS])}{more};"
        " choose one by its address with --device"
    )
