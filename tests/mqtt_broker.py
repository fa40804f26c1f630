"""Run mosquitto for tests, and a client that keeps what it is sent."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from conftest import skip_without
from free_port import free_port
from waiting import PATIENCE, wait_until

# Debian installs it where the PATH of a user does not lead.
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


class Mosquitto:
    """Run a broker on a port of this machine while the context is open.

    configuration: lines of mosquitto.conf for the listener.
    """

    def __init__(self, folder: Path, configuration: str = "allow_anonymous true") -> None:
        skip_without("mosquitto", MOSQUITTO)
        skip_without("paho-mqtt", find_spec("paho"))
        self.port = free_port()
        self._file = folder / "mosquitto.conf"
        self._file.write_text(f"listener {self.port} 127.0.0.1\nuser root\n{configuration}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the broker and wait until it accepts connections."""
        assert MOSQUITTO is not None
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._accepts)

    def _accepts(self) -> bool:
        """Return whether it accepts connections; fail where it has ended."""
        assert self._process is not None
        assert self._process.poll() is None, "mosquitto ended"
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """Kill the broker, which says nothing to its clients."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Client:
    """Keep each message of a broker: topic, text and whether it was retained."""

    def __init__(self, port: int, **login: Any) -> None:
        from paho.mqtt.client import Client as Paho
        from paho.mqtt.enums import CallbackAPIVersion

        self.messages: list[tuple[str, str, bool]] = []
        self._paho = Paho(CallbackAPIVersion.VERSION2)
        self._paho.on_message = lambda _, __, message: self.messages.append(
            (message.topic, message.payload.decode(errors="replace"), message.retain)
        )
        self._subscribed = threading.Event()
        self._paho.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._paho.on_subscribe = lambda *_: self._subscribed.set()
        self._paho.reconnect_delay_set(1, 1)
        if login:
            self._paho.username_pw_set(**login)
        self._paho.connect("127.0.0.1", port)

    def __enter__(self) -> Client:
        self._paho.loop_start()
        assert self._subscribed.wait(PATIENCE), "the broker did not confirm the subscription"
        return self

    def __exit__(self, *error: object) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()

    def send(self, topic: str, payload: str | bytes, retain: bool = False) -> None:
        """Publish a message and wait until the broker has it."""
        self._paho.publish(topic, payload, 1, retain).wait_for_publish(PATIENCE)

    def payloads(self, topic: str) -> list[str]:
        """Return the texts sent to a topic so far."""
        return [text for name, text, _ in list(self.messages) if name == topic]

    def wait(self, topic: str, payload: str | None = None, since: int = 0) -> str:
        """Return the first text, or wait for this one, sent to a topic, from a message on."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for name, text, _ in self.messages[since:]:
                if name == topic and payload in (None, text):
                    return text
            time.sleep(0.01)
        raise AssertionError(f"no {payload!r} on {topic}: {self.messages[since:]}")
