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
from c_programs import HOST, M4_ARDUINO, M4_O3, TARGETS, Target
from conftest import skip_without
from small_models import MODELS, Samples, synthetic_audio, temporal

from kws.audio.audio_file import read_audio
from kws.ds_cnn import DsCnn
from kws.export.sketch import export
from kws.gate import Gate
from kws.mfcc import Mfcc
from kws.model_file import ModelFile
from kws.posterior import ONE, Posterior
from kws.spotter import NumpySpotter

AUDIO = Path(__file__).parents[1] / "audio_samples"
SHARED = Path(__file__).parents[2] / "shared" / "data"
# Seconds of synthetic audio; the long comparison is a matter of hours, not of every run.
SECONDS = float(os.environ.get("KWS_TEST_SECONDS", 12))


@dataclass
class Trace:
    """What each stage made of some audio; detections as (sample, keyword, Q15 confidence)."""

    gates: list[bytes] = field(default_factory=list)  # open or not, by hop
    cuts: list[bytes] = field(default_factory=list)  # steps
    features: list[bytes] = field(default_factory=list)
    scores: list[bytes] = field(default_factory=list)
    confidences: list[bytes] = field(default_factory=list)
    stage_detections: list[tuple[int, ...]] = field(default_factory=list)
    spotter_detections: list[tuple[int, ...]] = field(default_factory=list)


def python_trace(model: ModelFile, samples: Samples) -> Trace:
    config, trace = model.config, Trace()
    mfcc, network = Mfcc(config.front_end), DsCnn(model)
    gate = Gate(config, network.window_frames)
    smoothing, posterior = (
        Posterior(config, network.score_scale, network.window_frames) for _ in range(2)
    )
    for hop in whole_hops(samples, config.front_end.hop):
        gate.push(hop)
        trace.gates.append(bytes([gate.open]))
    gate.reset()
    for cut, passage in gate.push(samples):
        trace.cuts += [np.uint32(cut).tobytes()] if cut else []
        rows = mfcc.push(passage)
        scores = network.push(rows)
        posterior.skip(cut)
        trace.features += [row.tobytes() for row in rows.astype("<f4")]
        trace.scores += [row.tobytes() for row in scores]
        confidences = smoothing.smooth(scores).astype("<u2")
        trace.confidences += [row.tobytes() for row in confidences]
        trace.stage_detections += [
            (d.sample, config.keywords.index(d.keyword), round(d.confidence * ONE))
            for d in posterior.push(scores)
        ]
    trace.spotter_detections = trace.stage_detections
    return trace


def whole_hops(samples: Samples, hop: int) -> Samples:
    return samples[: len(samples) // hop * hop].reshape(-1, hop)


def c_trace(model: ModelFile, output: bytes) -> Trace:
    config = model.config
    keywords = len(config.keywords)
    sizes = {"G": 1, "X": 4, "F": 4 * config.front_end.coefficients, "S": keywords + 1}
    sizes["C"] = 2 * keywords
    trace, at = Trace(), 0
    lists = {"G": trace.gates, "X": trace.cuts, "F": trace.features, "S": trace.scores}
    lists["C"] = trace.confidences
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
    assert len(expected.cuts) > 3
    assert len(set(expected.scores)) > len(expected.scores) / 10


@pytest.mark.parametrize("target", [HOST, M4_O3], ids=lambda target: target.name)
def test_real_audio(target: Target, tmp_path: Path) -> None:
    files = sorted(SHARED.glob("wake/*/*"))[::200] + sorted(SHARED.glob("noise/esc10/*"))[::80]
    if not files:
        pytest.skip("../shared/data is not here")
    samples = np.concatenate([soundfile.read(file, dtype="int16")[0] for file in files])
    compare(temporal(), samples[: int(3 * SECONDS * 16_000)], target, tmp_path)


def words_in_silence() -> Samples:
    """A keyword, in hiss and once at a fiftieth of its level in digital silence."""
    random = np.random.default_rng(1)
    hiss = random.integers(-6, 7, 16_000 * 10).astype(np.int16)
    clip = read_audio(AUDIO / "computer_lights.flac")
    quiet = (clip // 50).astype(np.int16)
    return np.concatenate([hiss[:50_000], clip, hiss, np.zeros(1234, np.int16), quiet, hiss])


@pytest.mark.parametrize("target", [HOST, M4_ARDUINO], ids=lambda target: target.name)
def test_words_in_silence(target: Target, tmp_path: Path) -> None:
    expected = compare(ModelFile.load(), words_in_silence(), target, tmp_path)
    assert len(expected.cuts) == 2
    assert len(expected.stage_detections) == 2


@pytest.mark.parametrize("target", [HOST, M4_ARDUINO], ids=lambda target: target.name)
def test_years_of_silence(target: Target, tmp_path: Path) -> None:
    """The program adds five thousand million steps, 6.3 years, to the first silence."""
    model, samples = ModelFile.load(), words_in_silence()
    expected = NumpySpotter(model).push(samples)
    export("home", tmp_path / "c")
    binary = target.build(tmp_path / "c", "years_of_silence")
    words = np.frombuffer(target.run(binary, samples.tobytes(), tmp_path), "<u4").reshape(-1, 2)
    step = model.config.stride * model.config.front_end.hop
    times = [d.sample + (0 if d is expected[0] else 5_000_000_000 * step) for d in expected]
    assert [low + (high << 32) for low, high in words.tolist()] == times
    assert len(times) == 2


def test_less_than_a_window_gives_nothing(tmp_path: Path) -> None:
    expected = compare(temporal(), synthetic_audio(0.029), HOST, tmp_path)
    assert expected.features == []


def test_a_processor_with_half_floats_is_welcome(tmp_path: Path) -> None:
    """In GNU C, -march=native tells of them on some: FLT_EVAL_METHOD is 16, and float is float."""
    skip_without("gcc", shutil.which("gcc"))
    words = ["gcc", "-std=gnu11", "-O2", "-mavx512fp16", "-Wall", "-Werror", "-c"]
    probe = tmp_path / "probe.c"
    probe.write_text('#include <float.h>\n_Static_assert(FLT_EVAL_METHOD == 16, "");\n')
    if subprocess.run([*words, str(probe), "-o", str(tmp_path / "probe.o")]).returncode:
        pytest.skip("gcc here makes no code for x86 with AVX512-FP16")
    for source in sorted((Path(__file__).parents[1] / "firmware_export" / "src").glob("*.c")):
        subprocess.run([*words, str(source), "-o", str(tmp_path / "x.o")], check=True)


def test_fast_math_is_refused(tmp_path: Path) -> None:
    skip_without("gcc", shutil.which("gcc"))
    source = Path(__file__).parents[1] / "firmware_export" / "src" / "mfcc.c"
    words = ["gcc", "-Ofast", "-c", str(source), "-o", str(tmp_path / "mfcc.o")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode != 0
    assert "-ffast-math" in done.stderr
