"""Turn what ends a command into one line on standard error and an exit status.

It imports little, so that Ctrl-C and errors during the imports of a command are caught as well.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from kws.console.interrupts import end_at_interrupts
from kws.errors import KwsError

FAILED, INTERNAL_ERROR, INTERRUPTED = 1, 70, 130  # exit statuses; 70 is EX_SOFTWARE of sysexits.h
DEBUG = "KWS_DEBUG"  # environment variable; 1 shows the traceback of an error


def run(program: Callable[[], object]) -> None:
    """Run a program; end the process with one line and a non-zero status where it fails.

    What the program left in the buffer of standard output is written first, so that output that is
    lost is an error, too.
    """
    open_closed_streams()
    status: int | str | None = 0
    try:
        program()
    except SystemExit as end:
        status = end.code
    except BaseException as error:
        _show_traceback()
        status = _report(error)
    with suppress(ValueError):  # not in the main thread
        end_at_interrupts()
    if isinstance(status, str):
        write_line(status)
        status = FAILED
    problem = _flush(sys.stdout)
    if problem and not status:
        status = _report(problem)
    _discard_unwritten()
    sys.exit(status)


def write_line(text: str) -> None:
    """Write one line of text on standard error; drop it where that cannot be written.

    Control characters, which a name of a file may have, are shown and not sent to the terminal.
    """
    with suppress(OSError, ValueError):  # ValueError: the stream is closed
        line = "".join(map(_shown, " ".join(text.split())))
        print(line, file=sys.stderr or _nowhere(), flush=True)


def _shown(character: str) -> str:
    """Return a character, or the escape sequence of one that controls the terminal."""
    return character if unicodedata.category(character) != "Cc" else f"\\x{ord(character):02x}"


def open_closed_streams() -> None:
    """Give the standard streams that the caller closed a file descriptor that leads nowhere.

    Otherwise the next file that is opened, such as a model, would take the number of one, and
    `print(..., file=None)` would write messages to standard output. Writing to standard output
    that was closed fails, as to a full disk; messages are dropped.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, flags)  # takes the lowest number that is free: this one
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    if sys.stdout is None:
        sys.stdout = _StandardOutput("utf-8", line_buffering=False)
    elif isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout is sys.__stdout__:
        sys.stdout = _StandardOutput(sys.stdout.encoding, bool(sys.stdout.line_buffering))
    if sys.stderr is None:
        sys.stderr = _nowhere()


class _StandardOutput(io.TextIOWrapper):
    """Write text to standard output; name it in the error of a write that fails."""

    def __init__(self, encoding: str, line_buffering: bool) -> None:
        raw = io.BufferedWriter(io.FileIO(1, "w", closefd=False))
        # It may lack letters of keywords and paths.
        super().__init__(raw, encoding, "backslashreplace", line_buffering=line_buffering)

    def write(self, text: str) -> int:
        """Write text."""
        with _naming("standard output"):
            return super().write(text)

    def flush(self) -> None:
        """Write what is in the buffer."""
        with _naming("standard output"):
            super().flush()


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from error


def describe(error: BaseException) -> str:
    """Return what a user should know of an error, without its traceback."""
    if isinstance(error, KwsError):
        return str(error)
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, OSError) and error.errno is not None:
        reason = error.strerror or os.strerror(error.errno)
        names = [os.fsdecode(n) for n in (error.filename, error.filename2) if _is_path(n)]
        return ": ".join([" to ".join(names), reason] if names else [reason])
    return (
        f"internal error: {type(error).__name__}: {error} ({_place(error)});"
        f" please report it, {DEBUG}=1 shows more"
    )


def _report(error: BaseException) -> int:
    """Write the line of an error; return the exit status."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        return FAILED  # who read the output has gone, and knows
    text = describe(error)
    write_line(f"kws: error: {text}")
    return INTERNAL_ERROR if text.startswith("internal error: ") else FAILED


def _is_path(name: object) -> bool:
    return isinstance(name, (str, bytes, os.PathLike))


def _place(error: BaseException) -> str:
    """Return the file and line of kws that an error passed last, or of where it was raised."""
    place, ours = "unknown place", ""
    trace = error.__traceback__
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename.replace(os.sep, "/")
        place = f"{path.rpartition('/')[2]}:{trace.tb_lineno}"
        if "/kws/" in path:
            ours = f"kws/{path.rpartition('/kws/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return ours or place


def _show_traceback() -> None:
    if os.environ.get(DEBUG) == "1":
        import traceback

        with suppress(OSError, ValueError):
            traceback.print_exc()


def _flush(stream: TextIO | None) -> OSError | None:
    """Write what a stream holds back; return the error where that fails."""
    try:
        if stream is not None and not stream.closed:
            stream.flush()
    except OSError as error:
        return error
    return None


def _discard_unwritten() -> None:
    """Drop what cannot be written, or the interpreter would complain of it at its end."""
    for number, outer in ((1, sys.stdout), (2, sys.stderr)):
        stream = getattr(outer, "wrapped", outer)  # by click, to hide a reader that went away
        if _flush(stream):
            with suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, number)
                os.close(nowhere)
            _flush(stream)


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")
