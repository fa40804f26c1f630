"""Test Microphone and devices() on real PortAudio, in fresh processes, with cards of alsa.py."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from alsa import Card
from command_line import ROOT, SAMPLES
from conftest import skip_without
from waiting import PATIENCE

COUNTED = np.arange(1, 12_001, dtype=np.int16)  # 0.75 s; the value of a sample is its index

RECORD = """
import sys
import numpy as np
from kws.errors import KwsError
from kws.microphone import Microphone
from kws.ring_buffer import RingBuffer

device, seconds, output = sys.argv[1] or None, float(sys.argv[2]), sys.argv[3]
ring, recorded = RingBuffer(32_000), []
try:
    with Microphone(device) as microphone:
        assert microphone.live
        while sum(map(len, recorded)) < seconds * 16_000:
            assert microphone.fill(ring)
            recorded.append(ring.read(ring.available))
    print(microphone.name, microphone.overflows, ring.dropped)
except KwsError as error:
    print("error:", error)
if recorded:
    np.save(output, np.concatenate(recorded))
"""


def run(script: str, environment: dict[str, str] | None, *arguments: str) -> str:
    """Return what a fresh interpreter prints; stderr must stay empty."""
    process = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert process.stderr == ""
    assert process.returncode == 0
    return process.stdout.strip()


@pytest.mark.slow
def test_all_samples_arrive_in_order_by_name(sound_cards, tmp_path):
    environment = sound_cards(Card("desk", COUNTED))
    assert run(RECORD, environment, "desk", "1.0", str(tmp_path / "recorded.npy")) == "desk 0 0"
    recorded = np.load(tmp_path / "recorded.npy")
    np.testing.assert_array_equal(recorded[: len(COUNTED)], COUNTED)
    assert not recorded[len(COUNTED) :].any()


@pytest.mark.slow
def test_a_microphone_that_is_used_again_starts_from_nothing(sound_cards):
    """Leave a first loop early: times of the second count from its own first sample.

    The card goes on. The first loop took 2 s of it, opening it again takes as long as the machine
    needs: the second loop finds one of the keywords that are left, whose time from the start of the
    card is later than its end.
    """
    script = """
import kws

microphone = kws.Microphone("desk")
spotter = kws.Spotter("home")
for _ in range(2):
    for detection in kws.listen(microphone, spotter):
        print(detection.keyword, round(detection.time, 1))
        break
"""
    samples, _ = soundfile.read(SAMPLES / "all_keywords.flac", dtype="int16")
    first, second = run(script, sound_cards(Card("desk", samples))).splitlines()
    assert first == "computer 2.0"
    keyword, seconds = second.rsplit(" ", 1)
    expected = json.loads((SAMPLES / "expected.json").read_text())["all_keywords.flac"]
    ends = {word: end for word, _, end in expected[1:]}
    assert float(seconds) < ends[keyword] - 1


@pytest.mark.slow
@pytest.mark.parametrize("device", ["1", "SIL", ""])
def test_a_device_by_number_by_part_of_its_name_and_by_default(sound_cards, tmp_path, device):
    environment = sound_cards(Card("desk", COUNTED), Card("silver", -COUNTED))
    name = "silver" if device else "desk"
    assert run(RECORD, environment, device, "0.5", str(tmp_path / "recorded.npy")) == f"{name} 0 0"
    recorded = np.load(tmp_path / "recorded.npy")[:8000]
    np.testing.assert_array_equal(recorded, (-COUNTED if device else COUNTED)[: len(recorded)])


@pytest.mark.slow
def test_the_first_channel_where_a_system_gives_only_all_of_them(sound_cards, tmp_path):
    environment = sound_cards(Card("desk", np.stack([COUNTED, -COUNTED], axis=1)))
    # On ALSA PortAudio selects a channel itself; with some cards on Windows it refuses.
    refuse_mono = """
import dataclasses
import sounddevice
import kws.microphone

check, find = sounddevice.check_input_settings, kws.microphone.find_device

def refuse_mono(channels, **settings):
    if channels == 1:
        raise sounddevice.PortAudioError("Invalid number of channels")
    check(channels=channels, **settings)

