"""Takes are checked as a person would, and stored without ever overwriting one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import ROOT, SAMPLES
from conftest import skip_without
from noise_bursts import noise, noise_bursts

from kws.atomic_write import unfinished_path
from kws.config import SAMPLE_RATE
from kws.data.clips import partition_of, speaker_of
from kws.errors import KwsError
from kws.recorder.take import TakeFolder, TakeKind, check

WAKE = ROOT.parent / "shared" / "data" / "wake"
GOOD = noise_bursts((0.9, 0), (0.5, 3000), (0.6, 0))


@pytest.mark.parametrize(
    ("pieces", "floor", "said"),
    [
        (((0.8, 0), (0.6, 3000), (1.1, 0)), 10, "good: 0.6"),
        (((0.8, 0), (0.2, 2000), (0.15, 0), (0.4, 2000), (0.9, 0)), 30, "good: 0.7"),
        (((0.8, 0), (0.6, 14000), (1.1, 0)), 10, "clipped: too loud for the microphone"),
        (((0.8, 0), (0.6, 60), (1.1, 0)), 1, "silent: -5"),
        (((2.5, 0),), 3, "silent: -"),
        (((0.8, 0), (0.6, 2000), (1.1, 0)), 800, "too noisy: the speech is "),
        (((2.5, 0),), 2000, "too noisy: the speech is "),
        (((1.0, 0), (0.1, 5000), (1.4, 0)), 10, "too short: 0.1"),
        (((0.3, 0), (2.1, 3000), (0.3, 0)), 10, "too long: 2.1 s"),
        (((1.9, 0), (0.6, 3000)), 10, "too long: it was cut off"),
        (((0.6, 3000), (1.9, 0)), 10, "too long: it was cut off"),
    ],
)
def test_a_word_of_noise(pieces, floor, said):
    samples = noise_bursts(*pieces, floor=floor)
    checked = check(samples, TakeKind.WORD)
    assert checked.remark.startswith(said)
    assert checked.problem is not said.startswith("good")
    if checked.problem:
        assert (checked.start, checked.end) == (0, len(samples))


def test_a_word_is_trimmed_with_a_margin():
    checked = check(noise_bursts((0.9, 0), (0.6, 3000), (1.5, 0)), TakeKind.WORD)
    assert checked.start / SAMPLE_RATE == pytest.approx(0.4, abs=0.04)
    assert checked.end / SAMPLE_RATE == pytest.approx(2.0, abs=0.04)
    checked = check(noise_bursts((0.2, 0), (0.6, 3000), (0.3, 0)), TakeKind.WORD)
    assert (checked.start, checked.end) == (0, round(1.1 * SAMPLE_RATE))


@pytest.mark.parametrize("kind", TakeKind)
def test_a_muted_microphone(kind):
    checked = check(np.zeros(SAMPLE_RATE, np.int16), kind)
    assert checked.problem
    assert checked.remark == "silent: all samples are zero; is the microphone muted?"


def test_speech_is_trimmed_and_noise_is_not():
    samples = noise_bursts((1.0, 0), (1.0, 3000), (1.0, 0), (2.5, 3000), (1.0, 0))
    speech, background = check(samples, TakeKind.SPEECH), check(samples, TakeKind.NOISE)
    assert speech.start / SAMPLE_RATE == pytest.approx(0.5, abs=0.04)
    assert speech.end / SAMPLE_RATE == pytest.approx(6.0, abs=0.04)
    assert (background.start, background.end) == (0, len(samples))
    assert not check(noise_bursts((1.0, 0), floor=1), TakeKind.NOISE).problem
    assert check(noise_bursts((1.0, 20000)), TakeKind.NOISE).remark.startswith("clipped")


@pytest.mark.parametrize("kind", TakeKind)
@pytest.mark.parametrize("count", [1, 100, 161])
def test_any_few_samples_are_checked(kind, count):
    checked = check(np.full(count, 1000, np.int16), kind)
    assert 0 <= checked.start < checked.end <= count


def test_a_spoken_sample_is_good():
    samples, _ = soundfile.read(SAMPLES / "computer_lights.flac", dtype="int16")
    assert not check(samples, TakeKind.SPEECH).problem


def test_most_recordings_of_people_are_good_until_loud_noise_is_added():
    if not WAKE.is_dir():
        pytest.skip("../shared/data/wake is not here")
    recordings = [
        soundfile.read(path, dtype="int16")[0] for path in sorted(WAKE.glob("*/*.flac"))[::20]
    ]
    clean = [check(samples, TakeKind.WORD) for samples in recordings]
    assert np.mean([checked.problem for checked in clean]) < 0.15
    remarks = []
    for samples in recordings:
        noisy = samples + noise(len(samples) / SAMPLE_RATE, np.abs(samples).max() / 4)
        remarks.append(check(np.clip(noisy, -32000, 32000).astype(np.int16), TakeKind.WORD).remark)
    assert np.mean(["noisy" in remark or "too long" in remark for remark in remarks]) > 0.9


def test_takes_are_numbered_and_never_overwritten(tmp_path):
    folders = [TakeFolder(tmp_path / "word", "anna") for _ in range(2)]  # in the same second
    takes = [np.full(100 + i, 5, np.int16) for i in range(6)]
    paths = [folders[i % 2].add(take) for i, take in enumerate(takes)]
    assert len(set(paths)) == 6
    for path, take in zip(paths, takes, strict=True):
        assert np.array_equal(soundfile.read(path, dtype="int16")[0], take)
    assert sorted(tmp_path.rglob("*.*")) == sorted(paths)
    assert TakeFolder(tmp_path / "word", "anna").kept == 6
    assert TakeFolder(tmp_path / "word", "ann").kept == TakeFolder(tmp_path / "word", "").kept == 0


def test_a_full_disk_is_one_line(tmp_path):
    skip_without("/dev/full", Path("/dev/full").exists())
    folder = TakeFolder(tmp_path, "anna")
    first = folder.add(GOOD)
    second = first.with_name(first.name.replace("-001", "-002"))
    unfinished_path(second).symlink_to("/dev/full")
    with pytest.raises(KwsError, match=r"-002\.wav: cannot be written") as error:
        folder.add(GOOD)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == [first]
    assert folder.kept == 1


def test_speakers_and_sessions_are_kept_apart_by_the_split():
    def partition(name: str) -> int:
        return partition_of(Path(f"{name}.wav"))

    assert partition("anna-20260131T154500-001") == partition("anna-20260201T090000-017")
    assert partition("20260131T154500-001") == partition("20260131T154500-017")
    sessions = {partition(f"202601{day}T154500-001") for day in range(10, 32)}
    speakers = {partition(f"{name}-20260131T154500-001") for name in "abcdefghijklmnopqrstuv"}
    assert len(sessions) > 4 < len(speakers)


@pytest.mark.parametrize("speaker", ["a b", "a-b", "../a", "a.b", "a@"])
def test_a_speaker_that_cannot_be_in_a_name(tmp_path, speaker):
    with pytest.raises(KwsError, match="letters and digits only"):
        TakeFolder(tmp_path, speaker)


def test_recorders_of_one_moment_overwrite_nothing(tmp_path):
    """Let several processes store takes under the same session."""
    script = (
        "import sys, time; from pathlib import Path; import numpy as np;"
        "time.strftime = lambda _: '20260131T154500';"
        "from kws.recorder.take import TakeFolder; folder = TakeFolder(Path(sys.argv[1]), 'anna');"
        "[folder.add(np.full(9, int(sys.argv[2]) + n, np.int16)) for n in range(20)]"
    )
    recorders = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(100 * number)])
        for number in range(3)
    ]
    assert [recorder.wait() for recorder in recorders] == [0] * 3
    stored = [soundfile.read(path, dtype="int16")[0][0] for path in tmp_path.iterdir()]
    assert sorted(stored) == sorted(100 * r + n for r in range(3) for n in range(20))


def test_speakers_of_any_script_have_names(tmp_path):
    folder = TakeFolder(tmp_path, "नमस्ते")
    assert speaker_of(folder.add(np.ones(9, np.int16))) == "नमस्ते"
    with pytest.raises(KwsError, match="letters and digits only"):
        TakeFolder(tmp_path, "a-b")
