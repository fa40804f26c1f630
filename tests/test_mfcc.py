"""Test Mfcc: SciPy and TensorFlow as oracles, a scalar reference bit for bit, and the stream."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import scipy.fft
from command_line import SAMPLES
from conftest import skip_without
from mfcc_scalar import scalar_features

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE, FrontEnd
from kws.mfcc import Mfcc

TOLERANCE = 1e-4  # of what SciPy computes in binary64
# A filter of one bin shows that bin's rounding, which grows with the loudest bin; tf.signal is as
# far from the exact value there.
TOLERANCES = {"filters without a bin": 1e-3}
# tf.signal rounds to binary32 as well, and is itself up to 1.5e-4 from the exact value.
TENSORFLOW_FACTOR = 2
# Beyond 1024 points the mel weights of tf.signal, computed in binary32, are off by up to 0.1.
TENSORFLOW_POINTS = 1024

FRONT_ENDS = {
    "MLPerf Tiny": FrontEnd(),
    "20 ms windows": FrontEnd(
        window=320, hop=160, mel_filters=20, low_hz=60, high_hz=7600, coefficients=20
    ),
    "25 ms windows": FrontEnd(window=400, hop=160, high_hz=8000, coefficients=13),
    "no overlap": FrontEnd(window=256, hop=256, fft=256, mel_filters=24, low_hz=0, coefficients=24),
    "128 points": FrontEnd(window=100, hop=33, fft=128, mel_filters=8, low_hz=0, coefficients=8),
    "1024 points": FrontEnd(window=640, fft=1024, mel_filters=64, high_hz=8000, coefficients=1),
    "2048 points": FrontEnd(window=2047, hop=1024, fft=2048, mel_filters=128, coefficients=40),
    "filters without a bin": FrontEnd(window=128, hop=64, fft=128, mel_filters=64, low_hz=0),
    "large offset": FrontEnd(log_offset=1.0),
    "standardised": FrontEnd(
        mean=tuple(range(-5, 5)), scale=tuple(0.25 + 0.1 * i for i in range(10))
    ),
}


def chirp_in_noise(seconds: float = 1.0) -> np.ndarray:
    """Return a tone that rises from 50 Hz to 7 kHz and in loudness, in noise."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * (50 + 3475 * time / seconds) * time) * np.geomspace(
        1, 12_000, len(time)
    )
    noise = np.random.default_rng(5).normal(0, 30, len(time))
    return np.round(tone + noise).astype(np.int16)


SIGNALS = {
    "chirp in noise": chirp_in_noise(),
    "silence": np.zeros(4000, np.int16),
    "full scale": np.random.default_rng(6).choice(np.int16([-32768, 32767]), 6000),
    "speech": read_audio(SAMPLES / "all_keywords.flac"),
    "other speech": read_audio(SAMPLES / "jarvis_door.flac"),
}


def windows_of(samples: np.ndarray, spec: FrontEnd) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(samples, spec.window)[:: spec.hop]


def standardised(coefficients: np.ndarray, spec: FrontEnd) -> np.ndarray:
    return (coefficients - (spec.mean or (0,))) * (spec.scale or (1,))


