"""A file is the former one or the new one, whatever breaks off the writing."""

from __future__ import annotations

import errno
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from command_line import ROOT
from waiting import PATIENCE

from kws.atomic_write import replacing, write_atomically

# A module that writes in another way, and why that loses nothing.
OTHER_WRITERS = {
    "kws/atomic_write.py": "writes atomically",
    "kws/audio/kept_files.py": "encodes in memory",
    "kws/audio/encode.py": "encodes in memory",
    "kws/audio/piped_file.py": "a temporary file",
    "kws/data/shards.py": "writes into a folder that is renamed",
    "kws/data/download.py": "resumes a .part, unpacks into a folder that is renamed",
    "kws/evaluation/figures.py": "writes into memory",
    "kws/evaluation/report.py": "writes what replacing() yields",
    "kws/recorder/take.py": "writes what replacing() yields",
    "kws/studio/job_process.py": "a log, which may be cut short",
    "kws/studio/review_page.py": "moves a clip, whole, between folders",
    "kws/training/array_store.py": "writes into a folder that is renamed",
    "kws/training/checkpoint.py": "encodes in memory",
    "kws/training/held_out_speech.py": "renames a folder",
    "kws/training/prepare.py": "renames a folder",
    "kws/training/shared_objects.py": "into a temporary folder",
    "kws/training/workers.py": "progress, which may be cut short",
    "kws/tts/espeak_words.py": "into a temporary folder",
    "kws/tts/ipa.py": "into a temporary folder",
    "kws/tts/utterances.py": "writes what replacing() yields",
    "kws/tts/voices.py": "into a temporary folder",
    "kws/tts/word_times.py": "into a temporary folder",
}
WRITES = re.compile(
    r"""\.write_(text|bytes)\(|open\((?!os\.devnull)[^)\n]*["'][wax]|soundfile\.write\(|SoundFile\([^)\n]*["']w"""
    r"""|np\.save|\.rename\(|os\.replace\("""
)
FAULTS = ("fsync", "replace", "open")
FORMER, NEW = "former", "new " * 5000


def full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_new_content_replaces_the_former(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for content in (FORMER, NEW, b"\xff\n"):
        write_atomically(path, content)
        assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_leaves_the_former_content_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(FORMER)
    with monkeypatch.context() as patch:
        patch.setattr(os, fault, full_disk)
        with pytest.raises(OSError, match="No space"):
            write_atomically(path, NEW)
    assert path.read_text() == FORMER
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_leaves_the_former_content_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(FORMER)

    def interrupted() -> None:
        with replacing(path) as unfinished:
            unfinished.write_text(NEW)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == FORMER
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("seed", range(4))
def test_a_file_that_may_not_grow_leaves_the_former_one(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "a.txt"
    path.write_text(FORMER)
    limit = random.Random(seed).randrange(len(NEW))
    program = f"""if True:
        import resource
        from pathlib import Path
        from kws.atomic_write import write_atomically
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        write_atomically(Path({str(path)!r}), {NEW!r})"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "File too large" in done.stderr
    assert path.read_text() == FORMER
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a" * 255, "ж" * 127, ".hidden", "a b"])
def test_any_name(tmp_path: Path, name: str) -> None:
    write_atomically(tmp_path / name, NEW)
    assert (tmp_path / name).read_text() == NEW


def test_threads_that_write_names_of_one_end_do_not_mix_them_up(tmp_path: Path) -> None:
    paths = [tmp_path / (text + "-0@voice" * 8) for text in "abcdefgh"]
    together = Barrier(len(paths), timeout=PATIENCE)

    def write(path: Path) -> None:
        with replacing(path) as unfinished:
            unfinished.write_text(path.name)
            together.wait()

    with ThreadPoolExecutor(len(paths)) as threads:
        list(threads.map(write, paths))
    assert [path.read_text() for path in paths] == [path.name for path in paths]


def test_links_modes_and_devices_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text(FORMER)
    target.chmod(0o640)
    link.symlink_to(target)
    write_atomically(link, NEW)
    assert link.is_symlink()
    assert target.read_text() == NEW
    assert target.stat().st_mode & 0o777 == 0o640
    write_atomically(Path(os.devnull), NEW)
    assert not Path(os.devnull).is_file()


def test_a_file_that_is_mounted_by_itself_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    path = tmp_path / "a.txt"
    path.write_text(FORMER)
    monkeypatch.setattr(os, "replace", busy)
    write_atomically(path, NEW)
    assert path.read_text() == NEW
    assert list(tmp_path.iterdir()) == [path]


def break_off_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process fail as if killed at its `count`-th replacement of a file."""
    replace: Callable[..., None] = os.replace
    left = count

    def counted(*paths: str) -> None:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        replace(*paths)

    monkeypatch.setattr(os, "replace", counted)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], bool]:
    """Return a function that does work, breaks it off at a write, and says whether it ended."""

    def run(count: int, work: Callable[[], object]) -> bool:
        with monkeypatch.context() as patch:
            break_off_after(count, patch)
            try:
                work()
            except KeyboardInterrupt:
                return False
        return True

    return run


def test_an_export_accepts_what_a_killed_one_left(
    tmp_path: Path, interrupted: Callable[[int, Callable[[], object]], bool]
) -> None:
    from kws.errors import KwsError
    from kws.export.exported_folder import write

    old = {"a.h": "1\n", "src/b.c": "2\n", "c.txt": "3\n"}
    new = {name: text * 2 for name, text in old.items()}
    for first in (None, old):
        for count in range(9):
            folder = tmp_path / f"{first is None}{count}"
            if first:
                write(folder, first)
            if interrupted(count, lambda folder=folder: write(folder, new)):  # type: ignore[misc]
                break
            write(folder, new)
            assert {name: (folder / name).read_text() for name in new} == new
            assert len((folder / "kws_export.sha256").read_text().splitlines()) == 1 + len(new)
            (folder / "a.h").write_text("changed")
            with pytest.raises(KwsError, match="changed since"):
                write(folder, new)
        else:
            pytest.fail("it never ends")


def test_every_file_that_a_command_leaves_is_written_atomically() -> None:
    writers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "kws").rglob("*.py")
        if WRITES.search(path.read_text())
    }
    assert writers <= set(OTHER_WRITERS), "use kws.atomic_write, or say why not"


def test_a_full_disk_at_the_end_of_a_training_leaves_the_last_model_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kws.errors import KwsError
    from kws.model_file import ModelFile
    from kws.training import pipeline

    model = ModelFile.load()
    output = tmp_path / "my.tflite"
    output.write_text(FORMER)
    monkeypatch.setattr(pipeline, "run_jobs", lambda *_: [model.content])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.raises(KwsError, match=r"my\.tflite: No space left on device"):
            pipeline.write_model(output, model, model.config, tmp_path / "log")
    assert output.read_text() == FORMER
    pipeline.write_model(output, model, model.config, tmp_path / "log")
    assert output.read_bytes() == model.content
