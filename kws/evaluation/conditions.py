"""Change an utterance of a keyword to the conditions that a detector meets.

Other speech before and after the word, noise, babble, rooms, the telephone, another tempo. Speech
and noise come from a Material, which must be as unknown to the model as the utterance is. SNR and
equal level are ratios of the greatest 512-sample energies (noise_mixing.py).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import soxr
from scipy.signal import butter, fftconvolve, sosfilt

from kws.audio.mu_law import compand
from kws.config import SAMPLE_RATE
from kws.data.word_span import frame_levels, word_span
from kws.evaluation.noise_mixing import add_noise, cut_noise, greatest_energy, noise_gain
from kws.evaluation.room_simulation import Response, simulated_rooms
from kws.evaluation.time_stretching import change_tempo
from kws.types import Samples

CLEAN, ALONE, ORDER, RUNNING = "clean", "alone", "order follows", "running speech"
TALKERS = 8
SILENCE = 2 * SAMPLE_RATE  # samples before and after an utterance that stands alone
MARGIN = SAMPLE_RATE // 10  # samples kept around a word that is cut out of its recording
ORDER_GAP = (0.05, 0.15)  # s from the word's end to the order
RUNNING_GAP = (0.02, 0.1)  # s between the word and the speech around it
PASSAGE = 3 * SAMPLE_RATE  # samples of other speech, at most
SPEECH_RANGE = 30.0  # dB under the loudest frame that speech begins and ends at
LEVEL = 1e9  # greatest energy that all other speech is brought to: about -26 dBFS
FADE = SAMPLE_RATE // 100
BAND = (300.0, 3400.0)  # Hz, of the telephone

Random = np.random.Generator
Audio = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WordRecording:
    """Hold a recording of a keyword and where the word is in it."""

    samples: Samples
    start: int  # first sample of the word
    end: int  # last one + 1


Condition = Callable[[WordRecording, Random], WordRecording]


@dataclass(frozen=True)
class Material:
    """Hold what is mixed with utterances; trimmed to the speech and brought to one level."""

    speech: Sequence[Samples]
    orders: Sequence[Samples]  # that follow the word
    noise: Samples  # empty where there is none
    rooms: Sequence[Response] = field(default_factory=lambda: simulated_rooms(seed=1))


def find_word(samples: Samples) -> WordRecording:
    """Return a recording with the span of the word in it."""
    return WordRecording(samples, *word_span(samples))


def trimmed(speech: Samples) -> Samples:
    """Return speech without the silence before and after it, at the level of all other speech."""
    level = frame_levels(speech)
    frame = SAMPLE_RATE // 100
    loud = np.flatnonzero(level > level.max() - SPEECH_RANGE)
    cut = speech[loud[0] * frame : (loud[-1] + 1) * frame]
    gain = np.sqrt(LEVEL / max(greatest_energy(cut), 1.0))
    return _samples(cut * gain)


def conditions(material: Material) -> dict[str, Condition]:
    """Return the conditions by name; those that the material has nothing for are left out."""
    found: dict[str, Condition] = {CLEAN: lambda word, random: word, ALONE: _alone}
    if material.orders:
        found[ORDER] = partial(_in_speech, before=(), after=material.orders, gap=ORDER_GAP)
    if material.speech:
        found[RUNNING] = partial(
            _in_speech, before=material.speech, after=material.speech, gap=RUNNING_GAP
        )
        joined = np.concatenate(material.speech)
        babble = talkers(joined)
        found[f"babble of {TALKERS}, 10 dB"] = partial(_in_noise, noise=babble, snr=10.0)
        found[f"babble of {TALKERS}, 5 dB"] = partial(_in_noise, noise=babble, snr=5.0)
        found["another talker, 5 dB"] = partial(_in_noise, noise=joined, snr=5.0)
    if len(material.noise):
        found["noise, 10 dB"] = partial(_in_noise, noise=material.noise, snr=10.0)
    found["rooms"] = partial(_in_room, rooms=material.rooms)
    if len(material.noise):
        found["rooms, noise, 15 dB"] = partial(
            _in_noisy_room, rooms=material.rooms, noise=material.noise, snr=15.0
        )
    found["telephone band"] = lambda word, random: _by_telephone(word)
    for tempo in (0.85, 1.2):
        found[f"tempo {tempo:g}"] = partial(_at_tempo, tempo=tempo)
    return found


def changed(
    words: Iterable[WordRecording], conditions: Mapping[str, Condition], keyword: str
) -> Iterator[tuple[str, WordRecording]]:
    """Yield each utterance of a keyword in each condition, by the condition's name.

    Each has random numbers of its own: they depend on nothing else that is made.
    """
    for number, word in enumerate(words):
        for name, condition in conditions.items():
            seed = [zlib.crc32(text.encode("utf-8")) for text in (keyword, name)]
            yield name, condition(word, np.random.default_rng([*seed, number]))


def talkers(speech: Samples) -> Samples:
    """Return TALKERS passages of the speech, mixed."""
    length = len(speech) // TALKERS
    passages = np.reshape(speech[: length * TALKERS], (TALKERS, length))
    return _samples(passages.astype(np.float64).mean(axis=0) * 2)


def _alone(word: WordRecording, random: Random) -> WordRecording:
    """Return an utterance between silences instead of its own background."""
    first = max(0, word.start - MARGIN)
    kept = _fade(word.samples[first : word.end + MARGIN])
    samples = np.pad(_samples(kept), SILENCE)
    return WordRecording(samples, word.start - first + SILENCE, word.end - first + SILENCE)


def _in_speech(
    word: WordRecording,
    random: Random,
    before: Sequence[Samples],
    after: Sequence[Samples],
    gap: tuple[float, float],
) -> WordRecording:
    """Return an utterance with other speech, equally loud, right before and right after it."""
    gaps = (random.uniform(*gap, 2) * SAMPLE_RATE).astype(int)
    energy = greatest_energy(word.samples[word.start : word.end])
    lead = _passage(before, slice(-PASSAGE, None), energy, random)
    tail = _passage(after, slice(PASSAGE), energy, random)
    shift = max(0, len(lead) + gaps[0] - word.start)  # samples put before the recording
    start, end = word.start + shift, word.end + shift
    mixed = np.zeros(max(shift + len(word.samples), end + gaps[1] + len(tail)))
    mixed[shift : shift + len(word.samples)] = word.samples
    mixed[start - gaps[0] - len(lead) : start - gaps[0]] += lead
    mixed[end + gaps[1] : end + gaps[1] + len(tail)] += tail
    return WordRecording(_samples(mixed), start, end)


def _passage(speech: Sequence[Samples], part: slice, energy: float, random: Random) -> Audio:
    """Return a part of a random utterance at an energy; nothing where there is no speech."""
    if not speech:
        return np.zeros(0)
    chosen = speech[int(random.integers(len(speech)))][part]
    return _fade(chosen) * noise_gain(energy, greatest_energy(chosen), 0.0)


def _in_noise(word: WordRecording, random: Random, noise: Samples, snr: float) -> WordRecording:
    """Return an utterance with a random cut of the noise."""
    first = int(random.integers(len(noise)))
    cut = cut_noise(noise, first, len(word.samples))
    gain = noise_gain(greatest_energy(word.samples), greatest_energy(cut), snr)
    return WordRecording(add_noise(word.samples, noise, first, gain), word.start, word.end)


def _in_room(word: WordRecording, random: Random, rooms: Sequence[Response]) -> WordRecording:
    """Return an utterance in a random room, as loud as before."""
    response = rooms[int(random.integers(len(rooms)))]
    wet: Audio = fftconvolve(word.samples.astype(np.float64), response)
    return WordRecording(_as_loud(wet, word.samples), word.start, word.end)


def _in_noisy_room(
    word: WordRecording, random: Random, rooms: Sequence[Response], noise: Samples, snr: float
) -> WordRecording:
    """Return an utterance in a random room, and noise with it."""
    return _in_noise(_in_room(word, random, rooms), random, noise, snr)


def _by_telephone(word: WordRecording) -> WordRecording:
    """Return an utterance as the telephone carries it: 300 to 3400 Hz, 8 kHz, 8 bits (mu-law)."""
    sections = butter(4, BAND, "bandpass", fs=SAMPLE_RATE, output="sos")
    band: Audio = sosfilt(sections, word.samples.astype(np.float64))
    narrow = np.clip(soxr.resample(band, SAMPLE_RATE, SAMPLE_RATE // 2) / 32768, -1, 1)
    wide: Audio = soxr.resample(compand(narrow) * 32768, SAMPLE_RATE // 2, SAMPLE_RATE)
    return WordRecording(_samples(wide), word.start, word.end)


def _at_tempo(word: WordRecording, random: Random, tempo: float) -> WordRecording:
    """Return an utterance at another tempo, with its pitch."""
    samples = change_tempo(word.samples, tempo)
    return WordRecording(samples, int(word.start / tempo), int(word.end / tempo))


def _as_loud(audio: Audio, other: Samples) -> Samples:
    """Return audio with the greatest energy of another recording."""
    gain = np.sqrt(greatest_energy(other) / max(greatest_energy(audio), 1.0))
    return _samples(audio * gain)


def _fade(audio: Audio | Samples) -> Audio:
    """Fade in and out, so that a cut does not click."""
    faded = audio.astype(np.float64)
    ramp = np.linspace(0, 1, min(FADE, len(faded) // 2))
    if len(ramp):
        faded[: len(ramp)] *= ramp
        faded[-len(ramp) :] *= ramp[::-1]
    return faded


def _samples(audio: Audio) -> Samples:
    """Round to 16 bits and clip."""
    rounded: Audio = np.clip(np.rint(audio), -32768, 32767)
    return rounded.astype(np.int16)
