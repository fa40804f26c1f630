"""Compile each C source once: exports of all models have the same engine, which knows no model."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

MODEL_HEADERS = ("kws_model.h", "kws_kinds.h")


def compiled(source: Path, command: Sequence[str]) -> Path:
    """Return the object of a source of C or assembly; it is kept while the tests run.

    command: compiler and flags. Headers lie in the source's folder; the model's count for those
    sources alone that include them.
    """
    text = source.read_bytes()
    headers = {path.name: path.read_bytes() for path in sorted(source.parent.glob("*.h"))}
    for name in MODEL_HEADERS:
        if f'#include "{name}"'.encode() not in text:
            headers.pop(name, None)
    everything = repr((tuple(command), source.name, text, headers))
    result = Path(_folder().name, f"{hashlib.sha256(everything.encode()).hexdigest()}.o")
    if not result.exists():
        words = [*command, "-c", str(source), "-o", str(result)]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return result


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="kws-objects-")
