"""Read where an MQTT broker is and how to log in: from a URL, a [mqtt] table and the environment.

A password is never part of a URL or of the command line, where every user of the machine sees it.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from kws.certificate import load_certificate, tls_problem
from kws.errors import KwsError
from kws.foreign_text import is_printable, shortened
from kws.toml_file import TomlTable, read_text, read_toml

USERNAME, PASSWORD = "KWS_MQTT_USERNAME", "KWS_MQTT_PASSWORD"  # environment
PORTS = {"mqtt": 1883, "mqtts": 8883}
LOGIN_KEYS = ("username", "password", "password_file")
TLS_KEYS = ("ca_file", "certificate", "key")
DEVICE_KEYS = ("name", "id", "discovery_prefix")
MAX_LOGIN = 65_535  # bytes, by the protocol
MAX_TOPIC = 500  # characters

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Broker:
    """Say where a broker is and how to log in."""

    url: str  # for messages, without a password
    host: str
    port: int
    tls: ssl.SSLContext | None
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class MqttSettings:
    """Hold a [mqtt] table: the broker, and how the listener appears in Home Assistant."""

    broker: Broker
    name: str | None = None  # of the device; None: that of the machine
    device_id: str | None = None  # for topics; None: one of this machine
    discovery_prefix: str = "homeassistant"


def mqtt_settings(where: str) -> MqttSettings:
    """Return the settings of a URL, mqtt[s]://HOST[:PORT], or of the [mqtt] table of a TOML file.

    Raises:
        KwsError: they are not valid, or a certificate cannot be read.
    """
    if "://" in where:
        try:
            return MqttSettings(_broker(where, {}))
        except KwsError as error:
            raise KwsError(f"--mqtt: {error}") from error
    document = read_toml(Path(where))
    document.forbid_others(["mqtt", "action"])
    return table_settings(document)


def table_settings(document: TomlTable) -> MqttSettings:
    """Return the settings in the [mqtt] table of a file; KwsError, with the line, without one."""
    if "mqtt" not in document.content:
        raise KwsError(f"{document.path}: there is no [mqtt] table that names the broker")
    table = document.table("mqtt")
    table.forbid_others(["broker", *LOGIN_KEYS, *TLS_KEYS, *DEVICE_KEYS])
    if "broker" not in table.content:
        raise table.error(None, '[mqtt] needs a broker = "mqtt://HOST"')
    texts = {key: table.text(key) for key in table.content}
    texts |= {key: str(table.file_path(key, texts[key])) for key in TLS_KEYS if key in texts}
    if "password" in texts and "password_file" in texts:
        raise table.error("password_file", "password and password_file exclude each other")
    if "password_file" in texts:
        path = table.file_path("password_file", texts.pop("password_file"))
        texts["password"] = read_text(path).rstrip("\r\n")
        _warn_if_open(path)
    elif "password" in texts:
        _warn_if_open(table.path)
    try:
        broker = _broker(texts["broker"], texts)
    except KwsError as error:
        raise table.error("broker", str(error)) from error
    return MqttSettings(broker, **_device(table, texts))


def _broker(url: str, texts: dict[str, str]) -> Broker:
    """Return the broker of a URL; texts: the keys of a table that belong to it."""
    scheme, host, port = _parsed(url)
    if scheme == "mqtt" and (given := [key for key in TLS_KEYS if key in texts]):
        raise KwsError(f"{given[0]} is of an encrypted connection, mqtts://")
    username = texts.get("username", os.environ.get(USERNAME) or None)
    password = texts.get("password", os.environ.get(PASSWORD) or None)
    if password is not None and username is None:
        raise KwsError(f"there is a password, but no username (or {USERNAME})")
    for name, text in (("username", username), ("password", password)):
        if text and (len(text.encode("utf-8", "replace")) > MAX_LOGIN or "\0" in text):
            raise KwsError(f"the {name} is longer than the protocol allows, or has a NUL")
    tls = _tls(texts) if scheme == "mqtts" else None
    shown = f"[{host}]" if ":" in host else host
    return Broker(f"{scheme}://{shown}:{port}", host, port, tls, username, password)


def _parsed(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL; no message repeats what may be a password."""
    if "@" in url:
        raise KwsError(
            "a URL with a user or password is seen by all users of the machine; set"
            f" {USERNAME} and {PASSWORD}, or write username and password_file into a file's"
            " [mqtt] table"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port that is not a number, a missing bracket
        host = port = None
    else:
        if parts.path.strip("/") or parts.query or parts.fragment or port == 0:
            host = None
    if not host or parts.scheme not in PORTS or not is_printable(url) or not url.isascii():
        wanted = "mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"
        raise KwsError(f"the broker must be {wanted}, not {shortened(url)}")
    return parts.scheme, host, port or PORTS[parts.scheme]


def _tls(texts: dict[str, str]) -> ssl.SSLContext:
    """Return a context that verifies the broker; the client's certificate is optional."""
    ca, certificate, key = (texts.get(name) for name in TLS_KEYS)
    if key and not certificate:
        raise KwsError("key needs a certificate")
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise KwsError(f"{ca}: {tls_problem(error)}") from error
    if certificate:
        load_certificate(context, certificate, key)
    return context


def _device(table: TomlTable, texts: dict[str, str]) -> dict[str, str]:
    """Return the fields of MqttSettings that say how the listener appears."""
    for key, valid in (("id", r"[a-zA-Z0-9_-]{1,64}"), ("discovery_prefix", r"[\w-]+(/[\w-]+)*")):
        if key in texts and not re.fullmatch(valid, texts[key], re.ASCII):
            raise table.error(key, f"{key} has letters a-z, digits, _ and - only")
    if not is_printable(texts.get("name", "")):
        raise table.error("name", "name is too long or not printable")
    fields = {"name": "name", "id": "device_id", "discovery_prefix": "discovery_prefix"}
    return {fields[key]: text for key, text in texts.items() if key in fields}


def is_topic(topic: str) -> bool:
    """Return whether something can be published to a topic: no wildcards, printable."""
    return bool(topic) and is_printable(topic, MAX_TOPIC) and not set(topic) & set("+#")


def _warn_if_open(path: Path) -> None:
    if os.name == "posix" and path.stat().st_mode & 0o004:
        log.warning("%s holds a password that all users can read; chmod 600 it", path)
