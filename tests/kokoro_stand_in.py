"""Stand in for Kokoro's network, which is large and not on this machine.

It has the same inputs and hums a tone, for as long as the tokens are large, at the pitch of the
voice's style, the faster the greater the speed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
from conftest import skip_without

from kws.tts.kokoro import FRAME, FRAMES

UNIT = 60  # samples at NATIVE_RATE that a token's number stands for
LONGEST = 40  # phonemes
HUM = f"""
<ir_version: 8, opset_import: ["" : 17]>
hum (int64[1, tokens_] tokens, float[1, 4] style, float[1] speed) => (float[samples] audio) {{
    zero = Constant <value = float {{0}}> ()
    one = Constant <value = float {{1}}> ()
    each = Constant <value = float {{{UNIT}}}> ()
    loud = Constant <value = float {{0.5}}> ()
    numbers = Cast <to = 1> (tokens)
    sum = ReduceSum <keepdims = 0> (numbers)
    whole = Mul (sum, each)
    long = Div (whole, speed)
    end = ReduceSum <keepdims = 0> (long)
    time = Range (zero, end, one)
    pitch = ReduceMean <keepdims = 0> (style)
    angle = Mul (time, pitch)
    tone = Sin (angle)
    audio = Mul (tone, loud)
    frame = Constant <value = float {{{FRAME}}}> ()
    samples_of_each = Mul (numbers, each)
    at_speed = Div (samples_of_each, speed)
    frames = Div (at_speed, frame)
}}
"""
STYLES = {"af_low": 0.05, "bm_high": 0.15, "jf_middle": 0.1}  # radians a sample
GOOD = "ɡˈʊd mˈɔːɹnɪŋ"  # what espeak-ng makes of "good morning"


def kokoro(folder: Path, frames: str = FRAMES) -> Path:
    """Put the stand-in and its voices into a new folder; the test skips without espeak-ng.

    frames: the name of the tensor with the durations of the tokens, of which Kokoro's has one.
    """
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    folder.mkdir()
    network = onnx.parser.parse_model(HUM)
    network.graph.node[-1].output[0] = frames
    onnx.save(network, folder / "kokoro-v1.0.int8.onnx")
    with (folder / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, **{name: style(pitch) for name, pitch in STYLES.items()})
    return folder


def style(pitch: float) -> np.ndarray:
    """Return the style whose pitch is right for a text as long as GOOD."""
    rows = 1 + 0.02 * (np.arange(1, LONGEST + 1) - len(GOOD))
    return (pitch * rows[:, None, None] * np.ones((1, 1, 4))).astype(np.float32)
