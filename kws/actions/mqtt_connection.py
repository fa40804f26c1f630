"""Connect to an MQTT broker, by paho-mqtt, in one thread: the caller's.

paho has a thread and reconnection of its own. They are not used: a packet that paho cannot parse
ends its thread without a word, and what it sends again after an hour acts too late.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from kws.actions.mqtt_settings import Broker
from kws.actions.time_limit import UnfinishedError, one_line
from kws.errors import KwsError

KEEP_ALIVE = 20  # s; a broker that is silent for twice as long has gone
CONNECT_SECONDS = 5.0  # for each of name, TCP and TLS
MAX_UNACKNOWLEDGED = 256  # messages; a broker that confirms nothing is none
MAX_PACKET = 1 << 16  # bytes, which the broker is asked to keep to; of a larger one none is read
TICK_SECONDS = 0.1


class MqttConnection:
    """Hold one connection to a broker until it is closed or lost; nothing is sent twice.

    All but wake() is for one thread, which calls turn() at least every few seconds.

    Args:
        broker: where it is.
        client_id: a broker ends an older connection of the same name; "" for any.
        will: topic and text that the broker publishes, retained, when the connection is lost.
        on_message: called with the topic, the payload and whether it was retained.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str = "",
        will: tuple[str, str] | None = None,
        on_message: Callable[[str, bytes, bool], object] = lambda *message: None,
    ) -> None:
        from paho.mqtt.client import Client, MQTTv5
        from paho.mqtt.enums import CallbackAPIVersion

        self._broker, self._deliver = broker, on_message
        self.unacknowledged: set[int] = set()  # messages that the broker has not confirmed
        self.refused = ""  # why it refused a message or a subscription, the latest
        self._refusals: set[int] = set()  # messages that it refused
        self._lost = ""  # why the connection ended
        self._connected = False
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        client: Any = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5)
        self._client = client
        if receive := getattr(client, "_sock_recv", None):  # paho's own, which it may rename
            client._sock_recv = _bounded(receive)
        client.connect_timeout = CONNECT_SECONDS
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        if will is not None:
            client.will_set(*will, qos=1, retain=True)
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        if broker.tls is not None:
            client.tls_set_context(broker.tls)

    def open(self) -> None:
        """Connect and log in; raise KwsError with the reason where that fails."""
        properties = _properties("CONNECT", MaximumPacketSize=MAX_PACKET)
        try:
            self._client.connect(
                self._broker.host, self._broker.port, KEEP_ALIVE, properties=properties
            )
        except Exception as error:  # of the network, of TLS and of paho itself
            raise KwsError(_reason(error)) from error
        deadline = time.monotonic() + CONNECT_SECONDS
        while not self._connected:
            self.turn(TICK_SECONDS)
            if time.monotonic() > deadline:
                raise KwsError("no answer; is it an MQTT broker?")

    def turn(self, timeout: float) -> None:
        """Send and receive what is there, after waiting up to `timeout` s for it or for wake().

        Raises KwsError when the connection is lost.
        """
        network = self._client.socket()
        if network is None:
            raise KwsError(self._lost or "the connection was lost")
        try:
            if getattr(network, "pending", lambda: 0)():  # decrypted already
                timeout = 0
            writers = [network] if self._client.want_write() else []
            select.select([network, self._woken], writers, [], timeout)
            with suppress(BlockingIOError):
                self._woken.recv(1 << 12)
            status = self._client.loop(0)
        except Exception as error:  # paho parses what a broker sent, which may be anything
            raise KwsError(f"the broker sent what cannot be read: {one_line(error)}") from error
        if status or self._lost:
            raise KwsError(self._lost or "the connection was lost")
        # Of QoS 2, which paho keeps until the broker releases them.
        if getattr(self._client, "_in_messages", ()):
            raise KwsError("the broker sends messages that it was not asked for")

    def wake(self) -> None:
        """End the waiting of turn(), from any thread, and at once."""
        with suppress(OSError):  # full, so that it is awake; or closed
            self._wake.send(b"\0")

    def subscribe(self, topics: list[str]) -> None:
        """Ask for the messages of topics."""
        self._client.subscribe([(topic, 1) for topic in topics])

    def publish(self, topic: str, payload: str, retain: bool = False, lifetime: int = 0) -> int:
        """Send a message and return its number, which `unacknowledged` has until it is confirmed.

        lifetime: s after which nobody gets it any more; 0: none. Raises KwsError where the broker
        confirms nothing.
        """
        if len(self.unacknowledged) >= MAX_UNACKNOWLEDGED:
            raise KwsError("the broker does not confirm what it is sent")
        expiry = {"MessageExpiryInterval": lifetime} if lifetime else {}
        properties = _properties("PUBLISH", **expiry)
        info = self._client.publish(topic, payload, 1, retain, properties)
        number: int = info.mid
        self.unacknowledged.add(number)
        return number

    def take_refusals(self) -> set[int]:
        """Return the numbers of the messages that the broker refused since the last call."""
        refusals, self._refusals = self._refusals, set()
        return refusals

    def flush(self, timeout: float, stop: threading.Event | None = None) -> bool:
        """Wait until the broker has confirmed all messages; return whether it did."""
        deadline = time.monotonic() + timeout
        while self.unacknowledged and time.monotonic() < deadline:
            if stop is not None and stop.is_set():
                break
            self.turn(TICK_SECONDS)
        return not self.unacknowledged

    def close(self) -> None:
        """Log out, if still connected."""
        with suppress(Exception):  # it ends anyway
            self._client.disconnect()
            self._client.loop(0)
        self._wake.close()
        self._woken.close()

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, more: Any) -> None:
        self._connected = not reason.is_failure
        if reason.is_failure:
            self._lost = f"the broker refused: {reason}"

    def _on_disconnect(self, client: Any, data: Any, flags: Any, reason: Any, more: Any) -> None:
        if not self._lost:
            closed = "the broker closed the connection"
            self._lost = f"{closed}: {reason}" if flags.is_disconnect_packet_from_server else closed

    def _on_message(self, client: Any, data: Any, message: Any) -> None:
        self._deliver(message.topic, bytes(message.payload), message.retain)

    def _on_publish(self, client: Any, data: Any, number: int, reason: Any, more: Any) -> None:
        self.unacknowledged.discard(number)
        if reason.is_failure:
            self.refused = f"the broker refused a message: {reason}"
            self._refusals.add(number)

    def _on_subscribe(self, client: Any, data: Any, number: int, reasons: Any, more: Any) -> None:
        if failed := [reason for reason in reasons if reason.is_failure]:
            self.refused = f"the broker refused a subscription: {failed[0]}"


