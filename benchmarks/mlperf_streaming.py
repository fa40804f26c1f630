"""Run MLPerf Tiny's streaming wake word benchmark: "marvin", 50 times in 20 minutes of noise.

    python benchmarks/mlperf_streaming.py DATA MODEL.tflite --output DIR

The stream is laid out as that of MLPerf Tiny v1.3 (mlcommons/tiny, benchmark/training/
streaming_wakeword): the words, trimmed, begin in its first 570 s, more than 3 s apart (a stream too
short for that is refused); 100 s are without noise, then follow eight talkers at once, music twice,
one talker, the same with music, and seven talkers. A trigger counts from a word's start to 0.5 s
after its end. Others are false, but for those within 1 s after a word's end, and count once a
second. At most 8 words may be missed and 8 triggers false. What is not at hand is replaced, and the
output says by what: MUSAN's talkers and music, and Speech Commands' test speakers, by what the
recipe holds out; words that are missing are said by synthetic voices that no training has.

Costs are instructions per second of audio with the gate open, counted under QEMU, times the bounds
of cycles per instruction of cortex_m4/cycles.py, at 120 MHz.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from cortex_m4.count import c_sources
from cortex_m4.counting import count
from cortex_m4.cycles import bounds
from user_errors import run_main
from wake_word_stream import Word, insert, noise_at, noise_stream, noise_tracks, word_starts

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

PATIENCE, MASK, ONCE = 0.5, 1.0, 1.0  # s, see above
ALLOWED = 8  # missed words, and false triggers
CLOCK = 120e6  # Hz
PUBLISHED = (
    "published: MLPerf's int8 reference 44 of 50 with 4 false, Syntiant NDP120 46 with 4; ST's"
    " STM32L4R5 is busy for 56 % of the time at 120 MHz"
)


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
    seconds = given.minutes * 60
    starts = word_starts(given.words, seconds, random)
    quarter = held_out_quarter(given.held_out, Path())
    dataset = quarter.test_set(from_recipe(given.recipe, given.data))
    recorded, spoken = utterances(given, dataset)
    stream = noise_stream(seconds, noise_tracks(dataset))
    words = insert(stream, [*recorded, *spoken], starts, len(recorded), random)
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
    run_main(main)
