"""Compare the C engine on other processors with this machine's, step by step, and that with Python.

With thresholds near 0 and no refractory time each step is a detection, whose confidence rests on
all stages before it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from c_programs import HOST, PROCESSORS, Target
from command_line import SAMPLES
from sketch_board import Samples

from kws.backend import Spotter
from kws.export.sketch import export
from kws.model_file import ModelFile

pytestmark = pytest.mark.slow

SECONDS = 1.6  # the first keyword of the sample
LEAST = 1  # threshold, 32768 being 1.0; 0 stands for the model's

Step = tuple[int, int, int]  # sample, keyword, confidence


def samples() -> Samples:
    content: Samples = soundfile.read(SAMPLES / "all_keywords.flac", dtype="int16")[0]
    start = int(0.8 * 16000)
    return content[start : start + int(SECONDS * 16000)]


def run(target: Target, folder: Path, threshold: int) -> list[Step]:
    """Return the detections of a program with thresholds and no refractory time."""
    if not (folder / "c").exists():
        export("home", folder / "c")
    binary = target.build(folder / "c", "detect")
    settings = np.array([1, 1, threshold], f"{target.byte_order}i2")
    content = settings.tobytes() + samples().astype(f"{target.byte_order}i2").tobytes()
    words = np.frombuffer(target.run(binary, content, folder), f"{target.byte_order}u4")
    assert words[-1] == 0xFFFFFFFF
    return [(low + (high << 32), k, c) for low, high, k, c in words[:-3].reshape(-1, 4).tolist()]


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> list[Step]:
    """Return every step on this machine, whose detections are those of Python."""
    folder = tmp_path_factory.mktemp("host")
    model = ModelFile.load("home")
    smoothing = replace(model.config.smoothing, refractory_steps=1)
    expected = Spotter(replace(model, config=replace(model.config, smoothing=smoothing)))
    names = model.config.keywords
    assert run(HOST, folder, 0) == [
        (found.sample, names.index(found.keyword), round(found.confidence * 32768))
        for found in expected.push(samples())
    ]
    return run(HOST, folder, LEAST)


@pytest.mark.parametrize("target", PROCESSORS, ids=lambda target: target.name)
def test_every_step_is_that_of_this_machine(
    steps: list[Step], target: Target, tmp_path: Path
) -> None:
    found = run(target, tmp_path, LEAST)
    assert found == steps
    assert len({confidence for _, _, confidence in found}) > 10
