"""Simulate a Bluetooth service with one board in reach, for bleak on a machine without Bluetooth.

It serves what bleak sees of BlueZ, objects on a D-Bus of its own.
"""

import asyncio
import os
import subprocess
import threading
from pathlib import Path

from dbus_fast import PropertyAccess
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property
from waiting import PATIENCE

from kws.audio import ble

ADAPTER = "/org/bluez/hci0"
DEVICE = f"{ADAPTER}/dev_01_02_03_04_05_06"
OTHER_DEVICE = f"{ADAPTER}/dev_0A_0B_0C_0D_0E_0F"
SERVICE = f"{DEVICE}/service0010"
PATHS = {
    ble.DETECTION: f"{SERVICE}/char0011",
    ble.KEYWORDS: f"{SERVICE}/char0014",
    ble.LOST: f"{SERVICE}/char0016",
}


def constant(name: str, signature: str, value: object) -> dbus_property:
    """Return a property with a constant value."""

    def get(self):
        return value

    get.__name__ = name
    get.__annotations__ = {"return": signature}
    return dbus_property(access=PropertyAccess.READ)(get)


class Adapter(ServiceInterface):
    """Implement org.bluez.Adapter1: a scan finds the board while it advertises itself."""

    Address = constant("Address", "s", "00:00:00:00:00:01")
    Powered = constant("Powered", "b", True)
    Roles = constant("Roles", "as", ["central"])

    def __init__(self, devices, scanning):
        super().__init__("org.bluez.Adapter1")
        self.devices, self.scanning = devices, scanning

    @dbus_method()
    def SetDiscoveryFilter(self, properties: "a{sv}"):  # noqa: F722, N802
        pass

    @dbus_method()
    def StartDiscovery(self):  # noqa: N802
        self.scanning.set()
        for device in self.devices:
            asyncio.get_running_loop().call_later(0.1, device.advertise)

    @dbus_method()
    def StopDiscovery(self):  # noqa: N802
        pass


class Device(ServiceInterface):
    """Implement org.bluez.Device1, the board."""

    AddressType = constant("AddressType", "s", "public")
    Adapter = constant("Adapter", "o", ADAPTER)
    UUIDs = constant("UUIDs", "as", [ble.SERVICE])
    Paired = constant("Paired", "b", False)

    def __init__(self, name, path=DEVICE):
        super().__init__("org.bluez.Device1")
        self.address = path.rpartition("/dev_")[2].replace("_", ":")
        self.alias, self.in_reach, self.connected, self.strength = name, True, False, -60

    @dbus_property(access=PropertyAccess.READ)
    def Address(self) -> "s":  # noqa: F821, N802
        return self.address

    @dbus_property(access=PropertyAccess.READ)
    def Name(self) -> "s":  # noqa: F821, N802
        return self.alias

    @dbus_property(access=PropertyAccess.READ)
    def Alias(self) -> "s":  # noqa: F821, N802
        return self.alias

    @dbus_property(access=PropertyAccess.READ)
    def RSSI(self) -> "n":  # noqa: F821, N802
        return self.strength

    @dbus_property(access=PropertyAccess.READ)
    def Connected(self) -> "b":  # noqa: F821, N802
        return self.connected

    @dbus_property(access=PropertyAccess.READ)
    def ServicesResolved(self) -> "b":  # noqa: F821, N802
        return self.connected

    @dbus_method()
    def Connect(self):  # noqa: N802
        self.connect(True)

    @dbus_method()
    def Disconnect(self):  # noqa: N802
        self.connect(False)

    def connect(self, connected):
        self.connected = connected
        self.emit_properties_changed({"Connected": connected, "ServicesResolved": connected})

    def advertise(self):
        if self.in_reach:
            self.strength = -60 - self.strength % 7
            self.emit_properties_changed({"RSSI": self.strength, "UUIDs": [ble.SERVICE]})


class Service(ServiceInterface):
    """Implement org.bluez.GattService1."""

    UUID = constant("UUID", "s", ble.SERVICE)
    Device = constant("Device", "o", DEVICE)
    Primary = constant("Primary", "b", True)

    def __init__(self):
        super().__init__("org.bluez.GattService1")


