"""Check a take, find the part that is worth keeping, and store it in a dataset folder."""

from __future__ import annotations

import re
import time
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.atomic_write import place, unfinished_path
from kws.audio.encode import encode
from kws.config import SAMPLE_RATE
from kws.data.word_span import ABOVE_FLOOR, FRAME, frame_levels, word_span
from kws.errors import KwsError
from kws.keyword_names import is_word_character

MARGIN = 0.5  # s kept before and after the speech
FULL_SCALE = 20 * np.log10(32768)  # dB re 1 LSB
CLIPPED, CLIPPED_SAMPLES = round(0.99 * 32767), 10  # that many at this value are audible
SILENT = -45.0  # dBFS of the loudest 30 ms: people's recordings are 5 dB or more above
NOISY = 15.0  # dB of speech over the noise; people's wake words have 17 to 80
MIN_KEYWORD, MAX_KEYWORD = 0.2, 2.0  # s
MAX_SPEAKER = 100  # bytes of a name; those of files have 255 at most
EDGE = 0.05  # s: speech that close to the start or end of a take was cut off

Samples = npt.NDArray[np.int16]


class TakeKind(Enum):
    """Name what a take must contain."""

    WORD = "word"
    SPEECH = "speech"
    NOISE = "noise"


@dataclass(frozen=True)
class TakeCheck:
    """Hold the check of a take: samples start..end are worth keeping unless there is a problem."""

    start: int
    end: int
    remark: str  # one line for the speaker
    problem: bool


def check(samples: Samples, kind: TakeKind) -> TakeCheck:
    """Check a take, int16 [n] at 16 kHz, n > 0: clipped, silent, too noisy, too short, too long?

    Words and other speech are trimmed to MARGIN before and after; noise is kept as it is.
    """
    level = frame_levels(samples) - FULL_SCALE
    untrimmed = (0, len(samples))
    start, end = untrimmed if kind is TakeKind.NOISE else _speech_bounds(samples, kind)
    problem = _loudness_problem(samples, level, kind)
    above = _above_noise(level, start, end)
    if not problem and kind is not TakeKind.NOISE and above < NOISY:
        problem = (
            f"too noisy: the speech is {above:.0f} dB above the noise, {NOISY:.0f} are needed;"
            " come closer or find a quieter place"
        )
    if not problem and kind is TakeKind.WORD:
        problem = _length_problem(start / SAMPLE_RATE, end / SAMPLE_RATE, len(samples))
    if problem:
        return TakeCheck(*untrimmed, problem, True)
    seconds, peak = (end - start) / SAMPLE_RATE, level.max()
    remark = f"good: {seconds:.2f} s, {peak:.0f} dBFS"
    if kind is not TakeKind.NOISE:
        remark += f", {above:.0f} dB above the noise"
    margin = round(MARGIN * SAMPLE_RATE)
    return TakeCheck(max(0, start - margin), min(len(samples), end + margin), remark, False)


def _speech_bounds(samples: Samples, kind: TakeKind) -> tuple[int, int]:
    """Return the first and last+1 sample of the speech."""
    if kind is TakeKind.WORD:
        return word_span(samples)
    level = frame_levels(samples)
    speech = np.flatnonzero(level > np.percentile(level, 10) + ABOVE_FLOOR)
    if not len(speech):
        return 0, len(samples)
    return int(speech[0]) * FRAME, min(len(samples), (int(speech[-1]) + 1) * FRAME)


def _loudness_problem(samples: Samples, level: npt.NDArray[np.float64], kind: TakeKind) -> str:
    """Return what is wrong with the loudness of a take; "" if nothing."""
    if not samples.any():
        return "silent: all samples are zero; is the microphone muted?"
    if np.count_nonzero(np.abs(samples.astype(np.int32)) >= CLIPPED) >= CLIPPED_SAMPLES:
        return "clipped: too loud for the microphone; turn it down or keep farther away"
    if kind is not TakeKind.NOISE and level.max() < SILENT:
        return (
            f"silent: {level.max():.0f} dBFS at most, {SILENT:.0f} are needed; speak up, come"
            " closer or turn the microphone up"
        )
    return ""


