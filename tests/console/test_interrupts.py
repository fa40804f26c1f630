"""Test that an interrupt waits for an import, which may swallow it."""

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
