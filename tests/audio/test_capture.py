"""Test gaps, pauses and reconnection of Microphone, with a stand-in for PortAudio."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from command_line import all_keywords
from sound_card_stand_in import PortAudioStandIn

import kws.audio.capture
import kws.audio.capture_clock
import kws.audio.devices
import kws.microphone
from kws.backend import Spotter
from kws.console.detection_lines import DetectionLines
from kws.errors import KwsError
from kws.listener import listen
from kws.microphone import Microphone
from kws.recorder.session import MAX_BAD_TAKES, Session
from kws.ring_buffer import RingBuffer

COUNTED = np.arange(1, 6_401, dtype=np.int16)  # 0.4 s


class Clock:
    """Count seconds by hand, or with every block."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made_up = Clock()
    monkeypatch.setattr(kws.audio.capture, "now", made_up)
    monkeypatch.setattr(kws.microphone, "now", made_up)
    return made_up


@pytest.fixture
def cards(monkeypatch) -> Callable[..., PortAudioStandIn]:
    def plug(*names: str) -> PortAudioStandIn:
        stand_in = PortAudioStandIn(*names)
        for module in (kws.audio.devices, kws.audio.capture):
            monkeypatch.setattr(module, "portaudio", lambda: stand_in)
        return stand_in

    return plug


def send(stream, clock: Clock, samples: np.ndarray, overflow: bool = False) -> None:
    """Send samples at the pace of a real card."""
    for start in range(0, len(samples), 640):
        block = samples[start : start + 640]
        clock.seconds += len(block) / 16_000
        stream.send(block, overflow and not start)


def drain(microphone: Microphone) -> list[int | list[int]]:
    """Return what is ready: samples, and the lengths of gaps in between."""
    ring, found = RingBuffer(1 << 17), []
    while microphone._ready or (microphone._capture and microphone._capture.blocks):
        microphone.fill(ring)
        samples = ring.read(ring.available).tolist()
        if microphone.lost:
            found.append(microphone.lost)
        elif samples and found and isinstance(found[-1], list):
            found[-1] += samples
        elif samples:
            found.append(samples)
    return found


def test_a_pause_in_which_audio_was_lost_is_a_gap_at_its_place(cards, clock):
    stand_in = cards("desk")
    with Microphone("desk") as microphone:
        send(stand_in.streams[0], clock, COUNTED)
        clock.seconds += 6.0
        send(stand_in.streams[0], clock, -COUNTED)
        before, lost, after = drain(microphone)
    assert before == COUNTED.tolist()
    assert lost == pytest.approx(96_000, abs=16)
    assert after == (-COUNTED).tolist()


def test_a_reader_that_is_late_loses_what_did_not_fit_and_knows_how_much(cards, clock):
    stand_in = cards("desk")
    many = np.arange(70_400, dtype=np.int32).astype(np.int16)
    with Microphone("desk") as microphone:
        send(stand_in.streams[0], clock, many)
        before = drain(microphone)
        send(stand_in.streams[0], clock, COUNTED)
        found = before + drain(microphone)
        assert microphone.overflows > 0
    kept, lost, after = found
    assert kept == many[: len(kept)].tolist()
    assert len(kept) + lost == len(many)
    assert after == COUNTED.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_times_stay_right_across_gaps_of_any_length(cards, clock, seed, caplog, capsys):
    stand_in = cards("desk")
    random = np.random.default_rng(seed)
    microphone, spotter = Microphone("desk"), Spotter()
    lines = DetectionLines(microphone, as_json=True)
    pauses = random.uniform(0.5, 50, 3)
    sample = all_keywords()[: 16_000 * 3]  # computer
    detections = listen(
        microphone,
        spotter,
        lines.on_block,
        on_gap=lines.on_gap,
        before_block=lines.before_block,
    )
    seconds = np.split(sample, 3)
    feed = [(pause if not i else 0.0, s) for pause in (0.0, *pauses) for i, s in enumerate(seconds)]
    original = Microphone._wait

    def wait(self: Microphone) -> None:
        if not self._capture.blocks:
            if not feed:
                raise KwsError("the end")
            pause, samples = feed.pop(0)
            clock.seconds += pause
            send(stand_in.streams[0], clock, samples)
        original(self)

    microphone._wait = wait.__get__(microphone)
    found = []

    def show() -> None:
        for detection in detections:
            found.append(detection)
            lines.show(detection)

    with caplog.at_level(logging.WARNING), pytest.raises(KwsError, match="the end"):
        show()
    plain = found[0].time
    starts = np.concatenate([[0], np.cumsum(pauses + 3.0)])
    assert [d.keyword for d in found] == ["computer"] * 4
    np.testing.assert_allclose([d.time for d in found], starts + plain, atol=0.01)
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    gaps = [line for line in objects if "gap" in line]
    np.testing.assert_allclose([gap["gap"] for gap in gaps], pauses, atol=0.01)
    np.testing.assert_allclose([gap["time"] for gap in gaps], starts[1:] - pauses, atol=0.01)
    assert all("keyword" not in gap for gap in gaps)
    assert len(caplog.records) == 3


