"""Shards of a dataset: read as its folder is, by kws and by others."""

from __future__ import annotations

import io
import json
import tarfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import kws
from conftest import skip_without
from short_recordings import record

from kws.audio.audio_file import AudioFile, read_audio
from kws.audio.tar_members import file_state, find_member, without_archive
from kws.config import SAMPLE_RATE
from kws.data.audio_files import audio_files
from kws.data.clips import clips_in, inspect
from kws.data.dataset import Dataset, from_folder
from kws.data.shards import write_shards
from kws.data.speech_commands import for_training, is_speech_commands
from kws.errors import KwsError
from kws.evaluation.condition_test import kinds_in


def nothing(*what: object) -> None:
    """Show no progress."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder of several formats, with subfolders, dots in names and a broken file."""
    root, random = tmp_path_factory.mktemp("dataset"), np.random.default_rng(1)

    def write(name: str, rate: int = SAMPLE_RATE, seconds: float = 0.5) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = random.normal(0, 900, round(seconds * rate)).astype(np.int16)
        soundfile.write(path, samples, rate)

    for speaker in ("anna", "bert", "carl", "dora"):
        write(f"hey_lumen/{speaker}-20260131T154500-001.wav")
        write(f"_negative_/books/{speaker}-20260131T154500-002.flac", seconds=2.0)
    write("_negative_/radio/news.of.today.wav", 48_000, 1.0)
    write("_negative_/radio/news_of_today.flac", seconds=1.1)
    write("_noise_/kitchen.flac", seconds=1.5)
    for name in ("rec.1.wav", "rec-1.wav", "take 3.5.wav", "a.wav", "a.flac"):
        write(f"_negative_/talks.2/{name}", seconds=0.7)
    (root / "_negative_" / "radio" / "broken.flac").write_bytes(b"fLaC")
    return root


