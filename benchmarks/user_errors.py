"""Run a benchmark such that what it cannot use ends it with one line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from kws.errors import KwsError


def run_main(main: Callable[[], int | None]) -> None:
    """Exit with the status of a benchmark's main, or with the line of its KwsError."""
    try:
        sys.exit(main())
    except KwsError as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
