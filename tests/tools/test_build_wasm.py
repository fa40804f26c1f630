"""Test that the committed engine for browsers is what its sources give."""

from __future__ import annotations

import shutil
from pathlib import Path

import build_wasm
import pytest
from command_line import all_keywords
from conftest import skip_without
from node_detector import detect

from kws.export.web_folder import export


def test_the_engine_is_that_of_the_sources() -> None:
    """Compare digests; needs no compiler."""
    assert build_wasm.origin(build_wasm.RESULT.read_bytes()).sources == build_wasm.digest(), (
        "the engine has changed: run python tools/build_wasm.py"
    )


@pytest.mark.slow
def test_the_engine_can_be_built_again(tmp_path: Path) -> None:
    """The same compiler gives the same bytes; another one, the same detections."""
    skip_without("clang", shutil.which(build_wasm.COMPILER))
    skip_without("wasm-ld", shutil.which("wasm-ld"))
    committed, built = build_wasm.RESULT.read_bytes(), build_wasm.build()
    if build_wasm.origin(committed).compiler == build_wasm.compiler():
        assert built == committed
    folder = export("home", tmp_path)[0].parent
    lines = detect(folder, [all_keywords()], "--scores")
    (folder / "kws.wasm").write_bytes(built)
    assert detect(folder, [all_keywords()], "--scores") == lines
    assert sum("keyword" in line for line in lines) == 4
