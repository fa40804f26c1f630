"""Test the choice of a channel, and the reports of channels and sources that carry nothing."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import soundfile
from block_source import BlockSource
from command_line import all_keywords, kws

from kws.audio.audio_file import AudioFile, read_audio
from kws.audio.capture import Capture
from kws.audio.channels import MEAN, ChannelSelector, parse_channel
from kws.audio.devices import InputDevice
from kws.console.silence_report import SilenceReport
from kws.errors import KwsError

NOISE = np.random.default_rng(0).integers(-3, 4, 16_000 * 8).astype(np.int16)  # a quiet room
ZEROS = np.zeros_like(NOISE)


def fault(channels: list[np.ndarray], channel: int | str, seconds: float = 8.0) -> str:
    selector = ChannelSelector(channel, len(channels), 16_000, "card")
    for block in np.split(np.stack(channels, axis=1)[: round(seconds * 16_000)], 50):
        selector.select(block)
    return selector.fault


@pytest.mark.parametrize(
    ("channels", "channel", "message"),
    [
        ([ZEROS, NOISE], 1, "channel 1 of 2 is nothing but zeros; --channel 2 takes one that has"),
        ([ZEROS, NOISE], MEAN, "channel 1 of 2 is nothing but zeros; --channel 2 takes one"),
        ([NOISE, ZEROS], MEAN, "channel 2 of 2 is nothing but zeros; --channel 1 takes one"),
        ([NOISE, -NOISE], MEAN, "its channels cancel each other out; --channel 1 takes one"),
        ([NOISE, ZEROS], 1, ""),
        ([NOISE, -NOISE], 1, ""),
        ([NOISE, np.roll(NOISE, 9)], MEAN, ""),
        ([ZEROS, ZEROS], MEAN, ""),  # all zeros are the report's
    ],
)
def test_a_channel_that_carries_nothing_is_noticed(channels, channel, message):
    assert fault(channels, channel).startswith(message)
    assert bool(fault(channels, channel)) == bool(message)
    assert not fault(channels, channel, seconds=2.0)


@pytest.mark.parametrize("seed", range(20))
def test_whichever_channels_carry_nothing_the_line_names_them(seed):
    """Take cards of many channels, of which any are dead, in blocks of any length."""
    random = np.random.default_rng(seed)
    count, rate = int(random.integers(2, 9)), 1000
    dead = np.flatnonzero(random.random(count) < random.random()) + 1
    alive = np.setdiff1d(np.arange(1, count + 1), dead)
    samples = random.integers(-3, 4, (5 * rate, count)).astype(np.int16)
    samples[:, dead - 1] = 0
    channel = MEAN if random.random() < 0.5 else int(random.integers(1, count + 1))
    selector = ChannelSelector(channel, count, rate, "card")
    for block in np.split(samples, np.sort(random.integers(0, len(samples), 200))):
        selector.select(block)
        assert not selector.fault or f"--channel {alive[0]} takes" in selector.fault
    numbers = ", ".join(map(str, dead[:4])) + (", ..." if len(dead) > 4 else "")
    faulty = len(alive) and (len(dead) if channel == MEAN else channel in dead)
    expected = f"channel {numbers} of {count} is nothing but zeros" if faulty else ""
    assert selector.fault.partition(";")[0] == expected


def test_a_channel_is_chosen_by_number(tmp_path):
    path = tmp_path / "two.wav"
    soundfile.write(path, np.stack([ZEROS, NOISE], axis=1), 16_000)
    assert not np.concatenate([read_channel(path, 1)]).any()
    np.testing.assert_array_equal(read_channel(path, 2), NOISE)
    np.testing.assert_array_equal(read_channel(path, MEAN), read_audio(path))
    with pytest.raises(KwsError, match="there is no channel 3, only 2"):
        AudioFile(path, 3)
    for channel in (0, -1, "left", None, 1.5):
        with pytest.raises(KwsError, match=r"there is no channel .*, only 2"):
            AudioFile(path, channel)
        with pytest.raises(KwsError, match=r"desk: there is no channel .*, only 2"):
            Capture(InputDevice(0, "desk", "ALSA", 2, 16_000, True), channel)
    assert [parse_channel(text) for text in ("1", "12", "mean")] == [1, 12, MEAN]
    for text in ("0", "-1", "left", "", "²", "1.5"):
        with pytest.raises(ValueError, match="is neither a number from 1 nor 'mean'"):
            parse_channel(text)


def read_channel(path, channel):
    from kws.ring_buffer import RingBuffer

    ring, blocks = RingBuffer(16_000), []
    with AudioFile(path, channel) as file:
        while file.fill(ring):
            blocks.append(ring.read(ring.available))
    return np.concatenate(blocks)


def reports(caplog, *stretches: np.ndarray, live: bool = True) -> list[str]:
    source = BlockSource([])
    source.live = live
    report = SilenceReport(source)
    with caplog.at_level(logging.INFO):
        for stretch in stretches:
            for block in np.split(stretch, 100):
                report.on_block(block)
    return [record.getMessage() for record in caplog.records]


SILENT = "blocks: nothing but zeros arrives; is it muted, or the sound on another channel?"
SOUND = "blocks: sound arrives"


def test_zeros_are_reported_once_and_again_when_sound_comes(caplog):
    assert reports(caplog, ZEROS, ZEROS, NOISE, NOISE, ZEROS) == [SILENT, SOUND]


def test_zeros_within_five_seconds_and_a_quiet_room_never(caplog):
    assert reports(caplog, ZEROS[:80_000]) == [SILENT]
    caplog.clear()
    assert reports(caplog, ZEROS[:32_000], NOISE, NOISE) == []


def test_of_a_file_only_the_beginning_is_reported(caplog):
    assert reports(caplog, NOISE, ZEROS, ZEROS, live=False) == []
    caplog.clear()
    assert reports(caplog, ZEROS, NOISE, ZEROS, live=False) == [SILENT, SOUND]


def test_a_file_of_which_the_channels_cancel_is_said_and_heard_by_channel(tmp_path):
    samples = np.concatenate([NOISE, all_keywords()])
    path = tmp_path / "antiphase.wav"
    soundfile.write(path, np.stack([samples, -samples], axis=1), 16_000)
    process = kws("listen", "--wav", path)
    assert (process.returncode, process.stdout) == (0, "")
    assert "antiphase.wav: its channels cancel each other out; --channel 1 takes" in process.stderr
    process = kws("listen", "--wav", path, "--channel", "1")
    assert (len(process.stdout.splitlines()), process.stderr) == (4, "")
    process = kws("listen", "--stdin", "--channel", "1")
    assert process.returncode == 2