def mel_weights(spec: FrontEnd) -> np.ndarray:
    """Return triangles [bins, filters] between corners equally spaced in HTK's mel scale."""

    def mel(hz):
        return 2595 * np.log10(1 + np.asarray(hz) / 700)

    bins = mel(np.arange(spec.fft // 2 + 1) * SAMPLE_RATE / spec.fft)
    corners = np.linspace(mel(spec.low_hz), mel(spec.high_hz), spec.mel_filters + 2)
    weights = np.stack(
        [np.interp(bins, corners[i : i + 3], [0, 1, 0]) for i in range(spec.mel_filters)], axis=1
    )
    weights[0] = 0  # the constant part is left out, as in tf.signal
    return weights


def with_scipy(samples: np.ndarray, spec: FrontEnd) -> np.ndarray:
    """Compute the definition in binary64."""
    n = np.arange(spec.window)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / spec.window)
    spectrum = np.abs(scipy.fft.rfft(windows_of(samples, spec) / 32768 * hann, spec.fft))
    logs = np.log(spectrum @ mel_weights(spec) + spec.log_offset)
    cepstrum = scipy.fft.dct(logs, norm="ortho")[:, : spec.coefficients]
    cepstrum[:, 0] *= np.sqrt(2)  # tf.signal scales all coefficients the same way
    return standardised(cepstrum, spec)


def with_tensorflow(samples: np.ndarray, spec: FrontEnd) -> np.ndarray:
    """Compute features with tf.signal, as MLPerf Tiny's keyword benchmark does."""
    import tensorflow as tf

    stft = tf.signal.stft(samples.astype(np.float32) / 32768, spec.window, spec.hop, spec.fft)
    weights = tf.signal.linear_to_mel_weight_matrix(
        spec.mel_filters, spec.fft // 2 + 1, SAMPLE_RATE, spec.low_hz, spec.high_hz
    )
    logs = tf.math.log(tf.tensordot(tf.abs(stft), weights, 1) + spec.log_offset)
    cepstrum = tf.signal.mfccs_from_log_mel_spectrograms(logs)[:, : spec.coefficients]
    return standardised(cepstrum.numpy(), spec)


def assert_close(frames: np.ndarray, expected: np.ndarray, name: str, factor: int = 1) -> None:
    tolerance = factor * TOLERANCES.get(name, TOLERANCE)
    np.testing.assert_allclose(frames, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("name", FRONT_ENDS)
def test_scipy_agrees(name, signal):
    spec, samples = FRONT_ENDS[name], SIGNALS[signal]
    frames = Mfcc(spec).push(samples)
    assert frames.dtype == np.float32
    assert_close(frames, with_scipy(samples, spec), name)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("name", [n for n in FRONT_ENDS if FRONT_ENDS[n].fft <= TENSORFLOW_POINTS])
def test_tensorflow_agrees(name, signal):
    skip_without("TensorFlow", find_spec("tensorflow"))
    spec, samples = FRONT_ENDS[name], SIGNALS[signal]
    frames = Mfcc(spec).push(samples)
    assert_close(frames, with_tensorflow(samples, spec), name, TENSORFLOW_FACTOR)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("name", FRONT_ENDS)
def test_scalar_operations_one_by_one_give_the_same_bits(name, signal):
    spec, samples = FRONT_ENDS[name], SIGNALS[signal]
    windows = windows_of(samples, spec)
    frames = Mfcc(spec).push(samples)
    for index in (0, len(frames) // 3, len(frames) - 1):
        expected = scalar_features(windows[index], spec)
        assert frames[index].tobytes() == np.array(expected, np.float32).tobytes()


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_the_division_into_pushes_changes_no_bit(name):
    spec, samples = FRONT_ENDS[name], SIGNALS["speech"][:50_000]
    whole = Mfcc(spec).push(samples)
    random = np.random.default_rng(7)
    odd = np.sort(random.integers(0, len(samples), 60))
    for cuts in (range(spec.hop, len(samples), spec.hop), odd, range(1, 2000)):
        mfcc = Mfcc(spec)
        frames = [mfcc.push(piece) for piece in np.split(samples, cuts)]
        assert np.concatenate(frames).tobytes() == whole.tobytes()


def test_frames_come_as_soon_as_their_window_is_full():
    spec = FrontEnd()
    mfcc = Mfcc(spec)
    samples = SIGNALS["speech"]
    assert mfcc.push(samples[: spec.window - 1]).shape == (0, spec.coefficients)
    assert mfcc.push(samples[:1]).shape == (1, spec.coefficients)
    assert mfcc.push(samples[: spec.hop - 1]).shape == (0, spec.coefficients)
    assert mfcc.push(samples[:1]).shape == (1, spec.coefficients)


def test_reset_forgets_the_stream():
    samples = SIGNALS["speech"][:10_001]
    mfcc = Mfcc(FrontEnd())
    first, second = mfcc.push(samples), mfcc.push(samples)
    assert first.tobytes() != second[: len(first)].tobytes()
    mfcc.reset()
    assert mfcc.push(samples).tobytes() == first.tobytes()