def publish_once(
    broker: Broker, topic: str, payload: str, timeout: float, stop: threading.Event
) -> None:
    """Connect, publish a message and return when the broker has confirmed it; else KwsError."""
    connection = MqttConnection(broker)
    try:
        connection.open()
        connection.publish(topic, payload, lifetime=max(1, round(timeout)))
        if not connection.flush(timeout, stop):
            raise UnfinishedError("the broker did not confirm the message")
        if connection.refused:
            raise KwsError(connection.refused)
    finally:
        connection.close()


def _bounded(receive: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Return how paho reads the network, but for a packet that is larger than MAX_PACKET.

    It asks for as many bytes as the packet lacks, and would keep all that a broker announces.
    """

    def receive_bounded(count: int) -> bytes:
        if count > MAX_PACKET:
            raise KwsError(f"a packet of more than {MAX_PACKET} bytes")
        return receive(count)

    return receive_bounded


def _properties(packet: str, **values: int) -> Any:
    """Return properties of MQTT 5 for a kind of packet."""
    import paho.mqtt.packettypes
    import paho.mqtt.properties

    library: Any = paho.mqtt  # whose class is not typed
    properties = library.properties.Properties(getattr(library.packettypes.PacketTypes, packet))
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _reason(error: Exception) -> str:
    """Return why a connection failed, in a few words."""
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the broker's certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or one_line(error)}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return one_line(error)