class Characteristic(ServiceInterface):
    """Implement org.bluez.GattCharacteristic1."""

    Service = constant("Service", "o", SERVICE)
    Flags = constant("Flags", "as", ["read", "notify"])

    def __init__(self, uuid, value):
        super().__init__("org.bluez.GattCharacteristic1")
        self.uuid, self.value, self.notifying = uuid, value, threading.Event()

    @dbus_property(access=PropertyAccess.READ)
    def UUID(self) -> "s":  # noqa: F821, N802
        return self.uuid

    @dbus_property(access=PropertyAccess.READ)
    def Value(self) -> "ay":  # noqa: F821, N802
        return self.value

    @dbus_method()
    def ReadValue(self, options: "a{sv}") -> "ay":  # noqa: F722, F821, N802
        return self.value

    @dbus_method()
    def StartNotify(self):  # noqa: N802
        self.notifying.set()

    @dbus_method()
    def StopNotify(self):  # noqa: N802
        self.notifying.clear()

    def set(self, value):
        self.value = value
        if self.notifying.is_set():
            self.emit_properties_changed({"Value": value})


class Bluez:
    """Run the service while the context is open; the board has `name` and `keywords`.

    other: the name of a second board that advertises itself and does no more.
    environment: for the processes that shall find the board.
    """

    def __init__(self, folder: Path, name: str, keywords: list[str], other: str = "") -> None:
        self._device = Device(name)
        self._devices = [self._device, *([Device(other, OTHER_DEVICE)] if other else [])]
        values = {ble.DETECTION: bytes(15), ble.KEYWORDS: "\n".join(keywords).encode()}
        values[ble.LOST] = bytes(4)
        self._values = {uuid: Characteristic(uuid, value) for uuid, value in values.items()}
        self._address = f"unix:path={folder / 'bus'}"
        self._ready, self._scanning = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.environment = os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": self._address}

    def __enter__(self) -> "Bluez":
        words = ["dbus-daemon", "--session", "--nofork", "--print-address=1"]
        self._daemon = subprocess.Popen(
            [*words, f"--address={self._address}"], stdout=subprocess.PIPE
        )
        assert self._daemon.stdout
        self._daemon.stdout.readline()
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._daemon.kill()  # it may have been stopped
        self._daemon.communicate()

    def wait_for_listener(self) -> None:
        """Return when a client has subscribed to detections and losses."""
        for uuid in (ble.DETECTION, ble.LOST):
            assert self._values[uuid].notifying.wait(PATIENCE)

    def wait_for_scan(self) -> None:
        """Return when a client looks for boards, since one was in reach."""
        assert self._scanning.wait(PATIENCE)

    def notify(self, uuid: str, content: bytes) -> None:
        """Set a characteristic to a new value, and notify the client."""
        self._loop.call_soon_threadsafe(self._values[uuid].set, content)

    def go_out_of_reach(self) -> None:
        """Take the board out of reach."""
        self._device.in_reach = False
        self._scanning.clear()
        for characteristic in self._values.values():
            characteristic.notifying.clear()
        self._loop.call_soon_threadsafe(self._device.connect, False)

    def come_back(self) -> None:
        """Put the board into reach again."""
        self._device.in_reach = True

    def stop_answering(self, number: int) -> None:
        """Send a signal to the message bus: SIGSTOP or SIGKILL, as if the service were gone."""
        self._daemon.send_signal(number)

    def end_service(self) -> None:
        """Let the service end without a word, as if it had crashed."""
        self._device.connected = False
        for characteristic in self._values.values():
            characteristic.notifying.clear()
        self._loop.call_soon_threadsafe(lambda: self._bus.disconnect())

    def start_service(self) -> None:
        """Start the service again."""
        asyncio.run_coroutine_threadsafe(self._export(), self._loop).result(PATIENCE)

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        # What could not be sent on a bus that a test ended is logged at some time, in any test.
        self._loop.set_exception_handler(lambda *_: None)
        await self._export()
        self._ready.set()
        while not self._end.is_set():
            await asyncio.sleep(0.5)
            for device in self._devices:
                device.advertise()
        self._bus.disconnect()

    async def _export(self) -> None:
        self._bus = await MessageBus(bus_address=self._address).connect()
        self._bus.export(ADAPTER, Adapter(self._devices, self._scanning))
        for path, device in zip((DEVICE, OTHER_DEVICE), self._devices, strict=False):
            self._bus.export(path, device)
        self._bus.export(SERVICE, Service())
        for uuid, path in PATHS.items():
            self._bus.export(path, self._values[uuid])
        await self._bus.request_name("org.bluez")
