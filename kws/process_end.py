"""End processes that kws starts with the one that started them, and silently on Ctrl-C."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from kws.console.interrupts import ending_signals


def end_with_parent() -> None:
    """Let this process end when the one that started it does, even if that one is killed.

    Otherwise it would work on, and overwrite what the next run makes.
    """
    on_interrupt(signal.SIG_DFL)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = multiprocessing.parent_process()
    if parent:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


@contextmanager
def interrupts_wait() -> Iterator[None]:
    """Keep Ctrl-C from a block that starts processes, and from these until end_with_parent().

    A process inherits what is blocked; an interpreter that Ctrl-C meets shows a traceback.
    """
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # which unblocks the signal when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def on_interrupt(handler: Callable[[int, FrameType | None], Any] | signal.Handlers) -> None:
    """Set what Ctrl-C, SIGTERM and SIGHUP do; a handler of Python's shows a traceback."""
    for number in (signal.SIGINT, *ending_signals()):
        signal.signal(number, handler)


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