sounddevice.check_input_settings = refuse_mono
kws.microphone.find_device = lambda device: dataclasses.replace(find(device), channels=2)
"""
    path = tmp_path / "recorded.npy"
    assert run(refuse_mono + RECORD, environment, "desk", "0.5", str(path)) == "desk 0 0"
    recorded = np.load(path)[:8000]
    np.testing.assert_array_equal(recorded, COUNTED[: len(recorded)])


@pytest.mark.slow
@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_a_card_that_does_not_do_16_khz_is_resampled(sound_cards, tmp_path, rate):
    sine = 8000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    environment = sound_cards(Card("fixed", np.rint(sine).astype(np.int16), rate=rate))
    path = tmp_path / "recorded.npy"
    assert run(RECORD, environment, "fixed", "0.9", str(path)) == "fixed 0 0"
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(14_400) / 16_000)
    recorded = np.load(path)[:14_400]
    # Away from the start, where the sine is switched on and the filter rings.
    np.testing.assert_allclose(recorded[800:], expected[800:], atol=3)


@pytest.mark.slow
def test_overflow_is_counted_and_the_oldest_samples_survive(sound_cards, tmp_path):
    environment = sound_cards(Card("desk", COUNTED))
    waiting = "        while not microphone.overflows:\n            time.sleep(0.01)\n"
    late = "import time\n" + RECORD.replace("        assert microphone.live\n", waiting)
    output = run(late, environment, "desk", "2.0", str(tmp_path / "recorded.npy"))
    name, overflows, dropped = output.split()
    assert (name, int(dropped)) == ("desk", 0)
    assert int(overflows) > 0
    np.testing.assert_array_equal(np.load(tmp_path / "recorded.npy")[: len(COUNTED)], COUNTED)


@pytest.mark.slow
def test_a_card_that_stops_sending_is_reported(sound_cards, tmp_path):
    environment = sound_cards(Card("desk", COUNTED, stall=6))
    output = run(RECORD, environment, "desk", "2.0", str(tmp_path / "recorded.npy"))
    assert output == "error: input device 'desk' sends nothing; is it still connected?"
    np.testing.assert_array_equal(np.load(tmp_path / "recorded.npy")[: len(COUNTED)], COUNTED)


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("attic", "no input device 'attic'; `kws devices` lists those there are"),
        ("7", "no input device '7'; `kws devices` lists those there are"),
        (
            "desk",
            "input device 'desk' is ambiguous, give a number: "
            "0 desk_left (ALSA), 1 desk_right (ALSA)",
        ),
    ],
)
def test_an_unknown_or_ambiguous_device_is_refused(sound_cards, device, message):
    environment = sound_cards(Card("desk_left", COUNTED), Card("desk_right", COUNTED))
    assert run(RECORD, environment, device, "1", "") == f"error: {message}"


def test_no_input_device(sound_cards):
    message = "error: no input device; is a microphone connected?"
    assert run(RECORD, sound_cards(), "", "1", "") == message
    assert run(RECORD, sound_cards(), "desk", "1", "") == message


def test_devices_lists_what_there_is(sound_cards):
    environment = sound_cards(Card("desk", COUNTED), Card("fixed", COUNTED, rate=48_000))
    script = "from kws.audio.devices import devices\nfor device in devices(): print(device)"
    listed = run(script, environment).splitlines()
    assert listed == [
        "InputDevice(index=0, name='desk', host_api='ALSA', channels=128,"
        " default_sample_rate=44100, is_default=True)",
        "InputDevice(index=1, name='fixed', host_api='ALSA', channels=128,"
        " default_sample_rate=48000, is_default=False)",
    ]


def test_without_portaudio():
    skip_without(
        "a system whose sounddevice brings no PortAudio of its own", "linux" in sys.platform
    )
    script = """
import ctypes.util
ctypes.util.find_library = lambda name: None
"""
    message = "PortAudio is not installed (Debian and Ubuntu: apt install libportaudio2)"
    assert run(script + RECORD, None, "", "1", "") == f"error: {message}"


def test_portaudio_that_does_not_start(sound_cards, tmp_path):
    environment = sound_cards(Card("desk", COUNTED))
    (tmp_path / "asound.conf").write_text("pcm.desk {")
    output = run(RECORD, environment, "desk", "1", "")
    assert output.startswith("error: PortAudio does not start: ")
    assert "\n" not in output


def test_importing_microphone_loads_neither_portaudio_nor_soxr():
    script = "import sys, kws.microphone\nprint({'sounddevice', 'soxr'} & set(sys.modules))"
    assert run(script, None) == "set()"
