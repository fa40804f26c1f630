"""Choose what Ctrl-C, SIGTERM and SIGHUP do: a command ends in order, whatever they meet."""

from __future__ import annotations

import signal
import sys
from threading import Condition
from types import FrameType

IMPORT = "<frozen importlib._bootstrap>"  # of Python's own code, which each import runs
# Where a lock that other threads wait for is taken or given back, by Python's own code.
LOCKING = {
    each.__code__
    for each in (
        *(Condition.__enter__, Condition.__exit__),
        *(Condition._release_save, Condition._acquire_restore),  # type: ignore[attr-defined]
    )
}
WAIT_SECONDS = 0.02  # until it is looked again whether an interrupt would do harm


def raise_at_interrupts() -> None:
    """Let Ctrl-C, SIGTERM and SIGHUP raise KeyboardInterrupt, once it does no harm.

    SIGHUP, of a terminal that was closed, stays ignored where it is, as by nohup.

    NumPy and Python itself swallow one that an import meets, print a traceback and fail or go on;
    a lock that one leaves taken is waited for without end.
    """
    for number in ending_signals():
        signal.signal(number, _interrupted)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it was set on purpose
        signal.signal(signal.SIGINT, _interrupted)
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, _interrupted)


def ending_signals() -> list[signal.Signals]:
    """Return the signals that end a command, besides Ctrl-C, but those that are ignored."""
    if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return [signal.SIGTERM]
    return [signal.SIGTERM, signal.SIGHUP]


def end_at_interrupts() -> None:
    """Let Ctrl-C kill the process from now on, which shows no traceback.

    Python loses one that comes while its handler is replaced, and complains: it has to wait.
    """
    if sys.platform == "win32":
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGALRM})
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, or let SIGALRM call this again soon."""
    if sys.platform != "win32" and number == signal.SIGHUP:
        signal.signal(number, signal.SIG_IGN)  # kernel and shell send it, one after the other
    if sys.platform == "win32" or not _does_harm(frame):
        raise KeyboardInterrupt
    signal.setitimer(signal.ITIMER_REAL, WAIT_SECONDS)


def _does_harm(frame: FrameType | None) -> bool:
    """Return whether an exception here would break an import, or leave a lock taken."""
    if frame is not None and frame.f_code in LOCKING:
        return True
    while frame is not None and frame.f_code.co_filename != IMPORT:
        frame = frame.f_back
    return frame is not None
