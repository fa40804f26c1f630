"""Read an actions file (TOML); report what could not work later as an error with its line."""

from __future__ import annotations

import importlib
import inspect
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from string import Formatter
from typing import Any
from urllib.parse import urlsplit

from kws.actions.kinds import (
    ANY_KEYWORD,
    Action,
    Command,
    Effect,
    Function,
    MqttMessage,
    Sound,
    Webhook,
    detection_fields,
)
from kws.actions.mqtt_settings import is_topic, table_settings
from kws.actions.time_limit import one_line
from kws.keyword_names import comparison_key
from kws.posterior import Detection
from kws.toml_file import TomlTable, read_toml, unknown

DEFAULT_TIMEOUT = 10.0  # s
TIMEOUT_RANGE = 0.1, 86400.0  # s


def read_actions(path: Path, known: Sequence[str]) -> list[Action]:
    """Return the actions of a file, for a model with the `known` keywords.

    Raises KwsError, `file:line: what is wrong`, at the first mistake.
    """
    document = read_toml(path)
    for key, value in document.content.items():
        if key in KEYS and not (key == "mqtt" and isinstance(value, dict)):
            raise document.error(key, f"{key} must stand below an [[action]] header")
    document.forbid_others(["action", "mqtt"])
    kinds: dict[str, Kind] = {**KINDS, "mqtt": partial(_mqtt_message, document)}
    return [_action(table, known, kinds) for table in document.tables("action")]


def _action(table: TomlTable, known: Sequence[str], effects: Mapping[str, Kind]) -> Action:
    """Return an action; effects: what reads the value of each kind."""
    table.forbid_others(KEYS)
    kinds = [key for key in table.content if key in effects]
    if len(kinds) != 1:
        given = " and ".join(kinds) or "none"
        problem = f"an action has one of {', '.join(effects)}; this one has {given}"
        raise table.error(kinds[1] if kinds else None, problem)
    if "payload" in table.content and kinds != ["mqtt"]:
        raise table.error("payload", f"payload is of an mqtt action, not of a {kinds[0]}")
    keywords = _keywords(table, known)
    confidence = table.number("min_confidence", 0.0, 0.0, 1.0)
    timeout = table.number("timeout", DEFAULT_TIMEOUT, *TIMEOUT_RANGE)
    effect = effects[kinds[0]](table)
    return Action(f"{table.where()}: {kinds[0]}", keywords, confidence, timeout, effect)


def _keywords(table: TomlTable, known: Sequence[str]) -> frozenset[str]:
    if "keyword" not in table.content:
        raise table.error(None, "this action has no keyword")
    if isinstance(table.content["keyword"], list):
        keywords = table.texts("keyword", '["word", "another"]')
    else:
        keywords = [table.text("keyword")]
    by_key = {comparison_key(keyword): keyword for keyword in known} | {ANY_KEYWORD: ANY_KEYWORD}
    for keyword in keywords:
        if comparison_key(keyword) not in by_key:
            raise table.error("keyword", unknown("keyword", keyword, known))
    return frozenset(by_key[comparison_key(keyword)] for keyword in keywords)


def _command(table: TomlTable) -> Command:
    program, *arguments = table.texts("command", '["program", "argument"]')
    for argument in arguments:
        if "\0" in argument:
            raise table.error("command", f"argument {argument!r}: no program can be given a NUL")
        _check_placeholders(table, "command", argument)
    is_path = "/" in program  # else it is looked up on PATH
    path = table.file_path("command", program)
    found = shutil.which(path if is_path else program)
    if found is None:
        raise table.error("command", f"there is no program {program!r} that can be run")
    return Command(str(Path(found).absolute()), tuple(arguments), _folder(table))


def _check_placeholders(table: TomlTable, key: str, argument: str) -> None:
    example = detection_fields(Detection(sample=0, keyword="", confidence=0.0))
    try:
        for _, name, _, _ in Formatter().parse(argument):
            if name is not None and name not in example:
                problem = unknown("placeholder", name, example)
                raise table.error(key, f"{problem} (a brace itself is written twice)")
        argument.format(**example)
    except (ValueError, LookupError) as error:
        raise table.error(key, f"{ARGUMENTS[key]} {argument!r}: {error}") from error


def _webhook(table: TomlTable) -> Webhook:
    url = table.text("webhook")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a port that is not a number, a missing bracket
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise table.error("webhook", f"webhook must be an http:// or https:// URL, not {url!r}")
    if "@" in parts.netloc:
        raise table.error("webhook", "webhook cannot hold a user name; use a command with curl")
    return Webhook(url)


def _mqtt_message(document: TomlTable, table: TomlTable) -> MqttMessage:
    topic = table.text("mqtt")
    if not is_topic(topic):
        raise table.error("mqtt", "mqtt must be a topic, printable and without + and #")
    payload = table.text("payload") if "payload" in table.content else None
    if payload is not None:
        _check_placeholders(table, "payload", payload)
    if "mqtt" not in document.content:
        problem = 'the broker is missing, a [mqtt] table with broker = "mqtt://HOST"'
        raise table.error("mqtt", problem)
    if find_spec("paho") is None:
        raise table.error("mqtt", "mqtt needs paho-mqtt: pip install 'kws[mqtt]'")
    return MqttMessage(table_settings(document).broker, topic, payload)


def _sound(table: TomlTable) -> Sound:
    from kws.audio.audio_file import native_name
    from kws.audio.libsndfile import soundfile

    path = table.file_path("sound", table.text("sound"))
    try:
        if not path.is_file():
            raise table.error("sound", f"there is no sound file {path}")
        with soundfile.SoundFile(native_name(path)) as file:
            frames = sum(len(block) for block in file.blocks(1 << 16))  # all: is it complete?
            duration = frames / file.samplerate
    except (OSError, TypeError, soundfile.SoundFileError) as error:
        raise table.error("sound", f"{path} cannot be read as sound: {one_line(error)}") from error
    if not frames:
        raise table.error("sound", f"{path} holds no sound")
    return Sound(path, duration)


def _function(table: TomlTable) -> Function:
    text = table.text("python")
    module_name, _, name = text.partition(":")
    if not module_name or not name:
        raise table.error("python", f'python must be "module:function", not {text!r}')
    folder = str(_folder(table))
    if folder not in sys.path:
        sys.path.append(folder)  # last, so that a file there cannot hide an installed module
    try:
        function: Any = importlib.import_module(module_name)
        for part in name.split("."):
            function = getattr(function, part)
    except (Exception, SystemExit) as error:  # importing runs foreign code
        raise table.error("python", f"{text} cannot be imported: {one_line(error)}") from error
    try:
        inspect.signature(function).bind("detection")
    except (TypeError, ValueError) as error:
        problem = f"{text} must be a function of one argument, the detection"
        raise table.error("python", problem) from error
    if inspect.iscoroutinefunction(function):
        raise table.error("python", f"{text} is async; it must be a plain function")
    return Function(function)


def _folder(table: TomlTable) -> Path:
    """Return the folder that relative names in the file start from."""
    return table.path.absolute().parent


Kind = Callable[[TomlTable], Effect]
ARGUMENTS = {"command": "argument", "payload": "payload"}  # what may hold placeholders
KINDS: dict[str, Kind] = {  # and mqtt, which needs the file's [mqtt] table
    "command": _command,
    "webhook": _webhook,
    "sound": _sound,
    "python": _function,
}
KEYS = ("keyword", "min_confidence", "timeout", *KINDS, "mqtt", "payload")
