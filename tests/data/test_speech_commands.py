"""Test Google Speech Commands as a dataset: its layout, its lists, its rule for speakers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import ROOT

from kws.config import SAMPLE_RATE
from kws.data.clips import PARTITIONS
from kws.data.dataset import Dataset
from kws.data.speech_commands import (
    Subset,
    for_training,
    is_speech_commands,
    subset_by_hash,
)
from kws.errors import KwsError

REAL = ROOT.parent / "shared" / "data" / "speech_commands"
WORDS = ["down", "go", "left", "right", "up"]

# Speakers in the lists of the complete archive.
LISTED = {
    Subset.VALIDATION: (
        "a69b9b3e 439c84f4 409c962a dbaf8fc6 a6d586b7 0e17f595 ff2b842e 7fd25f7c 3cc595de 591d32f3"
    ),
    Subset.TESTING: (
        "bb05582b 97f4c236 f2e59fea fdb5155e dc75148d 3f170018 18f8afd5 e1469561 5c8af87a aa48c94a"
    ),
}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Write three words of six speakers, two for each subset by the rule."""
    names = iter(f"{number:08x}" for number in range(10_000))
    by_side: dict[Subset, list[str]] = {side: [] for side in Subset}
    while min(map(len, by_side.values())) < 2:
        name = next(names)
        by_side[subset_by_hash(f"{name}_nohash_0.wav")].append(name)
    for word in ("go", "stop", "yes"):
        for speakers in by_side.values():
            for speaker in speakers[:2]:
                path = tmp_path / word / f"{speaker}_nohash_0.wav"
                record(path)
    record(tmp_path / "_background_noise_" / "hum.wav")
    return tmp_path


def record(path: Path, seconds: float = 0.2) -> None:
    path.parent.mkdir(exist_ok=True)
    noise = np.random.default_rng(1).integers(-999, 999, round(seconds * SAMPLE_RATE))
    soundfile.write(path, noise.astype(np.int16), SAMPLE_RATE)


def names(clips):
    return sorted(clip.path.name for clip in clips)


@pytest.mark.parametrize("side", LISTED)
def test_the_rule_is_the_one_of_the_lists(side):
    for speaker in LISTED[side].split():
        assert subset_by_hash(f"{speaker}_nohash_0.wav") is side
        assert subset_by_hash(f"{speaker}_nohash_4.flac") is side


def test_the_rule_gives_a_tenth_to_each():
    sides = [subset_by_hash(f"{number:08x}_nohash_1.wav") for number in range(5000)]
    for side in (Subset.VALIDATION, Subset.TESTING):
        assert sides.count(side) / len(sides) == pytest.approx(0.1, abs=0.02)


def side(dataset: Dataset, validation: bool) -> list[str]:
    """Names of the recordings of "go" for validation, or for training."""
    return names(clip for clip in dataset.positives["go"] if (clip.partition == 0) == validation)


def test_lists_go_before_the_rule(made):
    files = sorted(path.name for path in (made / "go").iterdir())
    (made / "validation_list.txt").write_text("".join(f"go/{name}\n" for name in files[:3]))
    (made / "testing_list.txt").write_text(f"go/{files[3]}\nstop/{files[0]}\nyes/gone.wav\n")
    dataset = for_training(made, ["go"])
    assert side(dataset, validation=True) == files[:3]
    assert side(dataset, validation=False) == files[4:]
    others = sorted(clip.path.name for clip in dataset.negatives if clip.path.parent.name == "stop")
    assert others == files[1:]


def test_one_list_alone_says_too_little(made):
    by_rule = for_training(made, ["go"])
    held_back = side(by_rule, validation=False)
    (made / "validation_list.txt").write_text("".join(f"go/{name}\n" for name in held_back))
    assert for_training(made, ["go"]) == by_rule


def test_lists_and_folders_that_cannot_be_read(made):
    (made / "validation_list.txt").write_bytes(b"\xff\xfe\xff")
    (made / "testing_list.txt").write_text("")
    with pytest.raises(KwsError, match=r"validation_list\.txt: not text in UTF-8"):
        for_training(made, ["go"])
    with pytest.raises(KwsError, match="nowhere: No such file or directory"):
        for_training(made / "nowhere", ["go"])


