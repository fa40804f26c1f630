"""Compare the C engine on other processors with Python, step by step.

With thresholds near 0 and no refractory time each step is a detection, whose confidence rests on
all stages before it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from c_programs import PROCESSORS, Target
from command_line import SAMPLES

from kws.backend import Spotter
from kws.export.sketch import export
from kws.model_file import ModelFile

pytestmark = pytest.mark.slow

SECONDS = 1.6  # the first keyword of the sample
LEAST = 1  # threshold, 32768 being 1.0


@pytest.fixture(scope="module")
def steps() -> list[tuple[int, int, int]]:
    """Return sample, keyword and confidence of every step by Python."""
    model = ModelFile.load("home")
    keywords = model.config.keywords
    config = replace(
        model.config,
        thresholds=(LEAST / 32768,) * len(keywords),
        smoothing=replace(model.config.smoothing, refractory_steps=1),
    )
    found = Spotter(replace(model, config=config)).push(samples())
    return [(d.sample, keywords.index(d.keyword), round(d.confidence * 32768)) for d in found]


def samples() -> np.ndarray:
    content: np.ndarray = soundfile.read(SAMPLES / "all_keywords.flac", dtype="int16")[0]
    start = int(0.8 * 16000)
    return content[start : start + int(SECONDS * 16000)]


@pytest.mark.parametrize("target", PROCESSORS, ids=lambda target: target.name)
def test_every_step_is_that_of_python(
    steps: list[tuple[int, int, int]], target: Target, tmp_path: Path
) -> None:
    export("home", tmp_path / "c")
    binary = target.build(tmp_path / "c", "detect")
    settings = np.array([1, 1, LEAST], f"{target.byte_order}i2")
    content = settings.tobytes() + samples().astype(f"{target.byte_order}i2").tobytes()
    words = np.frombuffer(target.run(binary, content, tmp_path), f"{target.byte_order}u4")
    found = [(low + (high << 32), k, c) for low, high, k, c in words[:-3].reshape(-1, 4).tolist()]
    assert words[-1] == 0xFFFFFFFF
    assert found == steps
    assert len({confidence for _, _, confidence in found}) > 10
