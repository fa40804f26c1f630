"""Fuzz the C detector with libFuzzer: no push of any samples is an error of memory or numbers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from c_programs import HERE, STRICT
from conftest import skip_without
from small_models import temporal

from kws.export.sketch import export

pytestmark = pytest.mark.slow

SANITISERS = "-fsanitize=fuzzer,address,undefined"
RUNS = 3000


def test_any_samples_in_any_pushes(tmp_path: Path) -> None:
    skip_without("clang", shutil.which("clang"))
    probe = tmp_path / "probe.c"
    probe.write_text("int LLVMFuzzerTestOneInput(const char *b, long n) { return b == 0 && n; }\n")
    linked = subprocess.run(
        ["clang", SANITISERS, str(probe), "-o", str(tmp_path / "probe")], capture_output=True
    )
    skip_without("clang's libFuzzer", linked.returncode == 0)
    model = tmp_path / "test.tflite"
    model.write_bytes(temporal().content)
    export(model, tmp_path / "c")
    engine = next((tmp_path / "c").rglob("kws_model.c")).parent
    sources = [*sorted(engine.glob("*.[cS]")), HERE / "fuzz_spotter.c"]
    binary = tmp_path / "fuzz"
    built = subprocess.run(
        [
            *("clang", *STRICT, "-O1", "-g", SANITISERS, "-fno-sanitize-recover=all"),
            *(f"-I{engine}", *map(str, sources), "-o", str(binary)),
        ],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    options = [f"-runs={RUNS}", "-seed=1", "-max_len=40000", "-len_control=0"]
    done = subprocess.run([str(binary), *options], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
