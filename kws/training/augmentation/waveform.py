"""Transform waveforms: speed, reverberation, spectral tilt, distortion, noise, level.

Audio here is float32 [n], full scale 1.0. A transform that draws takes the generator it draws from.
Names in brackets are those of the same transform in lhotse or audiomentations.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import soxr
from scipy.fft import irfft
from scipy.signal import butter, fftconvolve, lfilter, sosfilt

from kws.audio.mu_law import compand
from kws.config import SAMPLE_RATE

Samples = npt.NDArray[np.int16]
Audio = npt.NDArray[np.float32]
Double = npt.NDArray[np.float64]
Random = np.random.Generator

SPEED = (0.88, 1.14)
CHILD_SPEED, CHILDREN = (1.14, 1.35), 0.1  # a shorter vocal tract, and the share of voices with it
LEVEL = (-56.0, -8.0)  # dBFS, RMS of the loudest 0.3 s
SNR = (0.0, 25.0)  # dB
LEVEL_BLOCK = 80  # samples
LEVEL_WINDOW = SAMPLE_RATE * 3 // 10 // LEVEL_BLOCK  # blocks
FADE = SAMPLE_RATE // 100
TILT = 12.0  # dB
CUTOFF = (3000.0, 7500.0)  # Hz
DRIVE = (0.7, 8.0)  # peak before the tanh
SEGMENT = (0.12, 0.45)  # s
MICROPHONE_NOISE = (-90.0, -60.0)  # dBFS
RT60 = (0.1, 1.0)  # s
TREBLE_DECAY = (0.4, 1.0)  # RT60 of the treble against that of the bass
DIRECT_TO_REVERBERANT = (-6.0, 15.0)  # dB
TELEPHONE_LOW, TELEPHONE_HIGH = (150.0, 400.0), (3000.0, 3700.0)  # Hz, edges of the band
TELEPHONE_RATE = 8_000  # Hz
TREBLE_LOSS = (0.0, 40.0)  # dB, of what the noise of rounding leaves above half that rate


def perturb_speed(audio: Audio, factor: float) -> Audio:
    """Resample to play faster (factor > 1) or slower, pitch included (PerturbSpeed)."""
    faster: Audio = soxr.resample(audio, SAMPLE_RATE * factor, SAMPLE_RATE, quality="QQ")
    return faster


def random_speed(random: Random) -> float:
    """Return a factor for perturb_speed(), at times one that makes a child of an adult."""
    return float(random.uniform(*(CHILD_SPEED if random.random() < CHILDREN else SPEED)))


def apply_impulse_response(audio: Audio, response: Audio) -> Audio:
    """Convolve with a room impulse response (RIR), keeping energy and time (ApplyImpulseResponse).

    The peak of the response counts as the direct sound.
    """
    direct = int(np.argmax(np.abs(response)))
    wet: Audio = fftconvolve(audio, response)[direct : direct + len(audio)]
    wet *= np.float32(rms(audio) / max(rms(wet), 1e-9))
    return wet


def synthetic_impulse_response(random: Random) -> Audio:
    """Return an RIR of exponentially decaying noise, whose treble decays faster (Polack 1988)."""
    rt60 = random.uniform(*RT60)
    t = np.arange(int(rt60 * SAMPLE_RATE)) / SAMPLE_RATE
    noise = random.standard_normal((2, len(t)))
    pole = np.exp(-2 * np.pi * random.uniform(500, 3000) / SAMPLE_RATE)
    bass = lfilter([1 - pole], [1, -pole], noise[0])
    treble = noise[1] - lfilter([1 - pole], [1, -pole], noise[1])
    ratio = random.uniform(*TREBLE_DECAY)
    tail = bass * 10 ** (-3 * t / rt60) + treble * 10 ** (-3 * t / (ratio * rt60))
    tail[: int(random.uniform(0, 0.01) * SAMPLE_RATE)] = 0  # until the first reflection
    tail *= 10 ** (-random.uniform(*DIRECT_TO_REVERBERANT) / 20) / np.sqrt((tail**2).sum())
    # The direct sound leads, however strong its reflections are.
    response: Double = np.clip(tail, -0.9, 0.9)
    response[0] = 1
    return response.astype(np.float32)


def tilt_spectrum(audio: Audio, random: Random) -> Audio:
    """Apply shelves of up to TILT at a random corner (LowShelfFilter, HighShelfFilter)."""
    corner = np.exp(random.uniform(np.log(150), np.log(5000)))
    pole = np.exp(-2 * np.pi * corner / SAMPLE_RATE)
    low: Double = lfilter([1 - pole], [1, -pole], audio)
    gains = 10 ** (random.uniform(-TILT, TILT, 2) / 20)
    tilted: Double = gains[0] * low + gains[1] * (audio - low)
    return tilted.astype(np.float32)


def low_pass(audio: Audio, random: Random) -> Audio:
    """Apply a Butterworth low-pass at a random CUTOFF, as codecs do (LowPassFilter)."""
    cutoff = random.uniform(*CUTOFF)
    sections = butter(8, cutoff, fs=SAMPLE_RATE, output="sos")
    filtered: Double = sosfilt(sections, audio)
    return filtered.astype(np.float32)


def telephone(audio: Audio, random: Random) -> Audio:
    """Limit to the band of a telephone, and round as its companding does (ITU-T G.711).

    It samples at TELEPHONE_RATE. What comes after it leaves more or less above half of that.
    """
    band = random.uniform(*TELEPHONE_LOW), random.uniform(*TELEPHONE_HIGH)
    narrow: Double = sosfilt(butter(4, band, "bandpass", fs=SAMPLE_RATE, output="sos"), audio)
    peak = max(float(np.abs(narrow).max()), 1e-6) / random.uniform(0.05, 1.0)
    rounded = peak * compand(narrow / peak)
    sampled = soxr.resample(rounded, SAMPLE_RATE, TELEPHONE_RATE)
    passed: Double = soxr.resample(sampled, TELEPHONE_RATE, SAMPLE_RATE)[: len(rounded)]
    treble = rounded[: len(passed)] - passed
    rounded[: len(passed)] = passed + 10 ** (-random.uniform(*TREBLE_LOSS) / 20) * treble
    return rounded.astype(np.float32)


def distort(audio: Audio, random: Random) -> Audio:
    """Drive an amplifier up to DRIVE times its range (TanhDistortion)."""
    drive = np.float32(np.exp(random.uniform(*np.log(DRIVE))) / max(np.abs(audio).max(), 1e-6))
    distorted: Audio = np.tanh(drive * audio) / drive
    return distorted


def mix(audio: Audio, noise: Audio, snr: float) -> Audio:
    """Add noise at an SNR in dB: the loudest 0.3 s of the audio to the RMS of the noise."""
    noise_rms = rms(noise)
    if noise_rms < 1e-6:
        return audio
    gain = loudness(audio) / noise_rms * 10 ** (-snr / 20)
    return audio + np.float32(gain) * noise


def coloured_noise(count: int, random: Random) -> Audio:
    """Return noise with a power spectrum of f^-slope, white to brown, RMS 1."""
    slope = np.float32(random.uniform(0, 2))
    normal = random.standard_normal((count // 2 + 1, 2), np.float32)
    spectrum = normal.view(np.complex64)[:, 0] * np.exp(-slope / 2 * _log_frequencies(count))
    noise: Audio = irfft(spectrum, count)
    return noise / np.float32(rms(noise))


def add_microphone_noise(audio: Audio, random: Random) -> Audio:
    """Add coloured noise at a random level of MICROPHONE_NOISE (AddColorNoise)."""
    gain = 10 ** (random.uniform(*MICROPHONE_NOISE) / 20)
    return audio + np.float32(gain) * coloured_noise(len(audio), random)


def randomise_level(audio: Audio, random: Random) -> Audio:
    """Set a random LEVEL (PerturbVolume)."""
    return set_level(audio, random.uniform(*LEVEL))


def set_level(audio: Audio, dbfs: float) -> Audio:
    """Scale so that the loudest 0.3 s have this RMS."""
    return audio * np.float32(10 ** (dbfs / 20) / max(loudness(audio), 1e-6))


def to_int16(audio: Audio) -> Samples:
    """Round to 16 bits; what is too loud clips, as in a microphone."""
    rounded: Audio = np.clip(np.rint(audio * 32768), -32768, 32767)
    return rounded.astype(np.int16)


def to_float(samples: Samples) -> Audio:
    """Convert int16 to float32, full scale 1.0."""
    return samples.astype(np.float32) / np.float32(32768)


def loudness(audio: Audio) -> float:
    """Return the RMS of the loudest 0.3 s."""
    blocks = np.resize(audio, (max(1, len(audio) // LEVEL_BLOCK), LEVEL_BLOCK))
    power = np.einsum("ij,ij->i", blocks, blocks, dtype=np.float64)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    width = min(LEVEL_WINDOW, len(power))
    return float(np.sqrt((sums[width:] - sums[:-width]).max() / (width * LEVEL_BLOCK)))


def fade(audio: Audio) -> Audio:
    """Fade in and out over 10 ms, so that a cut does not click."""
    ramp = np.linspace(0, 1, min(FADE, len(audio) // 2), dtype=np.float32)
    out = audio.copy()
    if len(ramp):
        out[: len(ramp)] *= ramp
        out[-len(ramp) :] *= ramp[::-1]
    return out


def shuffle_segments(audio: Audio, random: Random, length: tuple[float, float] = SEGMENT) -> Audio:
    """Cut into segments of random `length`, s, and join them in a random order.

    The result has the voice of the speech and none of its words.
    """
    most = int(len(audio) / (length[0] * SAMPLE_RATE)) + 1
    cuts = np.cumsum(random.uniform(*length, most) * SAMPLE_RATE).astype(int)
    segments = np.split(audio, cuts[cuts < len(audio)])
    return np.concatenate([fade(segments[i]) for i in random.permutation(len(segments))])


def rms(audio: Audio | Double) -> float:
    """Return the root mean square of a signal."""
    return float(np.sqrt(np.mean(audio.astype(np.float64) ** 2)))


@cache
def _log_frequencies(count: int) -> Audio:
    """Return the logarithms of the frequencies of `count` samples, the lowest being 1."""
    logarithms: Audio = np.log(np.maximum(1, np.arange(count // 2 + 1, dtype=np.float32)))
    return logarithms
