"""Test the conversion of clients' audio."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from conftest import skip_without

skip_without("the package wyoming", find_spec("wyoming"))

from kws.serve.event_reader import ProtocolError  # noqa: E402
from kws.serve.pcm import PcmConverter, PcmFormat  # noqa: E402

SAMPLES = np.array([0, 1, -1, 256, -256, 12345, -32768, 32767], np.int16)


def encode(samples: np.ndarray, width: int) -> bytes:
    """Return int16 samples as integers of another width; the least significant bytes are 0."""
    if width == 1:
        return ((samples >> 8) + 128).astype(np.uint8).tobytes()
    wide = samples.astype("<i4") << 16
    return wide.view(np.uint8).reshape(-1, 4)[:, 4 - width :].tobytes()


@pytest.mark.parametrize("width", [2, 3, 4])
@pytest.mark.parametrize("cut", [1, 2, 3, 5, 64])
def test_every_width_gives_the_same_samples_however_it_is_cut(width, cut):
    converter, audio = PcmConverter(PcmFormat(width=width)), encode(SAMPLES, width)
    pieces = [converter.push(audio[start : start + cut]) for start in range(0, len(audio), cut)]
    found = np.concatenate(pieces)
    assert found.dtype == np.int16
    assert found.tolist() == SAMPLES.tolist()


def test_bytes_are_unsigned():
    found = PcmConverter(PcmFormat(width=1)).push(bytes([0, 127, 128, 255]))
    assert found.tolist() == [-32768, -256, 0, 127 * 256]


def test_channels_are_averaged():
    stereo = np.stack([SAMPLES, np.zeros_like(SAMPLES)], axis=1)
    found = PcmConverter(PcmFormat(channels=2)).push(stereo.tobytes())
    assert found.tolist() == np.rint(SAMPLES / 2).tolist()


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000])
def test_a_tone_keeps_its_pitch_and_length(rate):
    tone = np.sin(2 * np.pi * 1000 * np.arange(rate) / rate) * 10_000
    converter = PcmConverter(PcmFormat(rate=rate))
    audio = tone.astype("<i2").tobytes()
    found = np.concatenate([converter.push(audio), converter.push(b"", last=True)])
    assert abs(len(found) - 16_000) < 40
    spectrum = np.abs(np.fft.rfft(found[2000:10_000].astype(float)))
    assert spectrum.argmax() * 16_000 / 8000 == pytest.approx(1000, abs=2)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rate", 0),
        ("rate", 10**9),
        ("rate", "16000"),
        ("width", 5),
        ("width", None),
        ("channels", 0),
        ("channels", True),
        ("channels", 1000),
    ],
)
def test_impossible_formats_are_named(key, value):
    with pytest.raises(ProtocolError, match=f"audio: {key} is "):
        PcmFormat.of({"rate": 16_000, "width": 2, "channels": 1, key: value})
