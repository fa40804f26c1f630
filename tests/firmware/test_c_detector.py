"""Test that the C pipeline equals the Python one in every bit, here and on an emulated M4."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile
from c_programs import HOST, M4_ARDUINO, M4_O3, M55, TARGETS, Target
from command_line import ROOT, SAMPLES
from conftest import skip_without
from small_models import MODELS, Samples, plane, synthetic_audio, temporal

from kws.audio.audio_file import read_audio
from kws.ds_cnn import DsCnn
from kws.export.sketch import export
from kws.gate import Gate
from kws.mfcc import Mfcc
from kws.model_file import ModelFile
from kws.posterior import ONE, Posterior
from kws.spotter import NumpySpotter

pytestmark = pytest.mark.slow

SHARED = ROOT.parent / "shared" / "data"
# Seconds of synthetic audio; a long comparison takes hours and is not part of every run.
SECONDS = float(os.environ.get("KWS_TEST_SECONDS", 12))


@dataclass
class Trace:
    """Hold the output of each stage; detections as (sample, keyword index, Q15 confidence)."""

    gate_open: list[bytes] = field(default_factory=list)  # open or not, by hop
    skipped: list[bytes] = field(default_factory=list)  # steps
    features: list[bytes] = field(default_factory=list)
    scores: list[bytes] = field(default_factory=list)
    confidences: list[bytes] = field(default_factory=list)
    stage_detections: list[tuple[int, ...]] = field(default_factory=list)
    spotter_detections: list[tuple[int, ...]] = field(default_factory=list)


def python_trace(model: ModelFile, samples: Samples) -> Trace:
    """Return the output of the stages in NumPy, which are not primed."""
    config, trace = model.config, Trace()
    mfcc, network = Mfcc(config.front_end), DsCnn(model)
    gate = Gate(config, network.window_frames)
    smoothing, posterior = (
        Posterior(config, network.score_scale, network.window_frames) for _ in range(2)
    )
    for hop in whole_hops(samples, config.front_end.hop):
        gate.push(hop)
        trace.gate_open.append(bytes([gate.open]))
    gate.reset()
    for skipped, passage in gate.push(samples):
        trace.skipped += [np.uint32(skipped).tobytes()] if skipped else []
        frames = mfcc.push(passage)
        scores = network.push(frames)
        posterior.skip(skipped)
        trace.features += [frame.tobytes() for frame in frames.astype("<f4")]
        trace.scores += [step.tobytes() for step in scores]
        confidences = smoothing.smooth(scores).astype("<u2")
        trace.confidences += [step.tobytes() for step in confidences]
        trace.stage_detections += [
            (d.sample, config.keywords.index(d.keyword), round(d.confidence * ONE))
            for d in posterior.push(scores)
        ]
    trace.spotter_detections = trace.stage_detections
    if config.committee:  # the stages above are those of its first network alone
        spotter = NumpySpotter(model)
        for stage in (spotter.gate, spotter.mfcc, spotter.committee, spotter.posterior):
            stage.reset()
        spotter._priming = 0
        trace.spotter_detections = [
            (d.sample, config.keywords.index(d.keyword), round(d.confidence * ONE))
            for d in spotter.push(samples)
        ]
    return trace


def whole_hops(samples: Samples, hop: int) -> Samples:
    """Return the whole hops of a stream, [hops, hop]."""
    return samples[: len(samples) // hop * hop].reshape(-1, hop)


def c_trace(model: ModelFile, output: bytes) -> Trace:
    """Return the output of the stages in C, which tests/c/trace_detector.c wrote."""
    config = model.config
    keywords = len(config.keywords)
    sizes = {"G": 1, "X": 4, "F": 4 * config.front_end.coefficients, "S": keywords + 1}
    sizes["C"] = 2 * keywords
    trace, offset = Trace(), 0
    lists = {"G": trace.gate_open, "X": trace.skipped, "F": trace.features, "S": trace.scores}
    lists["C"] = trace.confidences
    while offset < len(output):
        tag = chr(output[offset])
        record = output[offset + 1 : offset + 1 + sizes.get(tag, 16)]
        offset += 1 + len(record)
        if tag in lists:
            lists[tag].append(record)
        else:
            low, high, keyword, confidence = np.frombuffer(record, "<u4").tolist()
            detection = (low + (high << 32), keyword, confidence)
            found = trace.stage_detections if tag == "D" else trace.spotter_detections
            found.append(detection)
    return trace


def compare(model: ModelFile, samples: Samples, target: Target, folder: Path) -> Trace:
    """Assert that an exported model does what the stages in NumPy do; return that."""
    source = folder / "test.tflite"
    source.write_bytes(model.content)
    export(source, folder / "c")
    binary = target.build(folder / "c", "trace_detector")
    expected = python_trace(model, samples)
    found = c_trace(model, target.run(binary, samples.tobytes(), folder))
    for name in vars(expected):
        python, c = getattr(expected, name), getattr(found, name)
        wrong = [i for i, pair in enumerate(zip(python, c, strict=False)) if pair[0] != pair[1]]
        assert not wrong, f"{len(wrong)} of {len(python)} {name} differ, the first is {wrong[0]}"
        assert len(python) == len(c), name
    return expected


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_synthetic_audio(model: Callable[[], ModelFile], target: Target, tmp_path: Path) -> None:
    seconds = SECONDS if not target.emulated else min(SECONDS, 300)
    expected = compare(model(), synthetic_audio(seconds), target, tmp_path)
    assert len(expected.stage_detections) > 1
    assert len(expected.skipped) > 3
    assert len(set(expected.scores)) > len(expected.scores) / 10


@pytest.mark.parametrize("model", [temporal, plane], ids=lambda model: model.__name__)
def test_all_kernels_shift_either_way(model: Callable[[], ModelFile], tmp_path: Path) -> None:
    """Put shifts of other scales than training gives in the place of a model's."""
    random = np.random.default_rng(0)

    def others(match: re.Match[str]) -> str:
        return match[1] + ", ".join(map(str, random.integers(-12, 3, match[2].count(",") + 1)))

    (tmp_path / "test.tflite").write_bytes(model().content)
    export(tmp_path / "test.tflite", tmp_path / "c")
    [source] = tmp_path.rglob("kws_model.c")
    text, count = re.subn(r"(shifts_\d+\[\] = \{[^\n]*\n)([^}]*)", others, source.read_text())
    assert count > 4
    source.write_text(text)
    samples = synthetic_audio(4).tobytes()
    outputs = {
        target.run(target.build(tmp_path / "c", "trace_detector"), samples, tmp_path)
        for target in (HOST, M4_ARDUINO, M55)
    }
    [output] = outputs
    assert len(set(c_trace(model(), output).scores)) > 5


