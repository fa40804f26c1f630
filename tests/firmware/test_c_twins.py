"""Test that each stage of the pipeline has a C twin with the same verbs, and both ring buffers."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from c_programs import HOST, M4_ARDUINO, Target
from command_line import ROOT
from small_models import temporal

from kws import ds_cnn, gate, mfcc, micro_frontend, posterior, ring_buffer, spotter
from kws.export.sketch import export

SOURCES = ROOT / "firmware_export" / "src"
STAGES = {
    "ring_buffer": ring_buffer.RingBuffer,
    "gate": gate.Gate,
    "mfcc": mfcc.Mfcc,
    "micro_frontend": micro_frontend.MicroFrontend,
    "ds_cnn": ds_cnn.DsCnn,
    "posterior": posterior.Posterior,
    "spotter": spotter.NumpySpotter,
}
VERBS = {"push", "skip", "begin_block", "reset", "read", "write"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_the_verbs_of_its_twin(stage: str) -> None:
    header = (SOURCES / f"{stage}.h").read_text()
    methods = {name for name, _ in inspect.getmembers(STAGES[stage], inspect.isfunction)}
    for verb in VERBS:
        assert (f"kws_{stage}_{verb}(" in header) == (verb in methods), verb


def test_the_engine_neither_allocates_nor_prints() -> None:
    text = "".join(path.read_text() for path in SOURCES.iterdir())
    for word in ("malloc", "calloc", "free(", "stdio", "printf", "stdlib"):
        assert word not in text.replace("no stdio", "")


@pytest.mark.slow
@pytest.mark.parametrize("target", [HOST, M4_ARDUINO], ids=lambda target: target.name)
def test_ring_buffer(target: Target, tmp_path: Path) -> None:
    model = tmp_path / "small.tflite"
    model.write_bytes(temporal().content)
    export(model, tmp_path / "c")
    binary = target.build(tmp_path / "c", "trace_ring_buffer")
    random, ring = np.random.default_rng(0), ring_buffer.RingBuffer(64)
    commands, expected = b"", b""
    for _ in range(2000):
        verb, count = random.choice(3, p=[0.5, 0.49, 0.01]), int(random.integers(0, 100))
        commands += np.array([verb, count], "<i2").tobytes()
        answer = 0
        if verb == 0:
            samples = random.integers(-32768, 32768, count).astype("<i2")
            commands += samples.tobytes()
            answer = ring.write(samples)
        elif verb == 1:
            samples = ring.read(count)
            expected += samples.astype("<i2").tobytes()
            answer = len(samples)
        else:
            ring.reset()
        expected += np.array([answer, ring.available, ring.dropped], "<u4").tobytes()
    assert target.run(binary, commands, tmp_path) == expected
