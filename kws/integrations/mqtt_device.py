"""Be a device of Home Assistant by MQTT: send detections, and let the dashboard adjust listening.

A thread of its own connects, again and again with pauses that grow; nothing here delays listening.
"""

from __future__ import annotations

import json
import logging
import math
import random
import threading
import time
from typing import TYPE_CHECKING

from kws.actions.mqtt_connection import MqttConnection
from kws.errors import KwsError
from kws.integrations.event_queue import EventQueue
from kws.integrations.home_assistant import OFFLINE, ONLINE, removal
from kws.keyword_names import identifier

if TYPE_CHECKING:
    from kws.actions.mqtt_settings import Broker
    from kws.integrations.dashboard import Dashboard
    from kws.integrations.home_assistant import Topics
    from kws.posterior import Detection

MAX_WAITING = 1000  # detections
MAX_IN_FLIGHT = 16  # of them, sent but not confirmed
EVENT_SECONDS = 5  # after which a live detection is not sent any more: it would act too late
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # s between attempts to connect
STABLE_SECONDS = 10.0  # of connection, after which the pauses begin again with the first
TURN_SECONDS = 1.0  # of waiting for the network at a time
COMMAND_SECONDS = 0.05  # between two rounds of commands, however many a broker sends
ANNOUNCE_SECONDS = 1.0  # between two descriptions, likewise
CLOSE_SECONDS = 5.0  # for what is to be sent at the end

log = logging.getLogger(__name__)


class MqttDevice:
    """Send detections to a broker while the context is open, and take commands from there.

    Args:
        broker: where to connect to.
        topics: of this device.
        config: its description for Home Assistant, JSON.
        dashboard: takes the commands.
        live: whether detections grow old, as those of a file do not.
    """

    def __init__(
        self, broker: Broker, topics: Topics, config: str, dashboard: Dashboard, live: bool
    ) -> None:
        self._broker, self._topics, self._config = broker, topics, config
        self._dashboard, self._live = dashboard, live
        self._events = EventQueue(MAX_WAITING, EVENT_SECONDS if live else math.inf)
        self._in_flight: set[int] = set()  # detections sent in this connection, not confirmed
        self._connection: MqttConnection | None = None
        self._announce_at = 0.0  # s, by the clock; infinity: Home Assistant knows this device
        self._former = b""  # description that the broker kept
        self._problem = ""  # why there is no connection, as the log says
        self._refused = ""  # by the broker, as the log says
        self._closing = threading.Event()
        self._deadline = math.inf
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> MqttDevice:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Send what waits, for CLOSE_SECONDS at most, and say that this device is offline."""
        self._deadline = time.monotonic() + CLOSE_SECONDS
        self._closing.set()
        self._wake()
        if self._connection is not None or not self._live:
            self._thread.join(CLOSE_SECONDS + TURN_SECONDS)
        self._events.clear()

    def detected(self, detection: Detection, level: float) -> None:
        """Send a detection, from any thread; level: of the second before it, dB of full scale."""
        payload = {
            "event_type": detection.keyword,
            "id": identifier(detection.keyword),
            "confidence": round(detection.confidence, 4),
            "level_dbfs": round(level, 1),
            "time": round(detection.time, 4),
        }
        self._events.put(json.dumps(payload, ensure_ascii=False))
        self._wake()

    def take_lost(self) -> int:
        """Return how many detections did not reach the broker since the last call or report."""
        return self._events.take_lost()

    def _wake(self) -> None:
        connection = self._connection
        if connection is not None:
            connection.wake()

    def _run(self) -> None:
        """Connect until the end, with pauses that grow while it fails."""
        pause = FIRST_PAUSE
        while not (self._finished() or (self._closing.is_set() and self._live)):
            began = time.monotonic()
            try:
                self._serve()
                return
            except (KwsError, OSError) as error:  # OSError: no descriptor is left
                if str(error) != self._problem:
                    log.warning("MQTT: %s: %s; trying again", self._broker.url, error)
                self._problem = str(error)
            finally:
                self._events.give_up(len(self._in_flight))
                self._in_flight.clear()
            stable = time.monotonic() - began > STABLE_SECONDS
            pause = FIRST_PAUSE if stable else min(2 * pause, LONGEST_PAUSE)
            wait = pause * random.uniform(0.5, 1)
            if self._live:
                self._closing.wait(wait)
            else:  # a file ends before there is a connection
                time.sleep(wait)

    def _finished(self) -> bool:
        """Return whether listening has ended and nothing waits that could still be sent."""
        if not self._closing.is_set():
            return False
        return not (self._events or self._in_flight) or time.monotonic() >= self._deadline

    def _serve(self) -> None:
        """Hold one connection until the end; raise KwsError where it fails or is lost."""
        will = (self._topics.status, OFFLINE)
        connection = MqttConnection(self._broker, self._topics.device_id, will, self._received)
        try:
            connection.open()
            self._connection = connection
            topics = [self._topics.birth, self._topics.config]
            connection.subscribe([*self._dashboard.topics, *topics])
            log.info("MQTT: connected to %s as %s", self._broker.url, self._topics.device_id)
            self._problem, self._announce_at = "", 0.0
            while not self._finished():
                self._round(connection)
                connection.turn(TURN_SECONDS)
                self._note_answers(connection)
            connection.publish(self._topics.status, OFFLINE, retain=True)
            connection.flush(TURN_SECONDS)
        finally:
            self._connection = None
            connection.close()

    def _round(self, connection: MqttConnection) -> None:
        """Send what there is to send, and carry out commands."""
        former, self._former = self._former, b""
        if former and (gone := removal(self._config, former)):
            connection.publish(self._topics.config, gone)
            self._announce_at = 0.0
        if time.monotonic() >= self._announce_at:
            self._announce_at = math.inf
            connection.publish(self._topics.config, self._config, retain=True)
            self._show(connection, self._dashboard.states)
            connection.publish(self._topics.status, ONLINE, retain=True)
        if states := self._dashboard.apply():
            self._show(connection, states)
            time.sleep(COMMAND_SECONDS)
        while len(self._in_flight) < MAX_IN_FLIGHT and (event := self._events.take()):
            lifetime = EVENT_SECONDS if self._live else 0
            number = connection.publish(self._topics.event, event, lifetime=lifetime)
            self._in_flight.add(number)
        # Of a file the end says how many, with its exit status.
        said_now = self._live and not self._closing.is_set()
        if said_now and (lost := self._events.take_lost()):
            log.warning("MQTT: %s", not_delivered(lost, self._broker.url))

    def _note_answers(self, connection: MqttConnection) -> None:
        """Take what the broker confirmed or refused."""
        self._events.give_up(len(self._in_flight & connection.take_refusals()))
        self._in_flight &= connection.unacknowledged
        if connection.refused != self._refused:
            self._refused = connection.refused
            log.warning("MQTT: %s: %s", self._broker.url, self._refused)

    def _show(self, connection: MqttConnection, states: dict[str, str]) -> None:
        for topic, state in states.items():
            connection.publish(topic, state, retain=True)

    def _received(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take a message: a command, or that Home Assistant has started."""
        if topic == self._topics.config:
            self._former = payload if retained else self._former
        elif topic != self._topics.birth:
            self._dashboard.take(topic, payload)
        elif payload == ONLINE.encode() and not retained:
            self._announce_at = min(self._announce_at, time.monotonic() + ANNOUNCE_SECONDS)


def not_delivered(lost: int, url: str) -> str:
    """Say how many detections did not reach a broker."""
    return f"{lost} detection{'s' if lost > 1 else ''} did not reach {url}"