@pytest.mark.parametrize("target", [HOST, M4_O3], ids=lambda target: target.name)
def test_real_audio(target: Target, tmp_path: Path) -> None:
    files = sorted(SHARED.glob("wake/*/*"))[::200] + sorted(SHARED.glob("noise/esc10/*"))[::80]
    if not files:
        pytest.skip("../shared/data is not here")
    samples = np.concatenate([soundfile.read(file, dtype="int16")[0] for file in files])
    compare(temporal(), samples[: int(3 * SECONDS * 16_000)], target, tmp_path)


def keywords_in_silence() -> Samples:
    """Return a keyword in white noise, and once at a fiftieth of its level in digital silence."""
    random = np.random.default_rng(1)
    noise = random.integers(-6, 7, 16_000 * 10).astype(np.int16)
    clip = read_audio(SAMPLES / "computer_lights.flac")
    faint = (clip // 50).astype(np.int16)
    return np.concatenate([noise[:50_000], clip, noise, np.zeros(1234, np.int16), faint, noise])


@pytest.mark.parametrize("target", [HOST, M4_ARDUINO], ids=lambda target: target.name)
def test_keywords_in_silence(target: Target, tmp_path: Path) -> None:
    expected = compare(ModelFile.load(), keywords_in_silence(), target, tmp_path)
    assert len(expected.skipped) == 2
    assert len(expected.stage_detections) == 2


@pytest.mark.parametrize("target", [HOST, M4_ARDUINO], ids=lambda target: target.name)
def test_years_of_silence(target: Target, tmp_path: Path) -> None:
    """Add five thousand million steps, 6.3 years, to the first silence."""
    model, samples = ModelFile.load(), keywords_in_silence()
    expected = NumpySpotter(model).push(samples)
    export("home", tmp_path / "c")
    binary = target.build(tmp_path / "c", "years_of_silence")
    records = np.frombuffer(target.run(binary, samples.tobytes(), tmp_path), "<u4").reshape(-1, 2)
    step = model.config.stride * model.config.front_end.hop
    times = [d.sample + (0 if d is expected[0] else 5_000_000_000 * step) for d in expected]
    assert [low + (high << 32) for low, high in records.tolist()] == times
    assert len(times) == 2


def test_less_than_a_window_gives_no_frame(tmp_path: Path) -> None:
    expected = compare(temporal(), synthetic_audio(0.029), HOST, tmp_path)
    assert expected.features == []


def test_a_processor_with_half_floats_is_supported(tmp_path: Path) -> None:
    """Compile where -march=native of GNU C makes FLT_EVAL_METHOD 16: float is still float."""
    skip_without("gcc", shutil.which("gcc"))
    words = ["gcc", "-std=gnu11", "-O2", "-mavx512fp16", "-Wall", "-Werror", "-c"]
    probe = tmp_path / "probe.c"
    probe.write_text('#include <float.h>\n_Static_assert(FLT_EVAL_METHOD == 16, "");\n')
    if subprocess.run([*words, str(probe), "-o", str(tmp_path / "probe.o")]).returncode:
        pytest.skip("gcc here makes no code for x86 with AVX512-FP16")
    for source in sorted((ROOT / "firmware_export" / "src").glob("*.c")):
        subprocess.run([*words, str(source), "-o", str(tmp_path / "x.o")], check=True)


def test_fast_math_is_refused(tmp_path: Path) -> None:
    skip_without("gcc", shutil.which("gcc"))
    source = ROOT / "firmware_export" / "src" / "mfcc.c"
    words = ["gcc", "-Ofast", "-c", str(source), "-o", str(tmp_path / "mfcc.o")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode != 0
    assert "-ffast-math" in done.stderr
