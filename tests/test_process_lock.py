"""Test that one process at a time holds a lock, and that death releases it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kws.errors import KwsError
from kws.process_lock import holder_of, locked

HOLD = """
import sys
from pathlib import Path
from kws.process_lock import locked
with locked(Path(sys.argv[1]), "it"):
    print("locked", flush=True)
    sys.stdin.read()
"""
COUNT = """
import sys, time
from pathlib import Path
from kws.errors import KwsError
from kws.process_lock import locked
lock, inside = Path(sys.argv[1]), Path(sys.argv[2])
done = 0
while done < 30:
    try:
        with locked(lock, "it"):
            inside.touch(exist_ok=False)
            inside.unlink()
            done += 1
    except KwsError:
        time.sleep(0.001)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    """Start a process that holds a lock."""
    command = [sys.executable, "-c", HOLD, str(path)]
    process = subprocess.Popen(command, stdin=-1, stdout=-1, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


def test_another_process_is_one_line_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = holder(path)
    message = rf"it: another kws \(process {process.pid}\) works on it"
    with pytest.raises(KwsError, match=message), locked(path, "it"):
        pass
    process.communicate("")
    with locked(path, "it"):
        assert path.exists()
    assert not path.exists()


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = holder(path)
    process.kill()
    process.communicate()
    assert path.exists()
    with locked(path, "it"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="locks that are shared")
def test_who_looks_at_what_a_killed_process_left_is_no_holder(tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / "lock"
    path.write_text("1")
    with path.open() as another:
        fcntl.flock(another, fcntl.LOCK_SH)  # as holder_of() in another thread or process
        assert holder_of(path) is None


def test_a_failed_block_holds_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), locked(tmp_path / "lock", "it"):
            raise ZeroDivisionError


def test_what_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(KwsError, match="No such file"), locked(tmp_path / "no" / "lock", "it"):
        pass


def test_several_processes_are_never_inside_together(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COUNT, str(tmp_path / "lock"), str(tmp_path / "inside")]
    processes = [subprocess.Popen(command, stderr=-1, text=True) for _ in range(3)]
    assert [process.communicate()[1] for process in processes] == [""] * 3
    assert [process.returncode for process in processes] == [0] * 3
