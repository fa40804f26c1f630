"""Make every audio sample and expected.json from the table in README.md.

    python audio_samples/make.py [FOLDER]

Each sentence is synthesised in segments, each keyword being one of them, and the segments are
joined with pauses, so that the time of every keyword is known.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.tts.voices import Voice, installed_voices

HERE = Path(__file__).parent
SILENCE_BEFORE, PAUSE, SILENCE_AFTER = 1.2, 0.2, 1.0  # s before, between, after the segments
PEAK = 0.5  # of full scale
NOISE_LEVEL = 4.0  # RMS of the white noise in all of a file, int16 steps: no microphone is silent
TRIM_LEVEL = 0.02  # of the peak; the ends of a segment below it are cut off
FRAME = SAMPLE_RATE // 100  # samples that are trimmed at a time
SEED = 1

Audio = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """Hold one line of the table."""

    file: str
    voice: Voice
    rate: float
    pitch: float
    text: str  # keywords in **bold**


def table(readme: Path = HERE / "README.md") -> list[Sample]:
    """Return the lines of the table, in order."""
    rows = [
        [cell.strip() for cell in line.strip("| \n").split("|")]
        for line in readme.read_text(encoding="utf-8").splitlines()
        if re.match(r"\| \S+\.flac ", line)
    ]
    return [
        Sample(file, Voice(*voice.split()), float(rate), float(pitch), text)
        for file, voice, rate, pitch, text in rows
    ]


def make(sample: Sample) -> tuple[npt.NDArray[np.int16], list[tuple[str, float, float]]]:
    """Return the samples, and the start and the end of each keyword in s."""
    audio, keywords = [_silence(SILENCE_BEFORE)], []
    # Split at the marks of bold text; every second segment is a keyword.
    for index, text in enumerate(sample.text.split("**")):
        text = text.strip(" ,.")
        if not text:
            continue
        if len(audio) > 1:
            audio.append(_silence(PAUSE))
        start = sum(map(len, audio))
        audio.append(_trimmed(sample.voice.speak(text, sample.rate, sample.pitch)))
        if index % 2:
            times = (start / SAMPLE_RATE, (start + len(audio[-1])) / SAMPLE_RATE)
            keywords.append((text.lower(), *(round(time, 3) for time in times)))
    audio.append(_silence(SILENCE_AFTER))
    speech = np.concatenate(audio)
    speech *= PEAK * 32768 / np.abs(speech).max()
    speech += np.random.default_rng(SEED).normal(0, NOISE_LEVEL, len(speech))
    return speech.round().astype(np.int16), keywords


def _silence(seconds: float) -> Audio:
    return np.zeros(round(seconds * SAMPLE_RATE))


def _trimmed(speech: npt.NDArray[np.int16]) -> Audio:
    frames = speech[: len(speech) // FRAME * FRAME].astype(np.float64).reshape(-1, FRAME)
    loud = np.flatnonzero(np.abs(frames).max(axis=1) > TRIM_LEVEL * np.abs(frames).max())
    return frames[loud[0] : loud[-1] + 1].ravel()


def main(folder: Path) -> None:
    """Write all files into a folder."""
    missing = {str(sample.voice) for sample in table()} - set(map(str, installed_voices()))
    if missing:
        raise KwsError(f"these voices are not installed: {', '.join(sorted(missing))}")
    expected = {}
    for sample in table():
        samples, expected[sample.file] = make(sample)
        soundfile.write(folder / sample.file, samples, SAMPLE_RATE, subtype="PCM_16")
    lines = (f"{json.dumps(file)}: {json.dumps(found)}" for file, found in expected.items())
    (folder / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
    except KwsError as error:
        sys.exit(f"{Path(__file__).name}: {error}")
