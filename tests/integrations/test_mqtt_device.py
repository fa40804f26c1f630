"""kws listen --mqtt with a real broker: what Home Assistant sees, and what breaks on the way."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from command_line import KEYWORDS, SAMPLES, all_keywords, kws, refused, started
from conftest import skip_without
from free_port import free_port
from mqtt_broker import Client, Mosquitto
from waiting import PATIENCE, wait_until

from kws.integrations.home_assistant import Topics, discovery
from kws.model_file import ModelFile

skip_without("paho-mqtt", find_spec("paho"))

DEVICE = "kws/kitchen"
CONFIG = "homeassistant/device/kitchen/config"


class Listener:
    """Run `kws listen --stdin --mqtt` on a settings file, and speak to it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.log: list[str] = []
        self.found: list[str] = []  # lines of detections
        for stream, lines in ((process.stderr, self.log), (process.stdout, self.found)):
            threading.Thread(target=self._read, args=(stream, lines), daemon=True).start()

    def _read(self, stream, lines) -> None:
        for line in stream:
            lines.append(line.rstrip("\n"))

    def speak(self, samples: np.ndarray | None = None) -> None:
        """Say the four keywords, or what is given, and a second of silence."""
        samples = all_keywords() if samples is None else samples
        self.process.stdin.buffer.write(samples.tobytes() + bytes(32_000))
        self.process.stdin.buffer.flush()

    def wait_for(self, pattern: str, lines: list[str] | None = None) -> str:
        """Wait for a line, of the log if nothing else is said."""
        deadline = time.monotonic() + PATIENCE
        lines = self.log if lines is None else lines
        while time.monotonic() < deadline:
            if matching := [line for line in lines if re.search(pattern, line)]:
                return matching[0]
            time.sleep(0.01)
        raise AssertionError(f"no {pattern!r} in {lines}")


def settings(
    folder: Path, port: int, more: str = "", scheme: str = "mqtt", host: str = "localhost"
) -> Path:
    path = folder / "mqtt.toml"
    path.write_text(f'[mqtt]\nbroker = "{scheme}://{host}:{port}"\nid = "kitchen"\n{more}')
    path.chmod(0o600)
    return path


@contextmanager
def listening(path: object, **options: object) -> Iterator[Listener]:
    command = ("listen", "--stdin", "--mqtt", path)
    with started(*command, stdin=subprocess.PIPE, **options) as process:
        listener = Listener(process)
        listener.wait_for("listening on standard input")
        yield listener


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path) as running:
        yield running


def events(client: Client) -> list[str]:
    return [json.loads(text)["event_type"] for text in client.payloads(f"{DEVICE}/event")]


def wait_for_events(client: Client, count: int) -> list[str]:
    wait_until(lambda: len(events(client)) >= count)
    return events(client)


@pytest.mark.slow
def test_description_status_and_an_event_per_keyword(broker, tmp_path):
    path = settings(tmp_path, broker.port, 'name = "Kitchen"\n')
    with Client(broker.port) as client, listening(path) as listener:
        client.wait(f"{DEVICE}/status", "online")
        config = json.loads(client.payloads(CONFIG)[0])
        assert config["dev"]["name"] == "Kitchen"
        assert config["cmps"]["detection"]["evt_typ"] == KEYWORDS
        assert client.payloads(f"{DEVICE}/listening") == ["ON"]
        assert client.payloads(f"{DEVICE}/sensitivity/smart_mirror") == ["0.50"]
        listener.speak()
        assert wait_for_events(client, 4) == KEYWORDS
        event = json.loads(client.payloads(f"{DEVICE}/event")[0])
        assert list(event) == ["event_type", "id", "confidence", "level_dbfs", "time"]
        assert event["time"] == pytest.approx(2.03, abs=0.1)
        assert -60 < event["level_dbfs"] < 0 < event["confidence"] <= 1
        assert [m for m in client.messages if m[0].endswith("/event") and m[2]] == []

        since = len(client.messages)
        client.send("homeassistant/status", "online")  # Home Assistant has started
        client.wait(CONFIG, since=since)
        client.wait(f"{DEVICE}/status", "online", since=since)

        listener.process.send_signal(signal.SIGTERM)
        assert listener.process.wait(PATIENCE) == 0
        client.wait(f"{DEVICE}/status", "offline")
    with Client(broker.port) as later:  # what the broker keeps
        later.wait(CONFIG)
        later.wait(f"{DEVICE}/status", "offline")
        assert events(later) == []


