"""Libraries that only some commands need, and that kws is installed without: its extras."""

from __future__ import annotations

from importlib.util import find_spec

from kws.errors import KwsError


def need(command: str, library: str, extra: str) -> None:
    """KwsError, with what to install, where an extra's library is not there; it is not loaded."""
    if find_spec(library.lower()) is None:  # the module, named as the library but in lower case
        raise KwsError(f"{command} needs {library}: pip install 'kws[{extra}]'")
