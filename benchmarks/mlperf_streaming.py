"""Run MLPerf Tiny's streaming wake word benchmark: "marvin", 50 times in 20 minutes of noise.

    python benchmarks/mlperf_streaming.py DATA MODEL.tflite --output DIR

The stream is laid out as that of MLPerf Tiny v1.3 (mlcommons/tiny, benchmark/training/
streaming_wakeword): the words, trimmed, begin in its first 570 s, more than 3 s apart; 100 s are
without noise, then follow eight talkers at once, music twice, one talker, the same with music, and
seven talkers. A trigger counts from a word's start to 0.5 s after its end. Others are false, but
for those within 1 s after a word's end, and count once a second. At most 8 words may be missed and
8 triggers false. What is not at hand is replaced, and the output says by what: MUSAN's talkers and
music, and Speech Commands' test speakers, by what the recipe holds out; words that are missing are
said by synthetic voices that no training has.

Costs are instructions per second of audio with the gate open, counted under QEMU, times the bounds
of cycles per instruction of cortex_m4/cycles.py, at 120 MHz.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from cortex_m4.count import c_sources
from cortex_m4.counting import count
from cortex_m4.cycles import bounds

from kws.audio.audio_file import read_audio
from kws.backend import Spotter
from kws.config import SAMPLE_RATE
from kws.data.dataset import Dataset
from kws.data.dataset_recipe import from_recipe
from kws.model_file import ModelFile
from kws.posterior import Detection
from kws.training.plan import held_out_quarter
from kws.tts.held_out_voices import held_out_voices
from kws.tts.utterances import synthesise
from kws.types import Samples

TALKERS, MUSIC = "talkers", "music"  # kinds of the recipe's negatives and of its noise
TALKERS_AT_ONCE = 8  # at most
WORDS_UNTIL = 0.475  # of the stream
WORD_LEVELS = (0.5, 0.75)  # RMS, the noise's being that of its section
MEAN_GAP, MIN_GAP = 7.0, 3.0  # s from word to word, before they are spread over their time
TRIM = 0.05  # of a word's peak, below which its ends are cut off
PATIENCE, MASK, ONCE = 0.5, 1.0, 1.0  # s, see above
ALLOWED = 8  # missed words, and false triggers
CLOCK = 120e6  # Hz
PUBLISHED = (
    "published: MLPerf's int8 reference 44 of 50 with 4 false, Syntiant NDP120 46 with 4; ST's"
    " STM32L4R5 is busy for 56 % of the time at 120 MHz"
)

Audio = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Section:
    """Describe noise of a part of the stream."""

    name: str
    first: float  # share of the stream's length
    last: float
    kind: str
    level: float  # RMS of each of them
    tracks: int = 1  # at once


SECTIONS = (
    Section("eight talkers", 100 / 1200, 300 / 1200, TALKERS, 0.05, TALKERS_AT_ONCE),
    Section("music", 300 / 1200, 450 / 1200, MUSIC, 0.5),
    Section("other music", 450 / 1200, 600 / 1200, MUSIC, 0.5),
    Section("a talker", 600 / 1200, 900 / 1200, TALKERS, 0.5),
    Section("music with a talker", 750 / 1200, 900 / 1200, MUSIC, 0.5),
    Section("seven talkers", 900 / 1200, 1.0, TALKERS, 0.1, TALKERS_AT_ONCE - 1),
)


@dataclass(frozen=True)
class Word:
    """Hold an utterance of the keyword and where it lies in the stream, samples."""

    recorded: bool
    first: int
    last: int


@dataclass(frozen=True)
class Result:
    """Hold what a model made of a stream."""

    found: tuple[bool, ...]  # of each word
    false: tuple[int, ...]  # samples of the false triggers


def main() -> None:
    """Build the stream, run the model, and print what it found and what it costs."""
    given = arguments()
    model = ModelFile.load(given.model)
    random = np.random.default_rng(given.seed)
    quarter = held_out_quarter(given.held_out, Path())
    dataset = quarter.test_set(from_recipe(given.recipe, given.data))
    recorded, spoken = utterances(given, dataset)
    seconds = given.minutes * 60
    stream = noise_stream(seconds, noise_tracks(dataset))
    words = insert(stream, [*recorded, *spoken], len(recorded), random)
    samples = np.clip(stream / np.abs(stream).max() * 32768, -32768, 32767).astype(np.int16)
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        soundfile.write(given.output / "stream.flac", samples, SAMPLE_RATE)
        places = [[word.first / SAMPLE_RATE, word.last / SAMPLE_RATE] for word in words]
        (given.output / "words.json").write_text(json.dumps(places) + "\n")
    print(
        f"{seconds:g} s with {len(words)} times {given.keyword!r}: {len(recorded)} recordings and"
        f" {len(spoken)} by voices of espeak-ng that no training has"
    )
    for name, spotter in spotters(given, model):
        result = counted([hit.sample for hit in triggers(spotter, samples, given.keyword)], words)
        print(f"{name}: {in_words(result, words, len(samples))}")
    print(PUBLISHED)
    if not given.no_cost:
        print(cost(given.model, model))


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--recipe", type=Path, default=Path(__file__).with_suffix(".toml"))
    parser.add_argument("--held-out", type=int, default=1, help="quarter of the noise")
    parser.add_argument("--keyword", default="marvin")
    parser.add_argument("--words", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sensitivity", nargs="+", help="low, normal, high; each is run")
    parser.add_argument("--threshold", nargs="+", type=float, help="each of these is run as well")
    parser.add_argument("--output", type=Path, help="folder of the stream and of what is spoken")
    parser.add_argument("--no-cost", action="store_true", help="do not emulate a Cortex-M4F")
    return parser.parse_args()


def spotters(given: argparse.Namespace, model: ModelFile) -> Iterator[tuple[str, Spotter]]:
    """Yield a detector for each operating point that is asked for, with its name."""
    if not given.sensitivity and not given.threshold:
        yield "at its threshold", Spotter(model)
    for sensitivity in given.sensitivity or ():
        yield sensitivity, Spotter(model, sensitivity=sensitivity)
    for threshold in given.threshold or ():
        yield f"threshold {threshold:g}", Spotter(model, thresholds={given.keyword: threshold})


def utterances(given: argparse.Namespace, dataset: Dataset) -> tuple[list[Samples], list[Samples]]:
    """Return the recordings of the keyword, and synthetic ones up to the number wanted."""
    clips = dataset.positives.get(given.keyword, [])[: given.words]
    recorded = [read_audio(clip.path) for clip in clips]
    missing = given.words - len(recorded)
    if not missing:
        return recorded, []
    voices = held_out_voices()
    if given.output is None or not voices:
        raise SystemExit(f"{missing} words are to be said: by espeak-ng, into a folder --output")
    paths = synthesise([given.keyword], missing, given.output / "words", given.seed, voices=voices)
    return recorded, [read_audio(path) for path in paths]


def noise_tracks(dataset: Dataset) -> dict[str, Iterator[Iterator[Samples]]]:
    """Return tracks of each kind, without end: a talker's or a music's recordings, over and over.

    What they are is printed.
    """
    groups: dict[str, dict[str, list[Path]]] = {TALKERS: {}, MUSIC: {}}
    for clip in (*dataset.negatives, *dataset.noise):
        if clip.kind in groups:
            is_talker = clip.kind == TALKERS  # the path up to the last hyphen
            name = clip.path.stem.rpartition("-")[0] if is_talker else clip.path.parent.name
            groups[clip.kind].setdefault(name, []).append(clip.path)
    for kind, named in groups.items():
        if not named:
            raise SystemExit(f"the recipe's held-out quarter has no {kind}")
        print(f"{kind}, which the model was not trained on: {', '.join(named)}")
    return {kind: map(pieces, cycle(named.values())) for kind, named in groups.items()}


def pieces(paths: Sequence[Path]) -> Iterator[Samples]:
    """Yield recordings over and over."""
    return map(read_audio, cycle(paths))


def noise_stream(seconds: float, tracks: dict[str, Iterator[Iterator[Samples]]]) -> Audio:
    """Return the stream without words, each track at the RMS of its section."""
    stream = np.zeros(round(seconds * SAMPLE_RATE))
    for section in SECTIONS:
        first, last = (round(share * len(stream)) for share in (section.first, section.last))
        for _ in range(section.tracks):
            track = filled(next(tracks[section.kind]), last - first)
            stream[first:last] += section.level * track / track.std()
    return stream


def filled(recorded: Iterator[Samples], length: int) -> Audio:
    """Return recordings one after the other, cut to a length."""
    found, total = [], 0
    while total < length:
        found.append(next(recorded).astype(np.float64))
        total += len(found[-1])
    return np.concatenate(found)[:length]


def insert(
    stream: Audio, spoken: Sequence[Samples], recorded: int, random: np.random.Generator
) -> list[Word]:
    """Add utterances to a stream, in random order; return their places.

    recorded: how many of them, the first ones, are recordings.
    """
    gaps = random.exponential(MEAN_GAP, 100 * len(spoken))
    times = np.cumsum(gaps[gaps > MIN_GAP][: len(spoken)])
    starts = np.rint(times * WORDS_UNTIL * len(stream) / times[-1]).astype(np.int64)
    words = []
    for start, index in zip(starts, random.permutation(len(spoken)), strict=True):
        word = trimmed(spoken[index])
        place = Word(bool(index < recorded), int(start), int(start) + len(word))
        stream[place.first : place.last] += random.uniform(*WORD_LEVELS) * word
        words.append(place)
    return words


def trimmed(samples: Samples) -> Audio:
    """Return a word without the quiet at its ends, at an RMS of 1."""
    loud = np.flatnonzero(samples > TRIM * samples.max())
    word = samples[loud[0] : loud[-1]].astype(np.float64)
    level: float = word.std()
    return word / level


def triggers(spotter: Spotter, samples: Samples, keyword: str) -> Iterator[Detection]:
    """Yield the detections of a keyword in a stream."""
    for start in range(0, len(samples), SAMPLE_RATE):
        found = spotter.push(samples[start : start + SAMPLE_RATE])
        yield from (hit for hit in found if hit.keyword == keyword)


def counted(samples: Sequence[int], words: Iterable[Word]) -> Result:
    """Return which words were found, and the false triggers, given the triggers' samples."""
    found, rest = [], list(samples)
    for word in words:
        until = word.last + PATIENCE * SAMPLE_RATE
        found.append(any(word.first <= sample < until for sample in samples))
        masked = word.last + MASK * SAMPLE_RATE
        rest = [sample for sample in rest if not word.first <= sample < masked]
    false: list[int] = []
    for sample in rest:
        if not false or sample >= false[-1] + ONCE * SAMPLE_RATE:
            false.append(sample)
    return Result(tuple(found), tuple(false))


