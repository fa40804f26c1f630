"""Test that an interrupt waits for an import, which may swallow it, and for a lock."""

from __future__ import annotations

import signal
import sys

import pytest
from running_actions import fresh_python

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals to a process")

SIGNALS = [signal.SIGINT, signal.SIGTERM, *filter(None, [getattr(signal, "SIGHUP", None)])]
MODULE = """
import signal, time
signal.raise_signal({number})
time.sleep(0.1)  # longer than it waits at a time
print("imported")
"""
PROGRAM = """
import signal, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # or what nohup set would be inherited
from kws.console.interrupts import raise_at_interrupts
raise_at_interrupts()
try:
    import interrupted
    time.sleep(600)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_waits_for_an_import(tmp_path, number):
    (tmp_path / "interrupted.py").write_text(MODULE.format(number=int(number)))
    done = fresh_python(PROGRAM, tmp_path)
    assert (done.stdout, done.stderr) == ("imported\ninterrupted\n", "")


HANGUPS = """
import signal, time
from kws.console.interrupts import raise_at_interrupts
signal.signal(signal.SIGHUP, {before})
raise_at_interrupts()
try:
    signal.raise_signal(signal.SIGHUP)
    print("goes on")
except KeyboardInterrupt:
    print("interrupted")
    signal.raise_signal(signal.SIGHUP)  # the kernel sends one, the shell another
    print("ended in order")
"""


@pytest.mark.parametrize(
    ("before", "said"),
    [("signal.SIG_DFL", "interrupted\nended in order\n"), ("signal.SIG_IGN", "goes on\n")],
)
def test_a_closed_terminal_ends_a_command_once_unless_nohup_was_asked_for(tmp_path, before, said):
    done = fresh_python(HANGUPS.format(before=before), tmp_path)
    assert (done.stdout, done.stderr) == (said, "")


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