@pytest.mark.slow
def test_what_a_former_model_had_is_removed(broker, tmp_path):
    former = {"cmps": {"sensitivity_lumen": {"p": "number", "name": "x"}, "a b": {"p": "number"}}}
    with Client(broker.port) as client:
        client.send(CONFIG, json.dumps(former), retain=True)
        with listening(settings(tmp_path, broker.port)):
            client.wait(f"{DEVICE}/status", "online")
            wait_until(lambda: len(client.payloads(CONFIG)) >= 4)
    configs = [json.loads(text)["cmps"] for text in client.payloads(CONFIG)]
    assert {"p": "number"} in [config.get("sensitivity_lumen") for config in configs[1:]]
    assert "sensitivity_lumen" not in configs[-1]
    assert not any("a b" in config for config in configs[1:])


@pytest.mark.slow
def test_the_last_will_of_a_killed_listener_and_the_return_after_a_restart(broker, tmp_path):
    with Client(broker.port) as client, listening(settings(tmp_path, broker.port)) as listener:
        client.wait(f"{DEVICE}/status", "online")
        broker.stop()
        listener.wait_for("MQTT: mqtt://localhost:.*; trying again")
        listener.speak(all_keywords()[: 3 * 16_000])  # it goes on, without a broker
        listener.wait_for("computer", listener.found)
        since = len(client.messages)
        broker.start()
        client.wait(CONFIG, since=since)
        client.wait(f"{DEVICE}/status", "online", since=since)
        listener.speak(all_keywords()[3 * 16_000 :])
        client.wait(f"{DEVICE}/listening", "ON", since=since)
        wait_until(lambda: "smart mirror" in events(client))
        listener.process.kill()
        client.wait(f"{DEVICE}/status", "offline", since=since)
    with Client(broker.port) as later:
        later.wait(f"{DEVICE}/status", "offline")
        assert (f"{DEVICE}/status", "offline", True) in later.messages


@pytest.mark.slow
def test_the_dashboard_sets_sensitivity_and_listening(broker, tmp_path):
    with Client(broker.port) as client, listening(settings(tmp_path, broker.port)) as listener:
        client.wait(f"{DEVICE}/status", "online")
        client.send(f"{DEVICE}/sensitivity/computer/set", "0", retain=True)
        client.wait(f"{DEVICE}/sensitivity/computer", "0.00")
        listener.speak()
        assert wait_for_events(client, 4) == KEYWORDS
        # A higher threshold is reached later, by a higher confidence.
        confidence = json.loads(client.payloads(f"{DEVICE}/event")[0])["confidence"]
        normal = ModelFile.load().config.thresholds[0]
        assert confidence >= (1 + normal) / 2 > 0.86

        for payload in ("nan", "-1", "1.5", "1e9", "\u0660", "9" * 10_000, "\0", "ON", b"\xff\xfe"):
            client.send(f"{DEVICE}/sensitivity/jarvis/set", payload)
        client.send(f"{DEVICE}/listening/set", "off")
        client.send(f"{DEVICE}/listening/set", "OFF")
        client.wait(f"{DEVICE}/listening", "OFF")
        listener.wait_for("listening is switched off")
        # The pipe holds 2 s that the listener has not read yet: they are silence.
        listener.speak(np.concatenate([all_keywords(), np.zeros(4 * 16_000, np.int16)]))
        since = len(client.messages)
        client.send(f"{DEVICE}/listening/set", "ON")
        client.wait(f"{DEVICE}/listening", "ON", since=since)
        listener.wait_for("listening is switched on")
        listener.speak()
        assert wait_for_events(client, 8) == KEYWORDS * 2
        assert set(client.payloads(f"{DEVICE}/sensitivity/jarvis")) == {"0.50"}
        ignored = [line for line in listener.log if "ignored" in line]
        assert 1 <= len(ignored) <= 2  # one line for each topic, not for each message
        assert all(len(line) < 200 and line.isprintable() for line in ignored)
    with Client(broker.port) as client, listening(settings(tmp_path, broker.port)):
        # The broker kept the command, as Home Assistant asks it to.
        client.wait(f"{DEVICE}/sensitivity/computer", "0.00")


