"""Test dataset folders: what is used, what is reported, and the partitions of speakers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.config import SAMPLE_RATE
from kws.data.clips import PARTITIONS, Clip, partition_of
from kws.data.dataset import Dataset, Synthesis, for_phrase, from_folder
from kws.errors import KwsError

RANDOM = np.random.default_rng(3)


def sound(seconds: float, channels: int = 1, rate: int = SAMPLE_RATE) -> np.ndarray:
    return RANDOM.integers(-999, 999, (round(seconds * rate), channels)).astype(np.int16)


def record(*paths: Path, seconds: float = 0.2, channels: int = 1, rate: int = SAMPLE_RATE) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound(seconds, channels, rate), rate)


def record_speakers(folder: Path, speakers: dict[str, int], seconds: float = 0.2) -> None:
    """Write recordings named as kws record names them, by speaker."""
    for speaker, count in speakers.items():
        for number in range(count):
            record(folder / f"{speaker}-20260131T154500-{number + 1:03}.wav", seconds=seconds)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Write a dataset without problems: a word by eight speakers, speech by eight others."""
    record_speakers(tmp_path / "computer", {f"p{number}": 1 for number in range(8)})
    record_speakers(tmp_path / "_negative_", {f"n{number}": 1 for number in range(8)})
    return tmp_path


def names(clips: list[Clip]) -> list[str]:
    return [clip.path.name for clip in clips]


def partitions(clips: list[Clip]) -> dict[str, set[int]]:
    """Return the partitions of each speaker."""
    found: dict[str, set[int]] = {}
    for clip in clips:
        found.setdefault(clip.path.name.partition("-")[0], set()).add(clip.partition)
    return found


def test_a_folder_is_a_dataset(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record(
        *(tmp_path / "computer" / name for name in ("b.wav", "a.flac", "deeper/c.ogg", "d.WAV")),
        *(tmp_path / "smart_mirror" / f"{number}.wav" for number in range(4)),
        tmp_path / "_negative_" / "talk.flac",
        tmp_path / "_noise_" / "rain.wav",
        tmp_path / "_rooms_" / "hall.wav",
        tmp_path / ".cache" / "x.wav",
    )
    (tmp_path / "README").write_text("not a recording")
    dataset = from_folder(tmp_path)
    assert {k: names(v) for k, v in dataset.positives.items()} == {
        "computer": ["a.flac", "b.wav", "d.WAV", "c.ogg"],
        "smart mirror": ["0.wav", "1.wav", "2.wav", "3.wav"],
    }
    assert names(dataset.negatives) == ["talk.flac"]
    assert names(dataset.noise) == ["rain.wav"]
    assert names(dataset.impulse_responses) == ["hall.wav"]
    assert dataset.synthesis == Synthesis()
    assert all("voices that training knows" in line for line in caplog.messages)
    assert dataset.testable() == dataset


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])


def silent(path: Path) -> None:
    soundfile.write(path, np.zeros(SAMPLE_RATE, np.int16), SAMPLE_RATE)