@pytest.fixture(scope="module")
def shards(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("shards") / "lumen"
    done = write_shards(folder, output, 60_000, nothing)
    assert (done.recordings, done.left_out) == (16, 1)
    assert done.shards == len(list(output.rglob("*.tar"))) > 4
    return output


def content(dataset: Dataset) -> dict[str, list[tuple[bytes, int, bool]]]:
    """Samples, partition and use of the recordings by role, in order."""
    roles = {**dataset.positives, "negatives": dataset.negatives, "noise": dataset.noise}
    return {
        name: [(read_audio(c.path).tobytes(), c.partition, c.testable) for c in clips]
        for name, clips in roles.items()
    }


def test_a_folder_of_shards_is_the_folder_of_the_recordings(folder: Path, shards: Path) -> None:
    original, sharded = from_folder(folder), from_folder(shards)
    assert content(sharded) == content(original)
    assert sharded.speakers == original.speakers
    kinds = kinds_in(shards / "_negative_", [clip.path for clip in sharded.negatives])
    assert sorted(kinds) == ["books", "radio", "talks.2"]


def test_a_partition_by_the_name_is_that_of_the_name_before(folder: Path, shards: Path) -> None:
    original = [c for c in clips_in(folder / "_negative_") if c.path.name != "broken.flac"]
    sharded = clips_in(shards / "_negative_")
    assert [c.partition for c in sharded] == [c.partition for c in original]
    names = [without_archive(c.path).relative_to(shards) for c in sharded]
    assert names == [c.path.relative_to(folder) for c in original]


def test_a_file_in_a_shard_is_read_where_it_lies(shards: Path) -> None:
    path = audio_files(shards / "hey_lumen")[0]
    assert path.parent.suffix == ".tar"
    assert without_archive(path) == shards / "hey_lumen" / "anna-20260131T154500-001.wav"
    assert inspect(path).seconds == 0.5
    with AudioFile(path) as recording:
        assert recording.name == str(path)
    member = find_member(path)
    assert member
    assert file_state(path)[0] == member.end - member.start < file_state(path.parent)[0]
    missing = path.with_name("nobody.flac")
    with pytest.raises(KwsError, match="nobody"):
        read_audio(missing)


def test_shards_of_shards_are_the_same(folder: Path, shards: Path, tmp_path: Path) -> None:
    write_shards(shards, tmp_path / "again", 1e9, nothing)
    assert content(from_folder(tmp_path / "again")) == content(from_folder(folder))


def test_names_of_others_descriptions_are_not_believed(tmp_path: Path) -> None:
    """A shard's description restores dots and the ending of a name, nothing else."""
    audio = io.BytesIO()
    soundfile.write(audio, np.arange(800, dtype=np.int16), SAMPLE_RATE, format="FLAC")
    for text in (
        "[]",
        "{",
        '{"file": 1}',
        '{"file": "/etc/a.wav"}',
        '{"file": "../a.wav"}',
        "9" * 9,
    ):
        archive = tmp_path / f"{len(text)}.tar"
        with tarfile.open(archive, "w") as opened:
            for name, data in (("a.flac", audio.getvalue()), ("a.json", text.encode())):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                opened.addfile(member, io.BytesIO(data))
        assert without_archive(archive / "a.flac") == tmp_path / "a.flac"


def test_all_of_a_dataset_is_carried_along_or_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Google Speech Commands keeps its split; transcripts keep their place."""
    source, output = tmp_path / "source", tmp_path / "shards"
    speakers = [f"{number:08x}_nohash_0.wav" for number in range(8)]
    record(*(source / word / name for word in ("go", "stop") for name in speakers))
    record(source / "_background_noise_" / "hum.wav", source / "_old_" / "a.wav")
    (source / "testing_list.txt").write_text(f"go/{speakers[0]}\nstop/{speakers[0]}\n")
    (source / "validation_list.txt").write_text(f"go/{speakers[1]}\nstop/{speakers[1]}\n")
    (source / "stop" / "index.tsv").write_text("file\ttext\n")
    for name in ("README.md", "go/notes.txt", ".hidden"):
        (source / name).write_text("read")
    write_shards(source, output, 1e6, nothing)
    lines = [r.message for r in caplog.records if "not carried along" in r.message]
    assert lines == [
        f"{source}: not carried along: README.md, _old_",
        f"{source / 'go'}: not carried along: notes.txt",
    ]
    assert (output / "stop" / "index.tsv").exists()
    assert is_speech_commands(output)
    original, sharded = (for_training(folder, ["go"]) for folder in (source, output))
    assert len(original.positives["go"]) == 7
    assert content(sharded) == content(original)


def test_others_read_the_shards(folder: Path, shards: Path) -> None:
    skip_without("webdataset", find_spec("webdataset"))
    import webdataset

    urls = [str(path) for path in sorted(shards.rglob("*.tar"))]
    samples = list(webdataset.WebDataset(urls, shardshuffle=False))
    assert len(samples) == 16
    for sample in samples:
        values = json.loads(sample["json"])
        audio, rate = soundfile.read(io.BytesIO(sample["flac"]), dtype="int16")
        assert rate == values["sample_rate"] == SAMPLE_RATE
        assert len(audio) == values["samples"]
        original = folder / values["label"] / values["file"]
        assert np.array_equal(audio, read_audio(original))
    assert {json.loads(sample["json"])["speaker"] for sample in samples} >= {"anna", "bert", None}


def test_archives_of_others_are_read_and_hostile_names_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = io.BytesIO()
    soundfile.write(content, np.arange(8000, dtype=np.int16), SAMPLE_RATE, format="WAV")
    with tarfile.open(tmp_path / "theirs.tar", "w") as archive:
        for name in ("a/one.wav", "../outside.wav", "/root.wav", "._one.wav", "_hidden.wav"):
            member = tarfile.TarInfo(name)
            member.size = content.getbuffer().nbytes
            archive.addfile(member, io.BytesIO(content.getvalue()))
        link = tarfile.TarInfo("link.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    (tmp_path / "text.tar").write_text("no archive" * 200)
    whole = (tmp_path / "theirs.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:9000])
    (path,) = audio_files(tmp_path)
    assert path == tmp_path / "theirs.tar" / "a" / "one.wav"
    assert np.array_equal(read_audio(path), np.arange(8000))
    lines = [record.message for record in caplog.records]
    assert sum("an archive that cannot be read" in line for line in lines) == 2


def test_the_command(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done = kws("data", "shard", folder, "--output", output, "--megabytes", "0.1")
    assert done.returncode == 0
    assert done.stdout.startswith(f"wrote {output}: 16 recordings in ")
    assert done.stdout.rstrip().endswith(" MB, 1 left out")
    assert "broken.flac" in done.stderr
    again = kws("data", "shard", folder, "--output", output)
    assert again.returncode == 1
    assert again.stderr == f"kws: error: {output}: is there already; choose another folder\n"
    (tmp_path / "empty").mkdir()
    none = kws("data", "shard", tmp_path / "empty", "--output", tmp_path / "none")
    assert none.returncode == 1
    assert none.stderr == f"kws: error: {tmp_path / 'empty'}: no recording that can be read\n"
    assert not (tmp_path / "none").exists()
