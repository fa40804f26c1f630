"""kws devices: the microphones as a table and as JSON."""

from __future__ import annotations

import json
import re

from alsa import Card
from command_line import all_keywords, kws


def test_devices(sound_cards):
    environment = sound_cards(Card("desk", all_keywords()), Card("attic", all_keywords()))
    shown = kws("devices", env=environment)
    assert shown.returncode == 0
    assert re.search(r"^\*  0  desk   ALSA, \d+, 44100 Hz$", shown.stdout, re.MULTILINE)
    assert re.search(r"^   1  attic  ALSA, ", shown.stdout, re.MULTILINE)
    found = json.loads(kws("devices", "--json", env=environment).stdout)
    assert [(device["index"], device["name"]) for device in found] == [(0, "desk"), (1, "attic")]


def test_no_devices(sound_cards):
    environment = sound_cards()
    process = kws("devices", env=environment)
    assert (process.returncode, process.stdout) == (0, "")
    assert process.stderr == "kws: no input device; is a microphone connected?\n"
    assert json.loads(kws("devices", "--json", env=environment).stdout) == []
