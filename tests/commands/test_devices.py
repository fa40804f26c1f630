"""kws devices: the microphones as a table and as JSON."""

from __future__ import annotations

import json
import re

from alsa import Card
from command_line import all_keywords
from command_line import kws as run

import kws.audio.devices
import kws.commands.devices
from kws.audio.devices import InputDevice


def test_devices(sound_cards):
    environment = sound_cards(Card("desk", all_keywords()), Card("attic", all_keywords()))
    shown = run("devices", env=environment)
    assert shown.returncode == 0
    assert re.search(r"^\*  0  desk   ALSA, \d+, 44100 Hz$", shown.stdout, re.MULTILINE)
    assert re.search(r"^   1  attic  ALSA, ", shown.stdout, re.MULTILINE)
    found = json.loads(run("devices", "--json", env=environment).stdout)
    assert [(device["index"], device["name"]) for device in found] == [(0, "desk"), (1, "attic")]


def test_a_name_of_a_card_does_not_control_the_terminal(monkeypatch, capsys):
    card = InputDevice(0, "card\x1b[2J", "ALSA", 1, 16_000, True)
    monkeypatch.setattr(kws.audio.devices, "devices", lambda: [card])
    kws.commands.devices.devices()
    assert "*  0  card?[2J  ALSA, 1, 16000 Hz" in capsys.readouterr().out


def test_no_devices(sound_cards):
    environment = sound_cards()
    process = run("devices", env=environment)
    assert (process.returncode, process.stdout) == (0, "")
    assert process.stderr == "kws: no input device; is a microphone connected?\n"
    assert json.loads(run("devices", "--json", env=environment).stdout) == []