def _above_noise(level: npt.NDArray[np.float64], start: int, end: int) -> float:
    """Return the level of the speech above the noise in dB.

    The speech counts with its 90th percentile, the noise with its median outside of the speech;
    where too little is outside, with the 10th percentile of the take.
    """
    first, last = start // FRAME, max(start // FRAME + 1, end // FRAME)
    outside = np.concatenate([level[: max(0, first - 3)], level[last + 3 :]])
    noise = np.median(outside) if len(outside) >= 10 else np.percentile(level, 10)
    return float(np.percentile(level[first:last], 90) - noise)


def _length_problem(start: float, end: float, samples: int) -> str:
    """Return what is wrong with the length of a word from start to end, in s; "" if nothing."""
    if end > samples / SAMPLE_RATE - EDGE or start < EDGE:
        return "too long: it was cut off; say it after the countdown, or give more --seconds"
    if end - start < MIN_KEYWORD:
        return f"too short: {end - start:.2f} s is a click rather than a word"
    if end - start > MAX_KEYWORD:
        return f"too long: {end - start:.1f} s; say only the keyword, once"
    return ""


class TakeFolder:
    """Store takes of one speaker as <speaker>-<session>-<number>.wav, or <session>-<number>.wav.

    A file is complete or absent, and none is ever overwritten. The session is the time at which the
    object was made. kws.data keeps speakers apart by these names, and sessions without a speaker.
    """

    def __init__(self, folder: Path, speaker: str) -> None:
        """Make the folder for takes of the speaker.

        speaker: a name of letters and digits, or "". Raises KwsError for another name, or for a
        folder that cannot be made or read.
        """
        speaker = unicodedata.normalize("NFC", speaker)
        if not all(map(is_word_character, speaker)):
            raise KwsError(f"speaker {speaker!r}: letters and digits only, as in anna or p07")
        if len(speaker.encode()) > MAX_SPEAKER:
            raise KwsError(f"speaker {speaker[:20]!r}...: longer than {MAX_SPEAKER} bytes in UTF-8")
        self.folder = folder
        prefix = f"{speaker}-" if speaker else ""
        self._session = f"{prefix}{time.strftime('%Y%m%dT%H%M%S')}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KwsError(f"{folder}: {error.strerror}") from error
        self._name = re.compile(rf"{re.escape(prefix)}\d{{8}}T\d{{6}}-\d+\.wav")

    @property
    def kept(self) -> int:
        """Return how many takes of the speaker are there; Ctrl-C may come while one is kept."""
        try:
            names = [path.name for path in self.folder.iterdir()]
        except FileNotFoundError:  # it was empty
            return 0
        except OSError as error:
            raise KwsError(f"{self.folder}: {error.strerror}") from error
        return sum(self._name.fullmatch(name) is not None for name in names)

    def add(self, samples: Samples) -> Path:
        """Write a take, int16 [n] at 16 kHz; raise KwsError when it cannot be written."""
        number = 1
        while (path := self._path(number)).exists():
            number += 1
        unfinished = unfinished_path(path)
        try:
            unfinished.write_bytes(encode(samples, "WAV"))
            while not _placed(unfinished, path):  # another recorder may be at work
                number += 1
                path = self._path(number)
        except OSError as error:
            raise KwsError(f"{path}: cannot be written: {error.strerror}") from error
        finally:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
        return path

    def _path(self, number: int) -> Path:
        return self.folder / f"{self._session}-{number:03d}.wav"

    def remove_if_empty(self) -> None:
        """Remove the folder if nothing is in it: an empty one would be a keyword, too."""
        with suppress(OSError):
            self.folder.rmdir()


def _placed(unfinished: Path, path: Path) -> bool:
    """Give a take its name, unless a file has it."""
    try:
        place(unfinished, path)
    except FileExistsError:
        return False
    return True
