"""kws record: takes are judged as a person would, and kept or repeated, on real PortAudio."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from alsa import Card
from command_line import ROOT, SAMPLES, kws, started
from conftest import skip_without

from kws.config import SAMPLE_RATE
from kws.data.clips import partition_of
from kws.errors import KwsError
from kws.recorder import prompts
from kws.recorder.folder import TakeFolder
from kws.recorder.session import BEAT, BEATS, LEVEL_CHECK
from kws.recorder.take import Kind, judge

WAKE = ROOT.parent / "shared" / "data" / "wake"


def noise(seconds: float, rms: float, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(0, rms, round(seconds * SAMPLE_RATE))


def made(*pieces: tuple[float, float], floor: float = 10.0) -> np.ndarray:
    """Noise of (seconds, RMS) pieces over a floor, int16."""
    whole = np.concatenate([noise(*piece) for piece in pieces])
    whole += noise(len(whole) / SAMPLE_RATE, floor, 2)
    return np.clip(whole.round(), -32768, 32767).astype(np.int16)


# The judgement


@pytest.mark.parametrize(
    ("pieces", "floor", "said"),
    [
        (((0.8, 0), (0.6, 3000), (1.1, 0)), 10, "good: 0.6"),
        (((0.8, 0), (0.2, 2000), (0.15, 0), (0.4, 2000), (0.9, 0)), 30, "good: 0.7"),
        (((0.8, 0), (0.6, 14000), (1.1, 0)), 10, "clipped: too loud for the microphone"),
        (((0.8, 0), (0.6, 60), (1.1, 0)), 1, "silent: -5"),
        (((2.5, 0),), 3, "silent: -"),
        (((0.8, 0), (0.6, 2000), (1.1, 0)), 800, "too noisy: what was said is "),
        (((2.5, 0),), 2000, "too noisy: what was said is "),
        (((1.0, 0), (0.1, 5000), (1.4, 0)), 10, "too short: 0.1"),
        (((0.3, 0), (2.1, 3000), (0.3, 0)), 10, "too long: 2.1 s"),
        (((1.9, 0), (0.6, 3000)), 10, "too long: it was cut off"),
        (((0.6, 3000), (1.9, 0)), 10, "too long: it was cut off"),
    ],
)
def test_a_made_word(pieces, floor, said):
    samples = made(*pieces, floor=floor)
    judgement = judge(samples, Kind.WORD)
    assert judgement.remark.startswith(said)
    assert judgement.problem is not said.startswith("good")
    if judgement.problem:
        assert (judgement.start, judgement.end) == (0, len(samples))


def test_a_word_is_trimmed_with_a_margin():
    judgement = judge(made((0.9, 0), (0.6, 3000), (1.5, 0)), Kind.WORD)
    assert judgement.start / SAMPLE_RATE == pytest.approx(0.4, abs=0.04)
    assert judgement.end / SAMPLE_RATE == pytest.approx(2.0, abs=0.04)
    judgement = judge(made((0.2, 0), (0.6, 3000), (0.3, 0)), Kind.WORD)
    assert (judgement.start, judgement.end) == (0, round(1.1 * SAMPLE_RATE))


@pytest.mark.parametrize("kind", Kind)
def test_a_muted_microphone(kind):
    judgement = judge(np.zeros(SAMPLE_RATE, np.int16), kind)
    assert judgement.problem
    assert judgement.remark == "silent: nothing but zeros came; is the microphone muted?"


def test_speech_is_trimmed_and_the_room_is_not():
    samples = made((1.0, 0), (1.0, 3000), (1.0, 0), (2.5, 3000), (1.0, 0))
    speech, room = judge(samples, Kind.SPEECH), judge(samples, Kind.NOISE)
    assert speech.start / SAMPLE_RATE == pytest.approx(0.5, abs=0.04)
    assert speech.end / SAMPLE_RATE == pytest.approx(6.0, abs=0.04)
    assert (room.start, room.end) == (0, len(samples))
    assert not judge(made((1.0, 0), floor=1), Kind.NOISE).problem
    assert judge(made((1.0, 20000)), Kind.NOISE).remark.startswith("clipped")


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("count", [1, 100, 161])
def test_any_few_samples_are_judged(kind, count):
    judgement = judge(np.full(count, 1000, np.int16), kind)
    assert 0 <= judgement.start < judgement.end <= count


def test_a_spoken_sample_is_good():
    samples, _ = soundfile.read(SAMPLES / "computer_lights.flac", dtype="int16")
    assert not judge(samples, Kind.SPEECH).problem


def test_most_of_what_people_recorded_is_good_and_loud_noise_spoils_it():
    if not WAKE.is_dir():
        pytest.skip("../shared/data/wake is not here")
    recordings = [
        soundfile.read(path, dtype="int16")[0] for path in sorted(WAKE.glob("*/*.flac"))[::20]
    ]
    clean = [judge(samples, Kind.WORD) for samples in recordings]
    assert np.mean([judgement.problem for judgement in clean]) < 0.15
    remarks = []
    for samples in recordings:
        noisy = samples + noise(len(samples) / SAMPLE_RATE, np.abs(samples).max() / 4)
        remarks.append(judge(np.clip(noisy, -32000, 32000).astype(np.int16), Kind.WORD).remark)
    assert np.mean(["noisy" in remark or "too long" in remark for remark in remarks]) > 0.9


# The folder


def test_takes_are_numbered_and_never_overwritten(tmp_path):
    folders = [TakeFolder(tmp_path / "word", "anna") for _ in range(2)]  # in the same second
    takes = [np.full(100 + i, 5, np.int16) for i in range(6)]
    paths = [folders[i % 2].keep(take) for i, take in enumerate(takes)]
    assert len(set(paths)) == 6
    for path, take in zip(paths, takes, strict=True):
        assert np.array_equal(soundfile.read(path, dtype="int16")[0], take)
    assert sorted(tmp_path.rglob("*.*")) == sorted(paths)
    assert TakeFolder(tmp_path / "word", "anna").kept == 6
    assert TakeFolder(tmp_path / "word", "ann").kept == TakeFolder(tmp_path / "word", "").kept == 0


def test_a_full_disk_is_one_line(tmp_path):
    skip_without("/dev/full", Path("/dev/full").exists())
    folder = TakeFolder(tmp_path, "anna")
    first = folder.keep(GOOD)
    unfinished = tmp_path / f".{first.name.replace('-001', '-002')}.part"
    unfinished.symlink_to("/dev/full")
    with pytest.raises(KwsError, match=r"-002\.wav: cannot be written") as error:
        folder.keep(GOOD)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == [first]
    assert folder.kept == 1


def test_speakers_and_sessions_are_kept_apart_by_the_split():
    def part(name: str) -> int:
        return partition_of(Path(f"{name}.wav"))

    assert part("anna-20260131T154500-001") == part("anna-20260201T090000-017")
    assert part("20260131T154500-001") == part("20260131T154500-017")
    sessions = {part(f"202601{day}T154500-001") for day in range(10, 32)}
    speakers = {part(f"{name}-20260131T154500-001") for name in "abcdefghijklmnopqrstuv"}
    assert len(sessions) > 4 < len(speakers)


@pytest.mark.parametrize("speaker", ["a b", "a-b", "../a", "a.b", "a@"])
def test_a_speaker_that_cannot_be_in_a_name(tmp_path, speaker):
    with pytest.raises(KwsError, match="letters and digits alone"):
        TakeFolder(tmp_path, speaker)


def test_a_text_to_read_holds_no_keyword():
    asked = prompts.reading(["Go there.", "They are good.", "We go home."], ["go", "smart mirror"])
    assert [prompt.text for prompt in asked] == ["Read: They are good."]
    assert len(prompts.reading(prompts.TEXTS, [])) == len(prompts.TEXTS)
    with pytest.raises(KwsError, match="no text to read"):
        prompts.reading(["Go."], ["go"])


# The command


def timeline(*takes: np.ndarray, seconds: float) -> np.ndarray:
    """What a card must send: the level check, and for each take the countdown and its samples."""
    parts = [made((LEVEL_CHECK, 0))]
    for take in takes:
        parts.append(made((BEATS * BEAT, 0)))
        rest = seconds - len(take) / SAMPLE_RATE
        parts.append(np.concatenate([take, made((rest, 0))]))
    return np.concatenate(parts)


GOOD = made((0.9, 0), (0.5, 3000), (0.6, 0))
CLIPPED = made((0.9, 0), (0.5, 16000), (0.6, 0))


def test_good_takes_are_kept_and_others_repeated(sound_cards, tmp_path):
    environment = sound_cards(Card("desk", timeline(GOOD, CLIPPED, GOOD, seconds=2.5)))
    command = ("record", "Smart Mirror", "--output", tmp_path / "d", "--speaker", "anna")
    process = kws(*command, "--count", 2, env=environment)
    assert (process.returncode, process.stderr) == (0, "")
    shown = process.stdout.splitlines()
    assert re.fullmatch(r"desk: the room is at -\d\d dBFS", shown[0])
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
    environment = sound_cards(Card("desk", made((60, 0))))
    process = kws(
        "record", "lumen", "--output", tmp_path, "--seconds", 1, "--count", 1, env=environment
    )
    assert process.returncode == 1
    assert re.fullmatch(
        r"kws: error: 5 takes in a row were no good; the last one silent: .*\n", process.stderr
    )
    assert process.stdout.endswith(
        f"0 of 1 takes are in {tmp_path}/lumen; the same command goes on there\n"
    )


def test_an_interrupt_loses_nothing_kept(sound_cards, tmp_path):
    samples = timeline(*[GOOD] * 4, seconds=2.5)
    environment = sound_cards(Card("desk", samples))
    command = ("record", "lumen", "--output", tmp_path, "--count", 2)
    with started(*command, env=environment) as process:
        while not list(tmp_path.glob("lumen/*.wav")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == ""
        assert process.stdout.read().endswith(
            f"1 of 2 takes are in {tmp_path}/lumen; the same command goes on there\n"
        )
    assert len(list(tmp_path.rglob("*.wav"))) == 1
    assert not list(tmp_path.rglob(".*.part"))


def test_the_room(sound_cards, tmp_path):
    environment = sound_cards(Card("desk", made((30, 0))))
    process = kws("record", "_noise_", "--output", tmp_path, "--count", 1, env=environment)
    assert (process.returncode, process.stderr) == (0, "")
    [path] = (tmp_path / "_noise_").iterdir()
    assert soundfile.info(path).duration == prompts.NOISE_SECONDS


def test_a_text_that_is_read(sound_cards, tmp_path):
    (tmp_path / "lumen").mkdir()
    (tmp_path / "text.txt").write_text("Fine weather.\n\nThe lumen is a unit.\n")
    spoken = made((0.7, 0), (0.4, 3000), (0.2, 0), (0.4, 3000), (0.3, 0))
    environment = sound_cards(Card("desk", timeline(spoken, seconds=2.5)))
    command = ("record", "_negative_", "--output", tmp_path, "--text", tmp_path / "text.txt")
    process = kws(*command, env=environment)
    assert (process.returncode, process.stderr) == (0, "")
    assert "Read: Fine weather.\n1/1  good: " in process.stdout
    [path] = (tmp_path / "_negative_").iterdir()
    assert soundfile.info(path).duration == pytest.approx(2.0, abs=0.3)


class Person:
    """At a terminal: reads what is shown and presses keys."""

    def __init__(self, terminal: int) -> None:
        self.terminal, self.shown, self.seen = terminal, b"", 0

    def reads(self, text: bytes, seconds: float = 60) -> bool:
        """Whether the text is shown within some seconds, behind what was read before."""
        until = time.monotonic() + seconds
        while (place := self.shown.find(text, self.seen)) < 0:
            if not select.select([self.terminal], [], [], max(0, until - time.monotonic()))[0]:
                return False
            self.shown += os.read(self.terminal, 1 << 16)
        self.seen = place + len(text)
        return True

    def answers(self, question: bytes, keys: bytes, effect: bytes) -> None:
        """Again, where the keys came so early that the terminal threw them away."""
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
        person.answers(b"q ends", b"q", b"the same command goes on there")
        assert process.wait(60) == 0
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
        (["lumen", "--speaker", "a b"], "speaker 'a b': letters and digits alone"),
        (["_negative_", "--text", "nowhere.txt"], "nowhere.txt: No such file or directory"),
        (["_negative_", "--text", os.devnull], f"{os.devnull}: there is no text in it"),
        (["lumen", "--device", "attic"], "no input device 'attic'; `kws devices` lists"),
    ],
)
def test_what_cannot_be_recorded_is_one_line(sound_cards, tmp_path, arguments, message):
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