def test_one_dataset_holds_training_and_validation(made, caplog):
    for number in range(1, 6):
        record(made / "_background_noise_" / f"{number}.wav", 0.2 + number)
    dataset = for_training(made, ["yes", "go"])
    assert list(dataset.positives) == ["yes", "go"]
    for clips in (*dataset.positives.values(), dataset.negatives):
        assert len(clips) == 4
        for clip in clips:
            side = subset_by_hash(clip.path.name)
            assert side is (Subset.TRAINING if clip.partition else Subset.VALIDATION)
            assert clip.partition in range(PARTITIONS)
    partitions = {clip.path.name: clip.partition for clip in dataset.negatives}
    assert all(partitions[clip.path.name] == clip.partition for clip in dataset.positives["go"])
    assert [(clip.path.name, clip.partition) for clip in dataset.noise if clip.partition == 0] == [
        ("5.wav", 0)
    ]
    assert sorted(clip.partition for clip in dataset.noise) == list(range(6))
    assert caplog.messages == []


def test_what_cannot_be_used_of_it_is_reported(made, caplog):
    clips = for_training(made, ["go"]).positives["go"]
    broken, *_ = (clip.path for clip in clips if clip.partition)
    broken.write_bytes(broken.read_bytes()[:3000])
    (made / "empty").mkdir()
    caplog.clear()
    dataset = for_training(made, ["go"])
    assert len(dataset.positives["go"]) == 3
    cut, empty = caplog.messages
    assert cut.startswith(f"{broken}: cut short")
    assert empty == f"{made / 'empty'}: no audio files there; left out"


@pytest.mark.parametrize(
    ("validation", "problem"),
    [
        (True, "none for validation; figures cannot be measured"),
        (False, "no recording for training"),
    ],
)
def test_a_keyword_with_one_side_alone(made, validation, problem, caplog):
    for name in side(for_training(made, ["go"]), validation):
        (made / "go" / name).unlink()
    caplog.clear()
    if validation:
        assert list(for_training(made, ["go", "yes"]).positives) == ["go", "yes"]
        assert caplog.messages == [f"{made / 'go'}: {problem}"]
    else:
        with pytest.raises(KwsError, match=f"go: {problem}$"):
            for_training(made, ["go", "yes"])


def test_a_keyword_without_recordings_is_reported_once(made, caplog):
    (made / "jump").mkdir()
    dataset = for_training(made, ["go", "stop", "yes"])
    assert list(dataset.positives) == ["go", "stop", "yes"]
    assert caplog.messages == [
        f"{made / 'jump'}: no audio files there; left out",
        f"{made}: no recordings of words that are no keywords",
    ]
    with pytest.raises(KwsError, match=r"no recording of 'jump' can be used \(.*jump: no audio"):
        for_training(made, ["go", "jump"])


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ([], "--keywords must say which of its words: go, stop, y"),
        (["jump"], "'jump'; there are go, stop, y"),
        (["go", "jump"], "no folder of 'jump'; there are go, stop, y"),
    ],
)
def test_nothing_to_train(made, keywords, message):
    with pytest.raises(KwsError, match=message):
        for_training(made, keywords)


def test_the_layout_is_known_by_its_noise(made):
    assert is_speech_commands(made)
    (made / "_negative_").mkdir()
    assert not is_speech_commands(made)
    assert not is_speech_commands(made / "go")


@pytest.mark.slow
def test_the_real_one():
    if not REAL.is_dir():
        pytest.skip("../shared/data/speech_commands is not here")
    assert is_speech_commands(REAL)
    dataset = for_training(REAL, WORDS)
    for word in WORDS:
        training, validation = (
            [clip for clip in dataset.positives[word] if (clip.partition == 0) == side]
            for side in (False, True)
        )
        speakers = [{c.path.name.split("_")[0] for c in clips} for clips in (training, validation)]
        assert not speakers[0] & speakers[1]
        # Speakers whose hash is for testing are not in this subset.
        assert len(training) + len(validation) == len(list((REAL / word).iterdir()))
        assert len(training) > 4 * len(validation) > 0
    assert len(dataset.noise) == 6
