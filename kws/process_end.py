"""End processes that kws starts with the one that started them, and silently on Ctrl-C."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any


def end_with_parent() -> None:
    """Let this process end when the one that started it does, even if that one is killed.

    Otherwise it would work on, and overwrite what the next run makes.
    """
    on_interrupt(signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def on_interrupt(handler: Callable[[int, FrameType | None], Any] | signal.Handlers) -> None:
    """Set what Ctrl-C and SIGTERM do; between jobs a handler of Python's shows a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