def in_words(result: Result, words: Sequence[Word], length: int) -> str:
    """Return a result in words: found and false, by origin and by noise, and whether it passes."""
    missed, false = result.found.count(False), len(result.false)
    passed = "passed" if max(missed, false) <= ALLOWED else "not passed"
    by_origin: dict[str, list[bool]] = {"recorded": [], "synthetic": []}
    by_noise: dict[str, list[bool]] = {}
    for word, hit in zip(words, result.found, strict=True):
        by_origin.setdefault("recorded" if word.recorded else "synthetic", []).append(hit)
        by_noise.setdefault(noise_at(word.first / length), []).append(hit)
    shares = (f"{sum(h)} of {len(h)} {name}" for name, h in (by_origin | by_noise).items() if h)
    alarms = Counter(noise_at(sample / length) for sample in result.false)
    where = ", ".join(f"{times} in {name}" for name, times in alarms.items())
    return (
        f"{sum(result.found)} of {len(words)} found, {false} false: {passed}"
        f" ({', '.join(shares)}{'; false: ' * bool(where)}{where})"
    )


def noise_at(share: float) -> str:
    """Return the name of the noise at a share of the stream's length."""
    names = [section.name for section in SECTIONS if section.first <= share < section.last]
    return names[-1] if names else "quiet"


def cost(path: Path, model: ModelFile) -> str:
    """Return what a model costs on a Cortex-M4F with the gate open, in words."""
    instructions = count(c_sources(path)).costs.per_second(model.config, 1.0)
    found = bounds(path)
    least, most = (n / found.instructions for n in (found.minimum, found.maximum))
    shares = [each * instructions / CLOCK for each in (least, most)]
    return (
        f"{instructions / 1e6:.2f} M instructions per second of audio at {least:.2f} to {most:.2f}"
        f" cycles each: busy for {shares[0]:.1%} to {shares[1]:.1%} of the time at"
        f" {CLOCK / 1e6:g} MHz, gate open"
    )


if __name__ == "__main__":
    main()
