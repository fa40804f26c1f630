"""kws record: takes are kept or repeated, on real PortAudio."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time

import numpy as np
import pytest
import soundfile
from alsa import Card
from command_line import kws, started
from noise_bursts import noise_bursts
from waiting import PATIENCE

from kws.config import SAMPLE_RATE
from kws.recorder import prompts
from kws.recorder.session import COUNTDOWN, COUNTDOWN_STEP, NOISE_CHECK

pytestmark = pytest.mark.slow


def timeline(*takes: np.ndarray, seconds: float) -> np.ndarray:
    """Return what a card must send: the noise check, then a countdown and samples per take."""
    parts = [noise_bursts((NOISE_CHECK, 0))]
    for take in takes:
        parts.append(noise_bursts((COUNTDOWN * COUNTDOWN_STEP, 0)))
        rest = seconds - len(take) / SAMPLE_RATE
        parts.append(np.concatenate([take, noise_bursts((rest, 0))]))
    return np.concatenate(parts)


GOOD = noise_bursts((0.9, 0), (0.5, 3000), (0.6, 0))


CLIPPED = noise_bursts((0.9, 0), (0.5, 16000), (0.6, 0))


def test_good_takes_are_kept_and_others_repeated(sound_cards, tmp_path):
    environment = sound_cards(Card("desk", timeline(GOOD, CLIPPED, GOOD, seconds=2.5)))
    command = ("record", "Smart Mirror", "--output", tmp_path / "d", "--speaker", "anna")
    process = kws(*command, "--count", 2, env=environment)
    assert (process.returncode, process.stderr) == (0, "")
    shown = process.stdout.splitlines()
    assert re.fullmatch(r"desk: background noise at -\d\d dBFS", shown[0])
    assert [line for line in shown if line.startswith("Say")] == ["Say: smart mirror"] * 3
    remarks = [line for line in shown if re.match(r"\d/2 ", line)]
    assert [remark[:10] for remark in remarks] == ["1/2  good:", "2/2  clipp", "2/2  good:"]
    folder = tmp_path / "d" / "smart_mirror"
    assert shown[-1] == f"2 of 2 takes are in {folder}"
    takes = sorted(folder.iterdir())
    assert [re.sub(r"\d{8}T\d{6}", "T", take.name) for take in takes] == [
        "anna-T-001.wav",
        "anna-T-002.wav",
    ]
    for take in takes:
        info = soundfile.info(take)
        assert (info.samplerate, info.channels, info.subtype) == (SAMPLE_RATE, 1, "PCM_16")
        assert info.duration == pytest.approx(1.5, abs=0.1)  # half a second around the word
    contents = {take: take.read_bytes() for take in takes}
    without_sound = environment | {"ALSA_CONFIG_PATH": os.devnull}
    again = kws(*command, "--count", 2, env=without_sound)
    assert (again.returncode, again.stdout) == (0, "2 of 2 takes are there already\n")
    assert {take: take.read_bytes() for take in folder.iterdir()} == contents


def test_too_many_bad_takes_in_a_row_end_it(sound_cards, tmp_path):
    environment = sound_cards(Card("desk", noise_bursts((60, 0))))
    process = kws(
        "record", "lumen", "--output", tmp_path, "--seconds", 1, "--count", 1, env=environment
    )
    assert process.returncode == 1
    assert re.fullmatch(
        r"kws: error: 5 takes in a row were bad; the last one silent: .*\n", process.stderr
    )
    assert process.stdout.endswith(
        f"0 of 1 takes are in {tmp_path}/lumen; run the same command again to continue\n"
    )


def test_an_interrupt_loses_nothing_kept(sound_cards, tmp_path):
    """The takes after the first are silent, so that another is kept at no time."""
    environment = sound_cards(Card("desk", timeline(GOOD, seconds=2.5)))
    command = ("record", "lumen", "--output", tmp_path, "--count", 2)
    with started(*command, env=environment) as process:
        while not list(tmp_path.glob("lumen/[!.]*.wav")):  # an unfinished one has a dot
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stderr.read() == ""
        assert process.stdout.read().endswith(
            f"1 of 2 takes are in {tmp_path}/lumen; run the same command again to continue\n"
        )
    assert len(list(tmp_path.rglob("*.wav"))) == 1
    assert not list(tmp_path.rglob(".*.part"))


def test_background_noise(sound_cards, tmp_path):
    environment = sound_cards(Card("desk", noise_bursts((30, 0))))
    process = kws("record", "_noise_", "--output", tmp_path, "--count", 1, env=environment)
    assert (process.returncode, process.stderr) == (0, "")
    [path] = (tmp_path / "_noise_").iterdir()
    assert soundfile.info(path).duration == prompts.NOISE_SECONDS


def test_a_text_that_is_read(sound_cards, tmp_path):
    (tmp_path / "lumen").mkdir()
    (tmp_path / "text.txt").write_text("Fine weather.\n\nThe lumen is a unit.\n")
    spoken = noise_bursts((0.7, 0), (0.4, 3000), (0.2, 0), (0.4, 3000), (0.3, 0))
    environment = sound_cards(Card("desk", timeline(spoken, seconds=2.5)))
    command = ("record", "_negative_", "--output", tmp_path, "--text", tmp_path / "text.txt")
    process = kws(*command, env=environment)
    assert (process.returncode, process.stderr) == (0, "")
    assert "Read: Fine weather.\n1/1  good: " in process.stdout
    [path] = (tmp_path / "_negative_").iterdir()
    assert soundfile.info(path).duration == pytest.approx(2.0, abs=0.3)


class Person:
    """Read what a terminal shows and press keys."""

    def __init__(self, terminal: int) -> None:
        self.terminal, self.shown, self.seen = terminal, b"", 0

    def reads(self, text: bytes, seconds: float = PATIENCE) -> bool:
        """Return True if the text is shown within some seconds, after what was read before."""
        until = time.monotonic() + seconds
        while (index := self.shown.find(text, self.seen)) < 0:
            if not select.select([self.terminal], [], [], max(0, until - time.monotonic()))[0]:
                return False
            self.shown += os.read(self.terminal, 1 << 16)
        self.seen = index + len(text)
        return True

    def answers(self, question: bytes, keys: bytes, effect: bytes) -> None:
        """Press keys at a question, again where they came so early that the terminal lost them."""
        assert self.reads(question)
        for _ in range(20):
            os.write(self.terminal, keys)
            if self.reads(effect, 2):
                return
        raise AssertionError(f"{keys!r} did nothing")


def test_on_a_terminal_keys_decide(sound_cards, tmp_path):
    environment = sound_cards(Card("desk", timeline(GOOD, GOOD, CLIPPED, GOOD, seconds=2.5)))
    terminal, end = pty.openpty()
    person = Person(terminal)
    command = ("record", "lumen", "--output", tmp_path, "--count", 9)
    options = {"stdout": end, "stderr": end, "stdin": end}
    with started(*command, env=environment | {"TERM": "xterm"}, **options) as process:
        os.close(end)
        person.answers(b"Enter keeps it, r repeats it, q ends", b"r", b"once more")
        person.answers(b"Enter keeps it, r repeats it, q ends", b"x\r", b"-001.wav")
        person.answers(b"Enter repeats it, k keeps it, q ends", b"k", b"-002.wav")
        person.answers(b"q ends", b"q", b"run the same command again to continue")
        assert process.wait(PATIENCE) == 0
    os.close(terminal)
    assert b"2 of 9 takes are in" in person.shown
    assert b"dBFS" in person.shown
    hide, show = b"\x1b[?25l", b"\x1b[?25h"  # the cursor
    assert 0 <= person.shown.rfind(hide) < person.shown.rfind(show)
    durations = [soundfile.info(path).duration for path in sorted(tmp_path.rglob("*.wav"))]
    assert durations == [pytest.approx(1.5, abs=0.1), 2.5]  # the clipped one as it was


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a/b"], "'a/b': no keyword; a word or a few, of letters and digits"),
        (["_room_"], "'_room_'"),
        (["lumen", "--speaker", "a b"], "speaker 'a b': letters and digits only"),
        (["_negative_", "--text", "nowhere.txt"], "nowhere.txt: No such file or directory"),
        (["_negative_", "--text", os.devnull], f"{os.devnull}: there is no text in it"),
        (["lumen", "--device", "attic"], "no input device 'attic'; `kws devices` lists"),
    ],
)
def test_a_refused_recording_is_one_line(sound_cards, tmp_path, arguments, message):
    environment = sound_cards(Card("desk", GOOD))
    process = kws("record", *arguments, "--output", tmp_path / "d", env=environment)
    assert process.returncode == 1
    assert process.stderr.startswith(f"kws: error: {message}")
    assert process.stderr.count("\n") == 1
    assert not (tmp_path / "d" / "lumen").exists()


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("in the way")
    process = kws("record", "lumen", "--output", tmp_path / "file")
    assert process.stderr == f"kws: error: {tmp_path}/file/lumen: Not a directory\n"


def test_wrong_counts_are_wrong_usage(tmp_path):
    for options in (["--count", "0"], ["--seconds", "0.5"], []):
        output = ["--output", str(tmp_path)] if options else []
        assert kws("record", "lumen", *output, *options).returncode == 2
