"""What is wrong with a take, if anything, and which part of it is worth keeping."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from kws.config import SAMPLE_RATE
from kws.data.word_span import ABOVE_FLOOR, FRAME, frame_levels, word_span

MARGIN = 0.5  # s kept around what was said
FULL_SCALE = 20 * np.log10(32768)  # dB re 1 LSB
CLIPPED, CLIPPED_SAMPLES = round(0.99 * 32767), 10  # so many at this value or beyond are heard
SILENT = -45.0  # dBFS of the loudest 30 ms: people's recordings lie above it by 5 dB or more
NOISY = 15.0  # dB of speech over the noise; people's recordings of wake words have 17 to 80
SHORTEST, LONGEST = 0.2, 2.0  # s of a keyword
EDGE = 0.05  # s: what comes so near the end of a take was cut off

Samples = npt.NDArray[np.int16]


class Kind(Enum):
    """What a take is to hold."""

    WORD = "word"
    SPEECH = "speech"
    NOISE = "noise"


@dataclass(frozen=True)
class Judgement:
    """One take: samples start..end are worth keeping, unless there is a problem (one line)."""

    start: int
    end: int
    remark: str
    problem: bool


def judge(samples: Samples, kind: Kind) -> Judgement:
    """Judge a take, int16 [n] at 16 kHz, n > 0: clipped, silent, too noisy, too short, too long?

    Words are trimmed to MARGIN before and behind, speech to where it begins and ends.
    """
    level = frame_levels(samples) - FULL_SCALE
    whole = (0, len(samples))
    start, end = whole if kind is Kind.NOISE else _span(samples, kind)
    problem = _loudness_problem(samples, level, kind)
    above = _above_noise(level, start, end)
    if not problem and kind is not Kind.NOISE and above < NOISY:
        problem = (
            f"too noisy: what was said is {above:.0f} dB above the noise, {NOISY:.0f} are needed;"
            " come closer or find a quieter place"
        )
    if not problem and kind is Kind.WORD:
        problem = _length_problem(start / SAMPLE_RATE, end / SAMPLE_RATE, len(samples))
    if problem:
        return Judgement(*whole, problem, True)
    seconds, peak = (end - start) / SAMPLE_RATE, level.max()
    remark = f"good: {seconds:.2f} s, {peak:.0f} dBFS"
    if kind is not Kind.NOISE:
        remark += f", {above:.0f} dB above the noise"
    margin = round(MARGIN * SAMPLE_RATE)
    return Judgement(max(0, start - margin), min(len(samples), end + margin), remark, False)


def _span(samples: Samples, kind: Kind) -> tuple[int, int]:
    """First and last+1 sample of what was said."""
    if kind is Kind.WORD:
        return word_span(samples)
    level = frame_levels(samples)
    speech = np.flatnonzero(level > np.percentile(level, 10) + ABOVE_FLOOR)
    if not len(speech):
        return 0, len(samples)
    return int(speech[0]) * FRAME, min(len(samples), (int(speech[-1]) + 1) * FRAME)


def _loudness_problem(samples: Samples, level: npt.NDArray[np.float64], kind: Kind) -> str:
    if not samples.any():
        return "silent: nothing but zeros came; is the microphone muted?"
    if np.count_nonzero(np.abs(samples.astype(np.int32)) >= CLIPPED) >= CLIPPED_SAMPLES:
        return "clipped: too loud for the microphone; turn it down or keep farther away"
    if kind is not Kind.NOISE and level.max() < SILENT:
        return (
            f"silent: {level.max():.0f} dBFS at most, {SILENT:.0f} are needed; speak up, come"
            " closer or turn the microphone up"
        )
    return ""


def _above_noise(level: npt.NDArray[np.float64], start: int, end: int) -> float:
    """dB from the noise, outside of what was said or in its pauses, to its louder tenth."""
    first, last = start // FRAME, max(start // FRAME + 1, end // FRAME)
    outside = np.concatenate([level[: max(0, first - 3)], level[last + 3 :]])
    noise = np.median(outside) if len(outside) >= 10 else np.percentile(level, 10)
    return float(np.percentile(level[first:last], 90) - noise)


def _length_problem(start: float, end: float, samples: int) -> str:
    """start, end: s of the word."""
    if end > samples / SAMPLE_RATE - EDGE or start < EDGE:
        return "too long: it was cut off; say it after the countdown, or give more --seconds"
    if end - start < SHORTEST:
        return f"too short: {end - start:.2f} s is a click rather than a word"
    if end - start > LONGEST:
        return f"too long: {end - start:.1f} s; say the keyword alone, once"
    return ""
