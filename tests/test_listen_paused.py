"""Test that `kws listen` goes on after its process was stopped and continued."""

from __future__ import annotations

import json
import signal
import sys
import time

import numpy as np
from alsa import Card
from command_line import all_keywords, started
from conftest import skip_without

PAUSE_SECONDS = 3.0  # longer than a card may be silent


def test_a_stopped_process_goes_on_when_it_is_continued(sound_cards):
    skip_without("signals that stop a process", sys.platform != "win32")
    silence = np.ones(16_000, np.int16)
    environment = sound_cards(Card("desk", np.concatenate([all_keywords(), silence] * 2)))
    with started("listen", "--device", "desk", "--json", env=environment) as process:
        assert json.loads(process.stdout.readline())["keyword"] == "computer"
        process.send_signal(signal.SIGSTOP)
        time.sleep(PAUSE_SECONDS)
        process.send_signal(signal.SIGCONT)
        found = json.loads(process.stdout.readline())
        while found.get("keyword") != "alexa":
            assert found.get("keyword") in (None, "jarvis")
            assert found.get("gap", PAUSE_SECONDS) > PAUSE_SECONDS - 0.5
            found = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
