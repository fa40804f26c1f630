"""What happens to a recording on its way to a microphone: speed, room, colour, noise, level.

Audio here is float32 [n], full scale 1.0; every function takes the random generator it draws from.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import soxr
from scipy.fft import irfft
from scipy.signal import butter, fftconvolve, lfilter, sosfilt

from kws.config import SAMPLE_RATE

Audio = npt.NDArray[np.float32]
Double = npt.NDArray[np.float64]
Random = np.random.Generator

SPEED = (0.88, 1.14)
LEVEL = (-56.0, -8.0)  # dBFS, RMS of the loudest 0.3 s
SNR = (0.0, 25.0)  # dB
LEVEL_BLOCK = 80  # samples
LEVEL_WINDOW = SAMPLE_RATE * 3 // 10 // LEVEL_BLOCK  # blocks
FADE = SAMPLE_RATE // 100
TILT = 12.0  # dB
BANDWIDTH = (3000.0, 7500.0)  # Hz
DRIVE = (0.7, 8.0)
PIECE = (0.12, 0.45)  # s


def speed(audio: Audio, factor: float) -> Audio:
    """Play faster (factor > 1) or slower, pitch included."""
    faster: Audio = soxr.resample(audio, SAMPLE_RATE * factor, SAMPLE_RATE, quality="QQ")
    return faster


def room(audio: Audio, response: Audio) -> Audio:
    """Convolve with an impulse response, its direct sound kept in place, energy kept."""
    direct = int(np.argmax(np.abs(response)))
    wet: Audio = fftconvolve(audio, response)[direct : direct + len(audio)]
    return wet * np.float32(rms(audio) / max(rms(wet), 1e-9))


def made_up_room(random: Random) -> Audio:
    """An impulse response of exponentially decaying noise, RT60 0.1 to 0.7 s."""
    rt60 = random.uniform(0.1, 0.7)
    t = np.arange(int(rt60 * SAMPLE_RATE)) / SAMPLE_RATE
    tail = random.standard_normal(len(t)) * 10 ** (-3 * t / rt60)
    tail *= 10 ** (-random.uniform(0, 15) / 20) / np.sqrt((tail**2).sum())  # direct-to-reverb
    tail[0] += 1
    return tail.astype(np.float32)


def colour(audio: Audio, random: Random) -> Audio:
    """A microphone's tilt: first-order shelves at a random corner, up to TILT either way."""
    corner = np.exp(random.uniform(np.log(150), np.log(5000)))
    pole = np.exp(-2 * np.pi * corner / SAMPLE_RATE)
    low: Double = lfilter([1 - pole], [1, -pole], audio)
    gains = 10 ** (random.uniform(-TILT, TILT, 2) / 20)
    tilted: Double = gains[0] * low + gains[1] * (audio - low)
    return tilted.astype(np.float32)


def narrowed(audio: Audio, random: Random) -> Audio:
    """What a narrow line or a hard codec leaves: nothing above BANDWIDTH."""
    edge = random.uniform(*BANDWIDTH)
    sections = butter(8, edge, fs=SAMPLE_RATE, output="sos")
    narrow: Double = sosfilt(sections, audio)
    return narrow.astype(np.float32)


def overdriven(audio: Audio, random: Random) -> Audio:
    """An amplifier driven too hard: peaks are rounded off, DRIVE times too high for it."""
    drive = np.float32(np.exp(random.uniform(*np.log(DRIVE))) / max(np.abs(audio).max(), 1e-6))
    rounded: Audio = np.tanh(drive * audio) / drive
    return rounded


def mix(audio: Audio, noise: Audio, snr: float) -> Audio:
    """Add noise at a ratio in dB of the loudest 0.3 s of the audio to the noise's RMS."""
    noise_rms = rms(noise)
    if noise_rms < 1e-6:
        return audio
    gain = loudness(audio) / noise_rms * 10 ** (-snr / 20)
    return audio + np.float32(gain) * noise


def hiss(count: int, random: Random) -> Audio:
    """Noise with a power spectrum of f^-slope, white to brown, RMS 1."""
    slope = np.float32(random.uniform(0, 2))
    parts = random.standard_normal((count // 2 + 1, 2), np.float32)
    spectrum = parts.view(np.complex64)[:, 0] * np.exp(-slope / 2 * _log_frequencies(count))
    noise: Audio = irfft(spectrum, count)
    return noise / np.float32(rms(noise))


@cache
def _log_frequencies(count: int) -> Audio:
    """Logarithms of the frequencies of `count` samples, the lowest being 1."""
    logarithms: Audio = np.log(np.maximum(1, np.arange(count // 2 + 1, dtype=np.float32)))
    return logarithms


def set_level(audio: Audio, dbfs: float) -> Audio:
    """Scale so that the loudest 0.3 s have this RMS."""
    return audio * np.float32(10 ** (dbfs / 20) / max(loudness(audio), 1e-6))


def to_int16(audio: Audio) -> npt.NDArray[np.int16]:
    """Round to 16 bits; what is too loud clips, as in a microphone."""
    rounded: Audio = np.clip(np.rint(audio * 32768), -32768, 32767)
    return rounded.astype(np.int16)


def loudness(audio: Audio) -> float:
    """RMS of the loudest 0.3 s."""
    blocks = np.resize(audio, (max(1, len(audio) // LEVEL_BLOCK), LEVEL_BLOCK))
    power = np.einsum("ij,ij->i", blocks, blocks, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    width = min(LEVEL_WINDOW, len(power))
    return float(np.sqrt((sums[width:] - sums[:-width]).max() / (width * LEVEL_BLOCK)))


def faded(audio: Audio) -> Audio:
    """Fade both ends over 10 ms, so that a cut does not click."""
    ramp = np.linspace(0, 1, min(FADE, len(audio) // 2), dtype=np.float32)
    out = audio.copy()
    if len(ramp):
        out[: len(ramp)] *= ramp
        out[-len(ramp) :] *= ramp[::-1]
    return out


def shuffled(audio: Audio, random: Random, length: tuple[float, float] = PIECE) -> Audio:
    """Syllables, `length` long (s), in another order: real voices in sequences unheard of."""
    most = int(len(audio) / (length[0] * SAMPLE_RATE)) + 1
    cuts = np.cumsum(random.uniform(*length, most) * SAMPLE_RATE).astype(int)
    pieces = np.split(audio, cuts[cuts < len(audio)])
    return np.concatenate([faded(pieces[i]) for i in random.permutation(len(pieces))])


def rms(audio: Audio | Double) -> float:
    """Of the whole of it."""
    return float(np.sqrt(np.mean(audio.astype(np.float64) ** 2)))
