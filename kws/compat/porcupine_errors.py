"""Name the errors of Porcupine, which its callers catch."""

from __future__ import annotations

from kws.errors import KwsError


class PorcupineError(KwsError):
    """Report an error, as Porcupine's does."""

    @property
    def message(self) -> str:
        """Return what is wrong, in one line."""
        return str(self)


class PorcupineInvalidArgumentError(PorcupineError, ValueError):
    """Report an argument that cannot be used."""


class PorcupineIOError(PorcupineError, OSError):
    """Report a keyword file that is not there."""


class PorcupineInvalidStateError(PorcupineError, ValueError):
    """Report a call after delete()."""


# Nothing here raises these: a caller names them to catch them.
class PorcupineMemoryError(PorcupineError):
    """Stand for a lack of memory."""


class PorcupineStopIterationError(PorcupineError):
    """Stand for the end of an iteration."""


class PorcupineKeyError(PorcupineError):
    """Stand for a wrong key."""


class PorcupineRuntimeError(PorcupineError):
    """Stand for a fault of the engine."""


class PorcupineActivationError(PorcupineError):
    """Stand for an access key that is not activated; kws needs none."""


class PorcupineActivationLimitError(PorcupineError):
    """Stand for an access key that is used up; kws needs none."""


class PorcupineActivationThrottledError(PorcupineError):
    """Stand for an access key that is slowed down; kws needs none."""


class PorcupineActivationRefusedError(PorcupineError):
    """Stand for an access key that is refused; kws needs none."""