@pytest.mark.slow
def test_a_wrong_password_is_said_and_listening_goes_on(tmp_path):
    skip_without("mosquitto_passwd", shutil.which("mosquitto_passwd"))
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "kws", "right"], check=True)
    with Mosquitto(tmp_path, f"allow_anonymous false\npassword_file {passwords}") as broker:
        (tmp_path / "secret").write_text("wrong\n")
        (tmp_path / "secret").chmod(0o600)
        path = settings(tmp_path, broker.port, 'username = "kws"\npassword_file = "secret"\n')
        with listening(path) as listener:
            reason = listener.wait_for("MQTT: .*; trying again")
            assert "refused: Not authorized" in reason or "Bad user name or password" in reason
            assert "wrong" not in reason
            listener.speak()
            listener.wait_for("smart mirror", listener.found)
            listener.process.stdin.close()
            assert listener.process.wait(PATIENCE) == 0
            listener.wait_for("MQTT: 4 detections did not reach mqtt://localhost")
        login = {"KWS_MQTT_USERNAME": "kws", "KWS_MQTT_PASSWORD": "right"}
        url = f"mqtt://localhost:{broker.port}"
        process = kws(
            *("listen", "--wav", SAMPLES / "all_keywords.flac", "--mqtt", url),
            env={**os.environ, **login},
        )
        assert (process.returncode, process.stdout.count("\n")) == (0, 4)
        assert process.stderr.startswith(f"kws: MQTT: connected to {url} as kws_")
        refusal = kws(
            *("listen", "--wav", SAMPLES / "all_keywords.flac", "--mqtt", url),
            env={**os.environ, **login, "KWS_MQTT_PASSWORD": "wrong"},
        )
        assert refusal.returncode == 1  # a file is asked for its detections
        assert refusal.stderr.splitlines()[-1] == f"kws: error: 4 detections did not reach {url}"


@pytest.mark.slow
def test_detections_that_the_broker_refuses_are_counted(tmp_path):
    (tmp_path / "acl").write_text("topic read #\ntopic write homeassistant/#\n")
    with Mosquitto(tmp_path, f"allow_anonymous true\nacl_file {tmp_path / 'acl'}") as broker:
        url = f"mqtt://localhost:{broker.port}"
        process = kws("listen", "--wav", SAMPLES / "all_keywords.flac", "--mqtt", url)
        assert process.returncode == 1
        refusal, last = process.stderr.splitlines()[-2:]
        assert refusal == f"kws: MQTT: {url}: the broker refused a message: Not authorized"
        assert last == f"kws: error: 4 detections did not reach {url}"
        with listening(url) as listener:
            listener.speak()
            listener.wait_for("smart mirror", listener.found)
            listener.wait_for("the broker refused a message: Not authorized")
            listener.wait_for("MQTT: [1-4] detections? did not reach")


def test_a_description_names_a_model_of_any_name():
    config = discovery(Topics("kitchen", "homeassistant"), "kws", "caf\udce9", KEYWORDS)
    assert json.loads(config.encode())["dev"]["mdl"] == "caf?"