def gone(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.wav")


def late(path: Path) -> None:
    """Silence, and damage after it."""
    soundfile.write(path, np.concatenate([np.zeros((70_000, 1), np.int16), sound(1)]), SAMPLE_RATE)
    cut(path)


@pytest.mark.parametrize(
    ("name", "spoil", "problem"),
    [
        ("x.wav", cut, "cut short, 645 bytes of its audio are missing"),
        ("x.flac", cut, "damaged or cut short after 0.00 s"),
        ("x.flac", late, "damaged or cut short after 5.12 s"),
        ("x.wav", lambda path: path.write_text("text"), "no audio that can be read"),
        ("x.ogg", lambda path: path.write_bytes(b""), "no audio that can be read"),
        ("x.wav", gone, "No such file or directory"),
        ("x.flac", silent, "no sound in it"),
        (
            "x.wav",
            lambda path: record(path, seconds=10.1),
            "10.1 s are too long for a keyword that",
        ),
        ("x.wav", lambda path: record(path, seconds=0.09), "0.09 s are too short for a keyword"),
        ("x.wav", lambda path: record(path, seconds=0), "holds no audio"),
    ],
)
def test_a_recording_that_cannot_be_used_is_left_out(
    root: Path,
    name: str,
    spoil: Callable[[Path], object],
    problem: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = root / "computer" / name
    record(path)
    spoil(path)
    dataset = from_folder(root)
    assert len(dataset.positives["computer"]) == 8
    assert name not in names(dataset.positives["computer"])
    (line,) = caplog.messages
    assert line.startswith(f"{path}: {problem}")
    assert line.endswith("; left out")
    assert "\n" not in line


def test_speech_and_noise_may_be_long_and_short(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record(root / "_noise_" / "a.flac", root / "_negative_" / "b.flac", seconds=11)
    record(root / "_noise_" / "c.wav", root / "_negative_" / "d.wav", seconds=0.05)
    dataset = from_folder(root)
    assert (len(dataset.noise), len(dataset.negatives)) == (2, 10)
    assert caplog.messages == []


def test_the_end_of_a_long_recording_is_inspected(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = root / "_negative_" / "talk.flac"
    record(path, seconds=30)
    cut(path)
    from_folder(root)
    assert caplog.messages[0].startswith(f"{path}: damaged or cut short after 2")


def test_other_rates_and_channels_are_reported_once_for_a_folder(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record(root / "computer" / "a.wav", root / "computer" / "b.flac", rate=44_100)
    record(root / "computer" / "c.wav", channels=2)
    record(root / "_noise_" / "a.wav", rate=8_000)
    dataset = from_folder(root)
    assert (len(dataset.positives["computer"]), len(dataset.noise)) == (11, 1)
    assert caplog.messages == [
        f"{root / folder}: {count} recordings are not 16 kHz mono; they are converted"
        for folder, count in (("computer", "3 of 11"), ("_noise_", "1 of 1"))
    ]


def test_empty_folders_are_left_out(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("jarvis", "_noise_", "_rooms_"):
        (root / name).mkdir()
    for path in (root / "_negative_").iterdir():
        silent(path)
    dataset = from_folder(root)
    assert list(dataset.positives) == ["computer"]
    assert (dataset.negatives, dataset.noise, dataset.impulse_responses) == ([], [], [])
    empty = [f"{root / name}: no audio files there; left out" for name in ("_noise_", "_rooms_")]
    assert caplog.messages[0] == f"{root / 'jarvis'}: no audio files there; left out"
    assert all(line.endswith("no sound in it; left out") for line in caplog.messages[1:9])
    nothing = f"{root / '_negative_'}: no recording that can be used; left out"
    assert caplog.messages[9:] == [nothing, *empty]


def test_without_negative_speech_it_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record_speakers(tmp_path / "computer", {f"p{number}": 1 for number in range(4)})
    dataset = from_folder(tmp_path)
    assert dataset.negatives == []
    assert caplog.messages == [
        f"{tmp_path}: no folder _negative_ with speech that is not the keyword"
    ]


def test_a_single_recording_serves_training_alone(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record(root / "jarvis" / "a.wav")
    dataset = from_folder(root)
    (clip,) = dataset.positives["jarvis"]
    assert clip.partition in range(PARTITIONS)
    assert dataset.testable().positives["jarvis"] == []
    assert caplog.messages == [f"{root / 'jarvis'}: a single recording; figures cannot be measured"]


def test_synthetic_speech_serves_training_alone(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    voices = ("espeak-ng_en", "flite_slt")
    for name in ("jarvis", "computer", "_negative_"):
        record(*(root / name / f"synth-{n}-{n}@{voice}.flac" for n in (1, 2) for voice in voices))
    dataset = from_folder(root)
    assert caplog.messages == []
    assert {len(dataset.positives[word]) for word in ("jarvis", "computer")} == {4, 12}
    for clips in (*dataset.positives.values(), dataset.negatives):
        for clip in clips:
            assert clip.testable != clip.path.name.startswith("synth-")
            assert clip.testable or clip.partition == partition_of(clip.path)
    testable = dataset.testable()
    assert (len(testable.positives["computer"]), len(testable.negatives)) == (8, 8)
    assert testable.positives["jarvis"] == []


@pytest.mark.parametrize(
    ("requested", "positives", "negatives"),
    [
        (["jarvis"], ["jarvis"], 16 + 4),
        (["smart_mirror", "computer"], ["smart mirror", "computer"], 8 + 4),
        (["smart mirror", "smart_mirror"], ["smart mirror"], 8 + 8 + 4),
        ([], ["computer", "jarvis", "smart mirror"], 8),
    ],
)
def test_words_that_are_not_requested_are_negatives(
    root: Path,
    requested: list[str],
    positives: list[str],
    negatives: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for word in ("jarvis", "smart_mirror"):
        record_speakers(root / word, {f"p{number}": 1 for number in range(4)})
    dataset = from_folder(root, requested)
    assert list(dataset.positives) == positives
    assert len(dataset.negatives) == negatives
    assert caplog.messages == []


def test_a_requested_word_that_is_missing(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    record_speakers(root / "smart_mirror", {f"p{number}": 1 for number in range(4)})
    there = r"; there are computer, smart mirror$"
    for requested, problem in (
        (["jarvis", "computer"], f"{root}: no folder of 'jarvis'"),
        (["a", "b"], f"{root}: no folder of 'a', no folder of 'b'"),
    ):
        with pytest.raises(KwsError, match=problem + there):
            from_folder(root, requested)
    assert caplog.messages == []
    dataset = from_folder(root, ["jarvis", "computer"], every=False)
    assert list(dataset.positives) == ["computer"]
    assert caplog.messages == [f"{root}: no folder of 'jarvis'"]
    with pytest.raises(KwsError, match=r"no folder of 'a', no folder of 'b'" + there):
        from_folder(root, ["a", "b"], every=False)


def test_a_requested_word_without_usable_recordings(root: Path) -> None:
    (root / "jarvis").mkdir()
    (root / "jarvis" / "1.wav").write_bytes(b"no audio")
    with pytest.raises(KwsError, match=r"no recording of 'jarvis' can be used \(.*1\.wav: "):
        from_folder(root, ["computer", "jarvis"])
    assert list(from_folder(root).positives) == ["computer"]
    assert list(from_folder(root, ["computer", "jarvis"], every=False).positives) == ["computer"]


@pytest.mark.parametrize(
    ("folders", "problem"),
    [
        (None, ": No such file or directory"),
        ([], ": no folder of recordings of a keyword"),
        (["_negative_"], ": no folder of recordings of a keyword"),
        (["computer"], r": no recording of a keyword can be used \(.*computer: no audio files th"),
        (["computer", "jarvis"], r": no recording .*computer: no audio.*; left out, and 1 more\)$"),
    ],
)
def test_a_folder_that_is_not_a_dataset(
    tmp_path: Path, folders: list[str] | None, problem: str
) -> None:
    root = tmp_path / "data"
    for folder in folders or []:
        (root / folder).mkdir(parents=True)
    if folders == []:
        root.mkdir()
    with pytest.raises(KwsError, match=problem) as error:
        from_folder(root)
    assert str(error.value).startswith(str(root))
    assert "\n" not in str(error.value)


def test_a_file_is_not_a_dataset(tmp_path: Path) -> None:
    record(tmp_path / "a.wav")
    with pytest.raises(KwsError, match=r"a\.wav: Not a directory"):
        from_folder(tmp_path / "a.wav")


def counts(dataset: Dataset, word: str) -> list[int]:
    clips = dataset.positives[word]
    return np.bincount([clip.partition for clip in clips], minlength=PARTITIONS).tolist()


def test_speakers_are_split_evenly_and_stay_together(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record_speakers(tmp_path / "computer", {f"p{n}": n for n in range(1, 10)})
    record_speakers(tmp_path / "jarvis", {f"p{n}": 1 for n in range(8)} | {"q1": 3, "q2": 3})
    record_speakers(tmp_path / "_negative_", {"p9": 1, "p1": 2, "n1": 3, "n2": 1})
    dataset = from_folder(tmp_path)
    assert caplog.messages == []
    assert sorted(counts(dataset, "computer")) == [3, 3, 4, 5, 6, 7, 8, 9]
    assert min(counts(dataset, "jarvis")) > 0
    both = partitions(
        [*dataset.positives["computer"], *dataset.positives["jarvis"], *dataset.negatives]
    )
    assert all(len(found) == 1 for found in both.values())
    assert both["p9"] == {0}
    assert from_folder(tmp_path) == dataset


def test_a_word_said_by_few_of_many_speakers_is_spread(tmp_path: Path) -> None:
    record_speakers(tmp_path / "computer", {f"p{n}": 10 for n in range(7)})
    record_speakers(tmp_path / "jarvis", {f"q{n}": 1 for n in range(8)})
    assert counts(from_folder(tmp_path), "jarvis") == [1] * PARTITIONS


def test_other_speakers_are_assigned_by_length(root: Path) -> None:
    record_speakers(root / "_negative_", {"p0": 1}, seconds=20)
    for number, seconds in enumerate((3, 9, 4, 8, 5, 7, 6)):
        record_speakers(root / "_negative_", {f"n{number}": 1}, seconds=seconds)
    dataset = from_folder(root)
    (long,) = (found for name, found in partitions(dataset.negatives).items() if name == "p0")
    others = {name: found for name, found in partitions(dataset.negatives).items() if name != "p0"}
    assert {p for found in others.values() for p in found} == set(range(PARTITIONS)) - long


def test_recordings_of_few_speakers_are_assigned_one_by_one(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record_speakers(root / "jarvis", {"anna": 9, "p1": 8, "p2": 1})
    dataset = from_folder(root)
    assert sorted(counts(dataset, "jarvis")) == [2] * 6 + [3] * 2
    assert all(len(found) == 1 for found in partitions(dataset.positives["computer"]).values())
    assert caplog.messages == [
        f"{root / 'jarvis'}: recordings of fewer than 4 speakers or sessions; figures are for"
        " voices that training knows"
    ]


def test_one_person_s_own_dataset_has_something_of_each_in_every_partition(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record_speakers(tmp_path / "computer", {"anna": 10})
    record_speakers(tmp_path / "_negative_", {"anna": 8})
    record_speakers(tmp_path / "_noise_", {"anna": 3})
    dataset = from_folder(tmp_path)
    assert min(counts(dataset, "computer")) == 1
    assert {clip.partition for clip in dataset.negatives} == set(range(PARTITIONS))
    assert [clip.partition for clip in dataset.noise] == [0, 1, 2]
    assert len(caplog.messages) == 1


def test_sessions_without_a_speaker_s_name_stay_together(tmp_path: Path) -> None:
    for day in range(1, 6):
        for number in (1, 2):
            record(tmp_path / "computer" / f"202601{day:02}T120000-{number:03}.wav")
    found = partitions(from_folder(tmp_path).positives["computer"])
    assert sorted(p for (p,) in found.values()) == list(range(5))


def test_files_that_name_no_speaker_and_sound_the_same_are_one_voice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Noise sounds like one session, which is too few: each is assigned for itself, with a line."""
    record(*(tmp_path / word / f"{n}.wav" for word in ("go", "_negative_") for n in range(8)))
    dataset = from_folder(tmp_path)
    assert dataset.speakers == {"go": 1}
    assert counts(dataset, "go") == [1] * PARTITIONS
    assert {clip.partition for clip in dataset.negatives} == set(range(PARTITIONS))
    (line,) = caplog.messages
    assert "voices that training knows" in line


def test_a_phrase_needs_no_recordings(tmp_path: Path, root: Path) -> None:
    assert for_phrase("Hey  Lumen") == Dataset({"hey lumen": []})
    of_speech = for_phrase("hey lumen", root)  # a dataset folder without the phrase
    assert (len(of_speech.positives["hey lumen"]), len(of_speech.negatives)) == (0, 16)
    known = for_phrase("Computer", root)
    assert len(known.positives["computer"]) == len(known.negatives) == 8
    with pytest.raises(KwsError, match="no keyword"):
        for_phrase("../x")


def test_a_folder_of_recordings_of_a_phrase(tmp_path: Path) -> None:
    record_speakers(tmp_path, {f"p{number}": 2 for number in range(8)})
    dataset = for_phrase("hey lumen", tmp_path)
    assert counts(dataset, "hey lumen") == [2] * PARTITIONS
    assert dataset.speakers == {"hey lumen": 8}
    assert dataset.negatives == []


def test_folders_of_other_words_are_not_recordings_of_a_phrase(tmp_path: Path) -> None:
    record(*(tmp_path / word / f"{n}.wav" for word in ("hey_lumenn", "alexa") for n in range(2)))
    problem = (
        "words: neither a folder hey_lumen nor recordings in it, but folders alexa, hey_lumenn"
    )
    with pytest.raises(KwsError, match=problem):
        for_phrase("hey lumen", tmp_path.rename(tmp_path.parent / "words"))


def test_partitions_of_a_dataset_are_disjoint_and_complete() -> None:
    clips = [Clip(Path(f"{n}.wav"), partition_of(Path(f"{n}.wav"))) for n in range(200)]
    dataset = Dataset({"computer": clips[:80]}, clips[80:150], clips[150:180], clips[180:])
    kept, held_out = dataset.partitions(range(6)), dataset.partitions([6, 7])
    for all_clips, *subsets in (
        (dataset.positives["computer"], *(d.positives["computer"] for d in (kept, held_out))),
        (dataset.negatives, kept.negatives, held_out.negatives),
        (dataset.noise, kept.noise, held_out.noise),
    ):
        assert {clip.partition for clip in subsets[0]} <= set(range(6))
        assert {clip.partition for clip in subsets[1]} <= {6, 7}
        assert sorted(names(all_clips)) == sorted(names(subsets[0]) + names(subsets[1]))
    assert kept.impulse_responses == held_out.impulse_responses == dataset.impulse_responses


def test_testable_leaves_out_speech_alone() -> None:
    clips = [Clip(Path("a.wav"), 0), Clip(Path("b.wav"), 0, testable=False)]
    dataset = Dataset({"computer": clips}, clips, clips, clips)
    testable = dataset.testable()
    assert testable.positives == {"computer": clips[:1]}
    assert testable.negatives == clips[:1]
    assert testable.noise == testable.impulse_responses == clips
