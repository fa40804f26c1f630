"""Compare detectors with a front end in fixed point in C with Python, here and on processors."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from c_programs import HOST, HOST_FAST, M4_ARDUINO, M55, PROCESSORS, Target
from command_line import SAMPLES, all_keywords, kws
from small_models import (
    Samples,
    Shape,
    committee,
    pair,
    plane,
    random_model,
    short_window,
    synthetic_audio,
    temporal,
)

from kws.config import SAMPLE_RATE, FrontEnd
from kws.export.sketch import export
from kws.fixed_mfcc import FixedMfcc
from kws.listener import FLUSH_SECONDS
from kws.model_file import ModelFile
from kws.posterior import ONE
from kws.spotter import NumpySpotter

pytestmark = pytest.mark.slow


def signal() -> Samples:
    """Return 4 s: speech, silence, the least and the greatest samples, a tone, keywords."""
    speech = soundfile.read(SAMPLES / "all_keywords.flac", dtype="int16")[0][12000:20000]
    random = np.random.default_rng(8)
    parts = (
        speech,
        np.zeros(1500),
        random.integers(-1, 2, 1500),
        random.choice([-32768, 32767], 1500),
        np.full(1500, -32768),
        np.round(32767 * np.sin(0.7 * np.arange(1500))),
        synthetic_audio(3),
    )
    return np.concatenate(parts).astype(np.int16)


def compare(model: ModelFile, target: Target, folder: Path) -> None:
    """Assert that frames and detections in C are those of Python."""
    source, samples = folder / "test.tflite", signal()
    source.write_bytes(model.content)
    export(source, folder / "c", arithmetic="fixed")
    binary = target.build(folder / "c", "trace_fixed_mfcc")
    found = target.run(binary, samples.astype(f"{target.byte_order}i2").tobytes(), folder)
    frames = FixedMfcc(model.config.front_end, *model.input_quantisation).push_quantised(samples)
    assert len(set(map(bytes, frames))) > 100
    count = int(np.frombuffer(found[:4], f"{target.byte_order}u4")[0])
    assert count == len(frames)
    assert found[4 : 4 + frames.size] == frames.tobytes()
    expected = [
        (d.sample, model.config.keywords.index(d.keyword), round(d.confidence * ONE))
        for d in NumpySpotter(model.with_arithmetic("fixed")).push(samples)
    ]
    records = np.frombuffer(found[4 + frames.size :], f"{target.byte_order}u4").reshape(-1, 4)
    assert [(low + (high << 32), k, c) for low, high, k, c in records.tolist()] == expected
    assert expected


@pytest.mark.parametrize("model", [temporal, plane, short_window, pair], ids=lambda m: m.__name__)
def test_here(model: Callable[[], ModelFile], tmp_path: Path) -> None:
    compare(model(), HOST, tmp_path)


def test_a_laptop_says_what_a_board_with_a_committee_decides(tmp_path: Path) -> None:
    """By the commands, and with other confidences than those of the front end in binary32."""
    speech = all_keywords()[19_000:75_000]  # two of them, as many as the program has room for
    wav = tmp_path / "speech.wav"
    soundfile.write(wav, speech, SAMPLE_RATE)
    assert kws("export", "home", "--arithmetic", "fixed", "--output", tmp_path).returncode == 0
    flushed = np.concatenate([speech, np.zeros(round(FLUSH_SECONDS * SAMPLE_RATE), np.int16)])
    found = HOST_FAST.run(
        HOST_FAST.build(tmp_path / "kws_home", "trace_fixed_mfcc"),
        flushed.astype("<i2").tobytes(),
        tmp_path,
    )
    model = ModelFile.load("home")
    frames = int(np.frombuffer(found[:4], "<u4")[0]) * model.config.front_end.coefficients
    records = np.frombuffer(found[4 + frames :], "<u4").reshape(-1, 4).tolist()
    decided = [
        (round(sample / SAMPLE_RATE, 3), model.config.keywords[k], round(confidence / ONE, 4))
        for sample, _, k, confidence in records
    ]
    assert len(decided) == 2
    exact, fixed = (
        [
            (line["time"], line["keyword"], line["confidence"])
            for line in map(json.loads, done.stdout.splitlines())
        ]
        for name in ("float", "fixed")
        for done in [kws("listen", "--wav", wav, "--json", "--arithmetic", name)]
    )
    assert fixed == decided != exact


@cache
def long_window() -> ModelFile:
    """Return a model with the largest FFT, and logarithms that have more than 14 bits."""
    front_end = FrontEnd(1501, 300, 2048, 18, 20, 8000, 9, 1e-9)
    return random_model(front_end, Shape(8, (2,), 2, stride=1))


@pytest.mark.parametrize("target", [M4_ARDUINO, M55], ids=lambda t: t.name)
@pytest.mark.parametrize("model", [short_window, plane, long_window], ids=lambda m: m.__name__)
def test_other_shapes_on_a_cortex_m(
    model: Callable[[], ModelFile], target: Target, tmp_path: Path
) -> None:
    compare(model(), target, tmp_path)


@pytest.mark.parametrize("target", [HOST_FAST, M4_ARDUINO, *PROCESSORS], ids=lambda t: t.name)
def test_on_a_processor(target: Target, tmp_path: Path) -> None:
    compare(committee(), target, tmp_path)
