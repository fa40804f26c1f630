"""The C road equals the Python road in every bit, on this machine and on an emulated Cortex-M4F."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile
from c_programs import HOST, M4_O3, TARGETS, Target
from conftest import skip_without
from small_models import Samples, plane, short_window, synthetic_audio, temporal

from kws.ds_cnn import DsCnn
from kws.export import export
from kws.mfcc import Mfcc
from kws.model_file import ModelFile
from kws.posterior import ONE, Posterior

SHARED = Path(__file__).parents[2] / "shared" / "data"
# Seconds of synthetic audio; the long comparison is a matter of hours, not of every run.
SECONDS = float(os.environ.get("KWS_TEST_SECONDS", 12))
MODELS = (temporal, plane, short_window)


@dataclass
class Trace:
    """What each stage made of some audio; detections as (sample, keyword, Q15 confidence)."""

    features: list[bytes] = field(default_factory=list)
    scores: list[bytes] = field(default_factory=list)
    confidences: list[bytes] = field(default_factory=list)
    stage_detections: list[tuple[int, ...]] = field(default_factory=list)
    spotter_detections: list[tuple[int, ...]] = field(default_factory=list)


def python_trace(model: ModelFile, samples: Samples) -> Trace:
    config = model.config
    network = DsCnn(model)
    rows = Mfcc(config.front_end).push(samples)
    scores = network.push(rows)

    def posterior() -> Posterior:
        return Posterior(config, network.score_scale, network.window_rows)

    if not len(scores):
        return Trace([row.tobytes() for row in rows.astype("<f4")])
    confidences = posterior().confidences(scores).astype("<u2")
    detections = [
        (d.sample, config.keywords.index(d.keyword), round(d.confidence * ONE))
        for d in posterior().push(scores)
    ]
    return Trace(
        [row.tobytes() for row in rows.astype("<f4")],
        [row.tobytes() for row in scores],
        [row.tobytes() for row in confidences],
        detections,
        detections,
    )


def c_trace(model: ModelFile, output: bytes) -> Trace:
    config = model.config
    keywords = len(config.keywords)
    sizes = {"F": 4 * config.front_end.coefficients, "S": keywords + 1, "C": 2 * keywords}
    trace, at = Trace(), 0
    lists = {"F": trace.features, "S": trace.scores, "C": trace.confidences}
    while at < len(output):
        tag = chr(output[at])
        record = output[at + 1 : at + 1 + sizes.get(tag, 16)]
        at += 1 + len(record)
        if tag in lists:
            lists[tag].append(record)
        else:
            low, high, keyword, confidence = np.frombuffer(record, "<u4").tolist()
            detection = (low + (high << 32), keyword, confidence)
            found = trace.stage_detections if tag == "D" else trace.spotter_detections
            found.append(detection)
    return trace


def compare(model: ModelFile, samples: Samples, target: Target, folder: Path) -> Trace:
    source = folder / "test.tflite"
    source.write_bytes(model.content)
    export(source, folder / "c")
    binary = target.build(folder / "c", "trace_detector")
    expected = python_trace(model, samples)
    found = c_trace(model, target.run(binary, samples.tobytes(), folder))
    for name in vars(expected):
        want, got = getattr(expected, name), getattr(found, name)
        wrong = [i for i, pair in enumerate(zip(want, got, strict=False)) if pair[0] != pair[1]]
        assert not wrong, f"{len(wrong)} of {len(want)} {name} differ, the first is {wrong[0]}"
        assert len(want) == len(got), name
    return expected


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_synthetic_audio(model: Callable[[], ModelFile], target: Target, tmp_path: Path) -> None:
    seconds = SECONDS if not target.emulated else min(SECONDS, 300)
    expected = compare(model(), synthetic_audio(seconds), target, tmp_path)
    assert len(expected.stage_detections) > 1
    assert len(set(expected.scores)) > len(expected.scores) / 10


@pytest.mark.parametrize("target", [HOST, M4_O3], ids=lambda target: target.name)
def test_real_audio(target: Target, tmp_path: Path) -> None:
    files = sorted(SHARED.glob("wake/*/*"))[::200] + sorted(SHARED.glob("noise/esc10/*"))[::80]
    if not files:
        pytest.skip("../shared/data is not here")
    samples = np.concatenate([soundfile.read(file, dtype="int16")[0] for file in files])
    compare(temporal(), samples[: int(3 * SECONDS * 16_000)], target, tmp_path)


def test_less_than_a_window_gives_nothing(tmp_path: Path) -> None:
    expected = compare(temporal(), synthetic_audio(0.029), HOST, tmp_path)
    assert expected.features == []


def test_fast_math_is_refused(tmp_path: Path) -> None:
    skip_without("gcc", shutil.which("gcc"))
    source = Path(__file__).parents[1] / "firmware_export" / "src" / "mfcc.c"
    words = ["gcc", "-Ofast", "-c", str(source), "-o", str(tmp_path / "mfcc.o")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode != 0
    assert "-ffast-math" in done.stderr
