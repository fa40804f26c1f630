"""The [mqtt] table, where logins come from, and actions that publish."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest
from conftest import skip_without
from free_port import free_port
from mqtt_broker import Client, Mosquitto
from running_actions import COMPUTER, load, logged_lines, run_to_end

from kws.actions.mqtt_settings import mqtt_settings
from kws.errors import KwsError


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Return the settings of the lines of a [mqtt] table."""
    monkeypatch.delenv("KWS_MQTT_USERNAME", raising=False)
    monkeypatch.delenv("KWS_MQTT_PASSWORD", raising=False)

    def settings(*lines):
        path = tmp_path / "mqtt.toml"
        path.write_text("\n".join(["[mqtt]", *lines]))
        path.chmod(0o600)
        return mqtt_settings(str(path))

    return settings


def test_a_url_is_enough(monkeypatch):
    monkeypatch.setenv("KWS_MQTT_USERNAME", "kws")
    monkeypatch.setenv("KWS_MQTT_PASSWORD", "secret")
    broker = mqtt_settings("mqtts://homeassistant.local").broker
    assert (broker.host, broker.port) == ("homeassistant.local", 8883)
    assert broker.tls is not None
    assert broker.tls.check_hostname
    assert (broker.username, broker.password) == ("kws", "secret")
    assert "secret" not in repr(broker)
    assert mqtt_settings("mqtt://[::1]:5").broker.url == "mqtt://[::1]:5"


def test_a_table_names_the_device_and_a_file_with_the_password(read, tmp_path, caplog):
    (tmp_path / "secret").write_text("p w\n")
    (tmp_path / "secret").chmod(0o600)
    settings = read(
        'broker = "mqtt://b"\nusername = "kws"\npassword_file = "secret"',
        'name = "Küche"\nid = "kitchen"\ndiscovery_prefix = "ha/two"',
    )
    assert settings.broker.password == "p w"
    assert (settings.name, settings.device_id) == ("Küche", "kitchen")
    assert settings.discovery_prefix == "ha/two"
    assert caplog.messages == []


@pytest.mark.skipif(sys.platform == "win32", reason="other rights of files")
def test_a_password_that_others_can_read_is_warned_of(read, tmp_path, caplog):
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0o644)
    with caplog.at_level(logging.WARNING):
        read('broker = "mqtt://b"\nusername = "kws"\npassword_file = "secret"')
    (message,) = caplog.messages
    assert "secret holds a password that all users can read" in message


@pytest.mark.parametrize(
    ("lines", "line", "problem"),
    [
        ('broker = "mqtt://b"\npassword = "x"', 2, "a password, but no username"),
        ('broker = "mqtt://b"\npassword = "x"\npassword_file = "y"', 4, "exclude each other"),
        ('broker = "mqtt://b"\nca_file = "ca.pem"', 2, "ca_file is of an encrypted connection"),
        ('broker = "mqtts://b"\nca_file = "ca.pem"', 2, "ca.pem: No such file or directory"),
        ('broker = "mqtts://b"\nca_file = "mqtt.toml"', 2, "no certificate or key in PEM"),
        ('broker = "mqtts://b"\nkey = "a.key"', 2, "key needs a certificate"),
        ('broker = "mqtt://b"\nid = "a/b"', 3, "letters a-z, digits, _ and - only"),
        ('broker = "mqtt://b"\nid = "ä"', 3, "letters a-z, digits, _ and - only"),
        ('broker = "mqtt://b"\ndiscovery_prefix = "a/#"', 3, "letters a-z, digits"),
        ('broker = "mqtt://b"\nname = "\\u001b[2J"', 3, "name is too long or not printable"),
        ('broker = "mqtts://b"\nca_file = "~no-such-user/a"', 3, "~no-such-user/a: "),
        ('broker = "mqtts://b"\nca_file = "a\\u0000b"', 3, "ca_file holds a NUL"),
        ('broker = "mqtts://b"\ncertificate = "a\\u0000b"', 3, "certificate holds a NUL"),
        ('broker = "mqtt://b"\npassword_file = "~no-such-user/a"', 3, "~no-such-user/a: "),
        ('broker = "mqtt://b"\npassword_file = "a\\u0000b"', 3, "password_file holds a NUL"),
        ("broker = 5", 2, "broker must be a string"),
        ('brokr = "mqtt://b"', 2, "did you mean 'broker'"),
    ],
)
def test_a_mistake_is_an_error_with_its_line(read, tmp_path, lines, line, problem):
    with pytest.raises(KwsError) as caught:
        read(lines)
    assert str(caught.value).startswith(f"{tmp_path / 'mqtt.toml'}:{line}: ")
    assert problem in str(caught.value)


def test_a_missing_password_file_or_table_is_an_error_with_its_name(read, tmp_path):
    with pytest.raises(KwsError, match=r"no\.file: No such file"):
        read('broker = "mqtt://b"\nusername = "a"\npassword_file = "no.file"')
    (tmp_path / "other.toml").write_text("")
    with pytest.raises(KwsError, match=r"other\.toml: there is no \[mqtt\] table"):
        mqtt_settings(str(tmp_path / "other.toml"))


@pytest.mark.slow
def test_an_encrypted_key_does_not_ask_on_the_terminal(read, tmp_path):
    skip_without("openssl", shutil.which("openssl"))
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-subj", "/CN=a", "-passout"]
    files = ["pass:secret", "-keyout", tmp_path / "a.key", "-out", tmp_path / "a.pem"]
    subprocess.run([*make, *files], check=True, capture_output=True)
    with pytest.raises(KwsError, match=r"a\.key: no certificate or key .* without a passphrase"):
        read('broker = "mqtts://b"\ncertificate = "a.pem"\nkey = "a.key"')


ACTION = '[mqtt]\nbroker = "mqtt://127.0.0.1:{}"\n[[action]]\nkeyword = "computer"\nmqtt = "{}"\n'


def test_an_action_publishes_the_detection_or_a_payload(tmp_path, caplog):
    with Mosquitto(tmp_path) as broker, Client(broker.port) as client:
        run_to_end(load(tmp_path, ACTION.format(broker.port, "home/wake")))
        assert json.loads(client.wait("home/wake")) == {
            "time": 1.84,
            "keyword": "computer",
            "confidence": 0.96875,
        }
        payload = 'payload = \'{{"on": "{keyword} {confidence:.2f}"}}\'\n'
        run_to_end(load(tmp_path, ACTION.format(broker.port, "lamp/set") + payload))
        assert client.wait("lamp/set") == '{"on": "computer 0.97"}'
    assert logged_lines(caplog) == []


def test_an_action_that_cannot_publish_fails_with_one_line(tmp_path, caplog):
    skip_without("paho-mqtt", find_spec("paho"))
    actions = load(tmp_path, ACTION.format(free_port(), "home/wake"))
    run_to_end(actions, COMPUTER)
    (line,) = logged_lines(caplog)
    assert line.endswith("mqtt for 'computer' at 1.84 s failed: Connection refused")