def test_a_stall_counts_only_while_this_process_runs(cards, clock):
    stand_in = cards("desk")
    with Microphone("desk") as microphone:
        stream = stand_in.streams[0]
        arrived = microphone._capture.arrived
        ticks = iter([0.1, 0.1, 3600.0, *[0.1] * 5])

        def wait(seconds: float) -> bool:
            tick = next(ticks, None)
            if tick is None:
                send(stream, clock, COUNTED)
                return True
            clock.seconds += tick
            return False

        arrived.wait = wait
        assert microphone.fill(RingBuffer(16_000))
        arrived.wait = lambda seconds: setattr(clock, "seconds", clock.seconds + 0.1)
        drain(microphone)
        with pytest.raises(KwsError, match="'desk' sends nothing; is it still connected"):
            microphone.fill(RingBuffer(16_000))


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_card_may_take_some_seconds_to_come_back_after_a_sleep(
    cards, clock, monkeypatch, comes_back
):
    stand_in, waits = cards("desk"), []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.seconds += seconds
        if comes_back and len(waits) == 3:
            stand_in.plugged.append("desk")

    monkeypatch.setattr(kws.microphone, "time", SimpleNamespace(monotonic=clock, sleep=sleep))
    with Microphone("desk") as microphone:
        send(stand_in.streams[0], clock, COUNTED)
        drain(microphone)
        clock.seconds += 7200
        stand_in.plugged.clear()
        stand_in.streams[0].unplug()
        if comes_back:
            microphone._wait()
            send(stand_in.streams[1], clock, -COUNTED)
            microphone._wait()
            lost, after = drain(microphone)
            assert lost == pytest.approx(7203 * 16_000, abs=16)
            assert after == (-COUNTED).tolist()
        else:
            with pytest.raises(KwsError, match="no input device"):
                microphone._wait()
            assert 9 <= sum(waits) <= 11


def test_a_stream_that_ended_while_the_machine_slept_is_opened_again(cards, clock):
    stand_in = cards("desk")
    with Microphone("desk") as microphone:
        send(stand_in.streams[0], clock, COUNTED)
        before = drain(microphone)
        clock.seconds += 7200
        stand_in.streams[0].unplug()
        original = stand_in.RawInputStream

        def opened(**settings):
            stream = original(**settings)
            stream.start = lambda: (setattr(stream, "active", True), send(stream, clock, -COUNTED))
            return stream

        stand_in.RawInputStream = opened
        microphone._wait()
        after = drain(microphone)
    assert before == [COUNTED.tolist()]
    assert after == [pytest.approx(7200 * 16_000, abs=16), (-COUNTED).tolist()]


def test_an_unplugged_card_is_waited_for_and_said_once_each_way(cards, clock, caplog, monkeypatch):
    stand_in = cards("desk", "other")
    looks = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        clock.seconds += seconds
        if len(looks) == 5:
            stand_in.plugged = ["new", "desk"]

    monkeypatch.setattr(kws.microphone.time, "sleep", sleep)
    with caplog.at_level(logging.INFO), Microphone("desk", reconnect=True) as microphone:
        send(stand_in.streams[0], clock, COUNTED)
        assert drain(microphone) == [COUNTED.tolist()]
        stand_in.plugged = ["other"]
        stand_in.streams[0].unplug()
        microphone._wait()
        microphone._capture = microphone._find_again()
        send(stand_in.streams[1], clock, -COUNTED)
        lost, after = drain(microphone)
    assert lost == pytest.approx(5 * 16_000, abs=16)
    assert after == (-COUNTED).tolist()
    assert [record.getMessage() for record in caplog.records] == [
        "input device 'desk' sends nothing; waiting for it",
        "input device 'desk' is there",
    ]


def test_a_card_that_is_not_there_yet_is_waited_for(cards, clock, caplog, monkeypatch):
    stand_in = cards()
    monkeypatch.setattr(
        kws.microphone.time, "sleep", lambda seconds: stand_in.plugged.append("desk")
    )
    with pytest.raises(KwsError, match="no input device"):
        Microphone("desk")
    with caplog.at_level(logging.INFO), Microphone("desk", reconnect=True) as microphone:
        microphone._capture = microphone._find_again()
        send(stand_in.streams[0], clock, COUNTED)
        assert drain(microphone) == [COUNTED.tolist()]
    assert [record.getMessage() for record in caplog.records] == [
        "no input device; waiting for it",
        "input device 'desk' is there",
    ]


def test_cards_are_not_looked_for_while_a_sound_is_played(cards):
    stand_in = cards("desk")
    stand_in.plugged.append("new")
    with kws.audio.devices.in_use():
        kws.audio.devices.rescan()
        assert [card.name for card in kws.audio.devices.devices()] == ["desk"]
    kws.audio.devices.rescan()
    assert [card.name for card in kws.audio.devices.devices()] == ["desk", "new"]


def test_a_take_begins_again_where_audio_was_lost(cards, clock):
    stand_in = cards("desk")
    session = Session([], None, 1, "desk")
    session._screen = SimpleNamespace(show_level=lambda samples: None, print=(said := []).append)
    with Microphone("desk") as microphone:
        send(stand_in.streams[0], clock, COUNTED)
        clock.seconds += 6.0
        for part in (-COUNTED, COUNTED):
            send(stand_in.streams[0], clock, part)
        take = session._capture(microphone, 0.6)
    expected = np.concatenate([-COUNTED, COUNTED])[: len(take)]
    np.testing.assert_array_equal(take, expected)
    assert said == ["     lost 6.00 s of audio; once more"]


def test_takes_that_lose_audio_again_and_again_end_the_session():
    """As bad takes do: without a keyboard nobody could end it."""

    def fill(ring: RingBuffer) -> bool:
        ring.write(COUNTED)
        return True

    session = Session([], None, 1, "desk")
    session._interactive = False
    session._screen = SimpleNamespace(show_level=lambda samples: None, print=(said := []).append)
    problem = "5 takes in a row were bad; the last one lost 0.50 s of audio"
    with pytest.raises(KwsError, match=problem):
        session._capture(SimpleNamespace(lost=8000, fill=fill), 0.6)
    assert len(said) == MAX_BAD_TAKES
