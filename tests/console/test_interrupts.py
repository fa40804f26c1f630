"""Test that an interrupt waits for an import, which may swallow it, and for a lock."""

from __future__ import annotations

import signal
import sys

import pytest
from running_actions import fresh_python

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals to a process")

MODULE = """
import signal, time
signal.raise_signal({number})
time.sleep(0.1)  # longer than it waits at a time
print("imported")
"""
PROGRAM = """
import time
from kws.console.interrupts import raise_at_interrupts
raise_at_interrupts()
try:
    import interrupted
    time.sleep(600)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_waits_for_an_import(tmp_path, number):
    (tmp_path / "interrupted.py").write_text(MODULE.format(number=int(number)))
    done = fresh_python(PROGRAM, tmp_path)
    assert (done.stdout, done.stderr) == ("imported\ninterrupted\n", "")


LOCKED = """
import signal, threading, time
from functools import partial
from types import SimpleNamespace
from kws.console.interrupts import raise_at_interrupts
raise_at_interrupts()
lock = SimpleNamespace(acquire=None, release=None)
lock.__enter__ = partial(signal.raise_signal, signal.SIGINT)  # it is taken, but not yet used
lock.__exit__ = lambda *error: print("given back")
try:
    with threading.Condition(lock):
        time.sleep(600)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_leaves_no_lock_taken(tmp_path):
    """Threads that wait for it would do so without end, and the command for them."""
    done = fresh_python(LOCKED, tmp_path)
    assert (done.stdout, done.stderr) == ("given back\ninterrupted\n", "")
