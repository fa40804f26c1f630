"""Keep what set it off: the audio around detections and near misses, bounded, never in the way."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from block_source import BlockSource
from command_line import KEYWORDS, SAMPLES, all_keywords, kws, refused
from conftest import skip_without
from full_disk import full_disk
from waiting import PATIENCE, wait_until

from kws.audio import kept_files
from kws.audio.keep import AFTER, BEFORE, Keeper, KeptClip
from kws.audio.kept_files import INDEX, KeptFiles, keeper
from kws.audio.raw_stream import RawStream
from kws.audio.switched_source import SwitchedSource
from kws.backend import Spotter
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.posterior import Detection
from kws.process_lock import locked

WAV = ("listen", "--wav", SAMPLES / "all_keywords.flac")


def entries(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / INDEX).read_text("utf-8").splitlines()]


def clip(keyword: str = "computer", seconds: float = 0.1) -> KeptClip:
    samples = np.random.default_rng(0).integers(-999, 999, round(seconds * SAMPLE_RATE))
    return KeptClip(samples.astype(np.int16), Detection(40_000, keyword, 0.9), 0.8, False)


def test_the_audio_around_each_detection_is_kept(tmp_path):
    folder = tmp_path / "new" / "kept"
    process = kws(*WAV, "--keep", folder, "--keep-near", "1", "--json")
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout == kws(*WAV, "--json").stdout
    found = [json.loads(line) for line in process.stdout.splitlines()]
    for entry, detection in zip(entries(folder), found, strict=True):
        assert {key: entry[key] for key in ("time", "keyword", "confidence")} == {
            key: detection[key] for key in ("time", "keyword", "confidence")
        }
        assert (entry["kind"], entry["model"]) == ("detection", "home")
        samples, rate = soundfile.read(folder / entry["file"], dtype="int16")
        end = round(entry["time"] * SAMPLE_RATE)
        expected = all_keywords()[max(0, end - BEFORE) : end + AFTER]
        assert rate == SAMPLE_RATE
        assert np.array_equal(samples, expected)
        assert entry["seconds"] == round(len(samples) / SAMPLE_RATE, 3)
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == sorted(
        [INDEX, *(entry["file"] for entry in entries(folder))]
    )
    # Into these a person moves clips, which is how they are marked.
    folders = {path.name for path in folder.iterdir() if path.is_dir()}
    assert folders == {"computer", "jarvis", "alexa", "smart_mirror", "_negative_"}


def test_near_misses_are_kept_and_detections_are_not_near_misses(tmp_path):
    process = kws(*WAV, "--keep", tmp_path, "--threshold", "alexa=1", "--threshold", "jarvis=1")
    assert process.returncode == 0
    kinds = sorted((entry["keyword"], entry["kind"]) for entry in entries(tmp_path))
    assert kinds == [
        ("alexa", "near miss"),
        ("computer", "detection"),
        ("jarvis", "near miss"),
        ("smart mirror", "detection"),
    ]


def kept_of(samples: np.ndarray, blocks: Iterator[int], spotter: Spotter) -> list[KeptClip]:
    """Return what is kept of a stream in blocks of any lengths."""
    kept: list[KeptClip] = []
    keep = Keeper(spotter, 1.0, kept.append)
    spotter.reset()
    at = 0
    while at < len(samples):
        block = samples[at : at + next(blocks)]
        at += len(block)
        for detection in spotter.push(block):
            keep.detected(detection)
        keep.on_block(block)
    keep.flush()
    return kept


def test_the_division_into_blocks_changes_no_clip():
    spotter, draw = Spotter("home"), random.Random(0)
    whole = kept_of(all_keywords(), iter([len(all_keywords())]), spotter)
    assert [each.found.keyword for each in whole] == KEYWORDS
    for longest in (500, 2000, 64_000):
        cut = kept_of(all_keywords(), iter(lambda m=longest: draw.randint(1, m), 0), spotter)
        assert [each.found for each in cut] == [each.found for each in whole]
        for a, b in zip(cut, whole, strict=True):
            assert np.array_equal(a.samples, b.samples)


def test_the_oldest_are_removed_and_files_of_others_stay(tmp_path):
    (tmp_path / "mine.flac").write_bytes(b"mine")
    for _ in range(2):  # the second goes on where the first ended
        files = KeptFiles(tmp_path, "home", max_clips=3)
        for _ in range(4):
            files.keep(clip())
        files.close()
    names = [entry["file"] for entry in entries(tmp_path)]
    assert len(names) == len(set(names)) == 3
    assert {path.name for path in tmp_path.iterdir()} == {INDEX, "mine.flac", *names}


def test_the_size_of_all_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_files, "MAX_BYTES", 20_000)
    files = KeptFiles(tmp_path, "home")
    for _ in range(10):
        files.keep(clip())
    files.close()
    sizes = [path.stat().st_size for path in tmp_path.glob("*.flac")]
    assert 1 < len(sizes) < 10
    assert sum(sizes) <= 20_000


def test_an_index_that_was_changed_removes_nothing_else(tmp_path):
    outside = tmp_path / "outside.flac"
    outside.write_bytes(b"x")
    folder = tmp_path / "kept"
    folder.mkdir()
    lines = ['{"file": "../outside.flac", "bytes": 1}', "[1", "7", '{"file": 3}', '{"bytes": "x"}']
    lines += ['{"file": "/etc/hosts"}', "[" * 3000, "\ud800"]
    (folder / INDEX).write_bytes("\n".join(lines).encode("utf-8", "replace"))
    files = KeptFiles(folder, "home", max_clips=1)
    files.keep(clip())
    files.close()
    assert outside.exists()
    assert len(entries(folder)) == 1


def test_names_of_keywords_are_safe_names_of_files(tmp_path):
    files = KeptFiles(tmp_path, "home")
    names = ["../../x", "a\nb", "собака", "x" * 300, "\0", "हिन्दी"]
    for name in names:
        files.keep(clip(name))
    files.close()
    assert [entry["keyword"] for entry in entries(tmp_path)] == names
    assert len(list(tmp_path.glob("*.flac"))) == len(names)


def test_a_slow_disk_does_not_hold_listening(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(kept_files, "WAITING", 2)
    monkeypatch.setattr(kept_files, "CLOSE_SECONDS", 0.2)
    files, written, goes_on = KeptFiles(tmp_path, "home"), [], threading.Event()
    monkeypatch.setattr(files, "_write", lambda clip: written.append(goes_on.wait(PATIENCE)))
    for _ in range(50):
        files.keep(clip())
    slow = f"{tmp_path}: the disk is too slow, clips are left out"
    assert caplog.messages == [f"{slow}; listening goes on"]
    files.close()
    assert written == []  # nobody waited for it
    assert caplog.messages[1:] == [f"{slow}; 50 clips are not kept"]
    goes_on.set()


def test_a_disk_that_is_slow_now_and_then_is_one_line_and_a_number(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(kept_files, "WAITING", 1)
    files, written = KeptFiles(tmp_path, "home"), threading.Semaphore(0)
    monkeypatch.setattr(files, "_write", lambda clip: written.acquire(timeout=PATIENCE))
    for _ in range(3):
        for _ in range(4):  # one is written, one waits, two at least are left out
            files.keep(clip())
        for _ in range(2):
            written.release()
        wait_until(lambda: files._taken == files._done)
    files.close()
    missing = 12 - files._taken
    assert missing >= 6
    assert [line.rpartition("; ")[2] for line in caplog.messages] == [
        "listening goes on",
        f"{missing} clips are not kept",
    ]


@pytest.mark.parametrize("live", [False, True])
def test_a_file_and_a_pipe_wait_for_the_disk(tmp_path, monkeypatch, caplog, live):
    monkeypatch.setattr(kept_files, "WAITING", 1)
    source = SwitchedSource(RawStream(io.BytesIO())) if live else BlockSource([])
    source.live = live
    with keeper(Spotter("home"), "home", source, tmp_path, 0.5, 100) as keep:
        for _ in range(20):
            keep._keep(clip())
    assert len(entries(tmp_path)) == 20
    assert caplog.messages == []


def test_a_file_whose_clips_the_disk_does_not_take_in_time_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_files, "CLOSE_SECONDS", 0.2)
    files, goes_on = KeptFiles(tmp_path, "home", live=False), threading.Event()
    monkeypatch.setattr(files, "_write", lambda clip: goes_on.wait(PATIENCE))
    for _ in range(3):
        files.keep(clip())
    files.close()
    with pytest.raises(KwsError, match="too slow, clips are left out; 3 clips are not kept"):
        files.require_all()
    goes_on.set()


@pytest.mark.parametrize("live", [False, True])
def test_a_full_disk_is_one_line_and_listening_goes_on(tmp_path, live):
    skip_without("RLIMIT_FSIZE", os.name == "posix")

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    with (tmp_path / "samples").open("w+b") as samples:
        samples.write(all_keywords().tobytes())
        samples.seek(0)
        source = ("listen", "--stdin") if live else WAV
        folder = tmp_path / "kept"
        more = {"preexec_fn": small_disk, "stdin": samples}
        process = kws(*source, "--keep", folder, "--json", **more)
    assert process.returncode == (0 if live else 1), "less was done than asked"
    assert [json.loads(line)["keyword"] for line in process.stdout.splitlines()] == KEYWORDS
    if live:
        first, last = process.stderr.splitlines()[1:]  # the one before says what is listened to
        assert first == f"kws: {folder}: File too large; listening goes on"
        assert last == f"kws: {folder}: File too large; 4 clips are not kept"
    else:
        assert process.stderr == f"kws: error: {folder}: File too large; 4 clips are not kept\n"
    assert not [path for path in folder.iterdir() if path.is_file()]


def test_a_folder_is_kept_in_by_one_process(tmp_path):
    with locked(tmp_path / ".kws.lock", "test"):
        message = refused(kws(*WAV, "--keep", tmp_path))
    assert message.startswith(f"{tmp_path}: another kws")


def test_a_disk_that_is_full_from_the_start_does_not_hold_listening(tmp_path):
    with full_disk(tmp_path, 8) as disk:
        (disk / "rest").write_bytes(bytes(4096))
        process = kws(*WAV, "--keep", disk)
        assert process.returncode == 1
        (line,) = process.stderr.splitlines()
        assert line.startswith(f"kws: error: {disk}")
        assert "No space left on device" in line
        with (tmp_path / "samples").open("w+b") as samples:
            samples.write(all_keywords().tobytes())
            samples.seek(0)
            process = kws("listen", "--stdin", "--keep", disk, stdin=samples)
    assert (process.returncode, len(process.stdout.splitlines())) == (0, len(KEYWORDS))
    *lines, last = process.stderr.splitlines()[1:]
    assert all(line.endswith("No space left on device; listening goes on") for line in lines)
    assert 1 <= len(lines) <= 2
    assert last == f"kws: {disk}: No space left on device; 4 clips are not kept"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    message = refused(kws(*WAV, "--keep", tmp_path / "file" / "kept"))
    assert message == f"{tmp_path / 'file' / 'kept'}: Not a directory"


def test_a_board_sends_no_audio():
    assert kws("listen", "--ble", "--keep", "x").returncode == 2


def test_nothing_is_kept_without_a_folder():
    with keeper(Spotter("home"), "home", BlockSource([]), None, 0.5, 1) as nothing:
        on_block = print
        assert nothing.then(on_block) is on_block
        nothing.detected(replace(clip().found, sample=1))
