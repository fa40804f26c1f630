"""Commands of a dashboard, from whoever may write to a broker, and what it is shown."""

from __future__ import annotations

import json
import logging
import random

import numpy as np
import pytest

from kws import Spotter
from kws.audio.switched_source import SwitchedSource
from kws.foreign_text import is_printable
from kws.integrations.dashboard import Dashboard
from kws.integrations.event_queue import EventQueue
from kws.integrations.home_assistant import Topics, discovery, machine_id, removal
from kws.model_file import ModelFile
from kws.ring_buffer import RingBuffer
from kws.sensitivity import threshold_at

TOPICS = Topics("kitchen", "homeassistant")


class Silence:
    """A source that gives blocks of a number, and counts."""

    name, live, overflows = "silence", True, 0

    def __init__(self, lost: dict[int, int] | None = None) -> None:
        self.blocks, self._lost, self.lost = 0, lost or {}, 0

    def __enter__(self) -> Silence:
        return self

    def __exit__(self, *error: object) -> None: ...

    def fill(self, ring: RingBuffer) -> bool:
        self.blocks += 1
        self.lost = self._lost.get(self.blocks, 0)
        if not self.lost:
            ring.write(np.full(100, self.blocks, np.int16))
        return self.blocks < 10


@pytest.fixture
def dashboard() -> tuple[Dashboard, Spotter, SwitchedSource]:
    model = ModelFile.load()
    spotter, source = Spotter(model), SwitchedSource(Silence())
    return Dashboard(TOPICS, spotter, model.config, source), spotter, source


def test_the_latest_command_of_each_topic_is_carried_out(dashboard):
    board, spotter, source = dashboard
    config = spotter.config
    for payload in (b"0.1", b"0.9"):
        board.take("kws/kitchen/sensitivity/smart_mirror/set", payload)
    board.take("kws/kitchen/listening/set", b"OFF")
    assert spotter.config == config  # not in the thread that receives
    shown = board.apply()
    assert shown == {
        "kws/kitchen/sensitivity/smart_mirror": "0.90",
        "kws/kitchen/listening": "OFF",
    }
    assert spotter.config.thresholds[3] == threshold_at(config, 3, 0.9)
    assert spotter.config.thresholds[:3] == config.thresholds[:3]
    assert not source.on
    assert board.apply() == {}
    assert shown.items() <= board.states.items()


def test_hostile_payloads_change_nothing(dashboard, caplog):
    board, spotter, source = dashboard
    config, states, chance = spotter.config, board.states, random.Random(5)
    payloads = [b"nan", b"inf", b"-0", b"1.01", b"1e-3", b"0x1", b" 1", b"1_0", b"0.5\n", b"."]
    payloads += ["\u0661".encode(), b"9" * 5000, b"0." + b"1" * 60, b"on", b"ON ", b"\x1b[2J"]
    payloads += [chance.randbytes(chance.randrange(1, 50)) for _ in range(300)]
    with caplog.at_level(logging.WARNING):
        for payload in payloads:
            for topic in (*board.topics, "kws/kitchen/other/set", "$SYS/x", ""):
                board.take(topic, payload)
            board.apply()
    assert (spotter.config, board.states, source.on) == (config, states, True)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == len(board.topics)  # one for each topic
    assert all(is_printable(message, 300) for message in messages)


def test_every_step_of_the_slider_is_shown_as_it_was_set(dashboard):
    board, _, _ = dashboard
    topic = TOPICS.sensitivity("computer")
    for step in range(101):
        board.take(f"{topic}/set", str(step / 100).encode())
        assert float(board.apply()[topic]) == step / 100


def test_a_switched_source_throws_away_what_comes_while_it_is_off():
    source = SwitchedSource(Silence(lost={5: 50}))
    ring = RingBuffer(10_000)
    with source:
        assert source.fill(ring)
        source.on = False
        for _ in range(4):
            assert source.fill(ring)
            assert (source.lost, ring.available) == (0, 100)
        source.on = True
        assert source.fill(ring)
        assert (source.lost, ring.available) == (350, 100)  # a gap before what comes next
        while source.fill(ring):
            assert source.lost == 0
    assert ring.read(10_000).tolist() == [1] * 100 + [
        block for block in range(6, 11) for _ in range(100)
    ]


def test_what_counts_is_the_switch_when_samples_come():
    silence = Silence()
    source, ring = SwitchedSource(silence), RingBuffer(10_000)
    fill = silence.fill

    def switched(ring: RingBuffer) -> bool:
        source.on = not source.on  # while the source is waited for
        return fill(ring)

    with source:
        source.fill(ring)
        silence.fill = switched
        source.fill(ring)  # off
        assert ring.available == 100  # what had passed before
        source.fill(ring)  # on
        assert (source.lost, ring.available) == (100, 100)
        source.fill(ring)
        assert (source.lost, ring.available) == (0, 200)
    assert ring.read(10_000).tolist() == [1] * 100 + [3] * 100


def test_a_queue_gives_up_what_is_too_much_or_too_old(monkeypatch):
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    queue = EventQueue(3, lifetime=5)
    for text in "abcd":
        queue.put(text)
    assert (len(queue), queue.take_lost()) == (3, 1)
    assert queue.take() == "b"
    now = 5.0
    queue.put("e")
    assert queue.take() == "e"
    assert queue.take() is None
    queue.give_up(2)
    assert (queue.take_lost(), queue.take_lost()) == (4, 0)


def test_the_description_holds_hostile_keywords_as_plain_text():
    """Home Assistant takes some texts for templates: none of them has a keyword."""
    keywords = ["{{ states }}", "a/b+#", 'say "x"', "コンピュータ", "a" * 100]
    config = json.loads(discovery(TOPICS, "Kitchen", "home", keywords))
    components = config["cmps"]
    assert components["detection"]["evt_typ"] == keywords
    assert len(components) == 2 + 2 * len(keywords)
    for name, component in components.items():
        for key in ("pl", "t", "stat_t", "cmd_t", "uniq_id"):
            assert set(component.get(key, "")) <= set("abcdefghijklmnopqrstuvwxyz0123456789_/")
        assert component.get("val_tpl", "{{ value_json.id }}") == "{{ value_json.id }}"
        assert name.isascii()
    triggers = [c for c in components.values() if c["p"] == "device_automation"]
    assert [trigger["stype"] for trigger in triggers] == keywords
    assert len({trigger["pl"] for trigger in triggers}) == len(keywords)


def test_the_id_of_a_machine_stays_the_same():
    assert machine_id() == machine_id()
    assert machine_id().startswith("kws_")
    assert len(machine_id()) == 12


def test_a_former_description_may_be_anything():
    config = discovery(TOPICS, "Kitchen", "home", ["computer"])
    for former in (b"", b"\xff", b"[]", b"5", b'{"cmps": 5}', b'{"cmps": {"a": 5}}', b"[" * 9999):
        assert removal(config, former) is None
    hostile = {"a": {"p": "camera"}, "b": {"p": []}, "c": {"p": "number", "cmd_t": "x"}, "d/": {}}
    changed = json.loads(removal(config, json.dumps({"cmps": hostile}).encode()) or "{}")
    added = {name: c for name, c in changed["cmps"].items() if name in hostile}
    assert added == {"c": {"p": "number"}}
    assert removal(config, config.encode()) is None