def certificates(folder: Path) -> None:
    """Make a CA, and with it certificates of localhost and of a client, in PEM."""
    skip_without("openssl", shutil.which("openssl"))
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]

    def make(name: str, *more: str) -> None:
        files = ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run([*new, *files, *more], cwd=folder, check=True, capture_output=True)

    make("ca", "-subj", "/CN=kws test CA")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key")
    make("server", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", *signed)
    make("client", "-subj", "/CN=kws", *signed)
    make("other", "-subj", "/CN=another CA")


@pytest.mark.slow
def test_tls_with_a_ca_and_a_certificate_of_the_client(tmp_path):
    certificates(tmp_path)
    files = {"cafile": "ca.pem", "certfile": "server.pem", "keyfile": "server.key"}
    tls = "".join(f"{key} {tmp_path / name}\n" for key, name in files.items())
    with Mosquitto(tmp_path, tls + "require_certificate true\nallow_anonymous true") as broker:
        mine = 'certificate = "client.pem"\nkey = "client.key"\n'
        command = ("listen", "--wav", SAMPLES / "all_keywords.flac", "--mqtt")
        right = settings(tmp_path, broker.port, 'ca_file = "ca.pem"\n' + mine, "mqtts")
        process = kws(*command, right)
        assert process.returncode == 0, process.stderr
        assert "connected to mqtts://localhost" in process.stderr
        for ca in ('ca_file = "other.pem"\n', ""):  # of somebody else, those of the system
            process = kws(*command, settings(tmp_path, broker.port, ca + mine, "mqtts"))
            assert process.returncode == 1
            assert "the broker's certificate is not trusted: " in process.stderr
            assert "Traceback" not in process.stderr
        ca = 'ca_file = "ca.pem"\n'
        process = kws(*command, settings(tmp_path, broker.port, ca + mine, "mqtts", "127.0.0.1"))
        assert process.returncode == 1
        assert "the broker's certificate is not trusted: IP address mismatch" in process.stderr
        process = kws(*command, settings(tmp_path, broker.port, ca, "mqtts"))
        assert process.returncode == 1
        assert "Traceback" not in process.stderr


class Impostor(threading.Thread):
    """Accept connections and answer with given bytes, or with nothing."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(daemon=True)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._answer = answer
        self.connections: list[socket.socket] = []

    def run(self) -> None:
        while True:
            connection, _ = self._server.accept()
            self.connections.append(connection)
            connection.sendall(self._answer)


CONNACK = b"\x20\x03\x00\x00\x00"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "no answer; is it an MQTT broker"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "trying again"),
        (CONNACK + b"\x30\x05\x00\xff\xfe\xff\xff", "trying again"),
        (CONNACK + b"\x90\x02\x00", ""),
        (b"\xff" * 5000, "trying again"),
        (CONNACK + b"\x30\xff\xff\xff\x7f\x00\x01a\x00", "a packet of more than 65536 bytes"),
        (CONNACK + b"\x34\x06\x00\x01a\x00\x05\x00", "messages that it was not asked for"),
    ],
    ids=["silent", "http", "wrong topic", "half a packet", "garbage", "huge", "QoS 2"],
)
def test_a_broker_that_is_none_stops_nothing(tmp_path, answer, reason):
    impostor = Impostor(answer)
    impostor.start()
    with listening(settings(tmp_path, impostor.port)) as listener:
        listener.speak()
        listener.wait_for("smart mirror", listener.found)
        listener.wait_for(f"MQTT: .*{reason or 'connected'}")
        listener.process.send_signal(signal.SIGTERM)
        assert listener.process.wait(PATIENCE) == 0
        assert not [line for line in listener.log if not line.startswith("kws: ")]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("mqtt://me:secret@localhost", "KWS_MQTT_USERNAME and KWS_MQTT_PASSWORD"),
        ("tcp://localhost", "mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"),
        ("mqtt://localhost:99999", "mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"),
        ("mqtt://localhost/path", "mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"),
        ("mqtt://", "mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"),
    ],
)
def test_a_wrong_url_is_refused_with_one_line(url, problem):
    message = refused(kws("listen", "--wav", SAMPLES / "story.flac", "--mqtt", url))
    assert message.startswith("--mqtt: ")
    assert problem in message
    assert "secret" not in message


def test_a_broker_that_is_not_there_is_no_reason_not_to_listen(tmp_path):
    with listening(f"mqtt://127.0.0.1:{free_port()}") as listener:
        listener.wait_for("MQTT: mqtt://127.0.0.1:.*: Connection refused; trying again")
        listener.speak()
        listener.wait_for("smart mirror", listener.found)
