"""Test that `kws listen` goes on after its process was stopped and continued."""

from __future__ import annotations

import json
import signal
import sys
import time

import numpy as np
from alsa import SMALL_BUFFER, Card
from command_line import all_keywords, started
from conftest import skip_without
from waiting import PATIENCE

PAUSE_SECONDS = 3.0  # longer than a card may be silent


def test_a_stopped_process_goes_on_when_it_is_continued(sound_cards):
    skip_without("signals that stop a process", sys.platform != "win32")
    silence = np.ones(16_000, np.int16)
    samples = np.concatenate([all_keywords(), silence] * 2)
    environment = sound_cards(Card("desk", samples, catch_up=SMALL_BUFFER))
    with started("listen", "--device", "desk", "--json", env=environment) as process:
        lines = map(json.loads, process.stdout)
        next(line for line in lines if "keyword" in line)
        process.send_signal(signal.SIGSTOP)
        time.sleep(PAUSE_SECONDS)
        process.send_signal(signal.SIGCONT)
        # A busy machine may report short gaps as well.
        gap = next(line for line in lines if line.get("gap", 0) > PAUSE_SECONDS - 0.5)
        found = next(line for line in lines if line.get("keyword") == "alexa")
        assert found["time"] > gap["time"] + gap["gap"]
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
