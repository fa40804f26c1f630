"""Test the streaming wake word benchmark on streams of seconds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import ROOT
from evaluation_samples import word
from mlperf_streaming import Result, counted, in_words
from short_recordings import record
from waiting import PATIENCE
from wake_word_stream import (
    MUSIC,
    SECTIONS,
    TALKERS,
    Word,
    insert,
    noise_stream,
    trimmed,
    word_starts,
)

from kws.config import SAMPLE_RATE
from kws.data.dataset_recipe import from_recipe
from kws.training.plan import held_out_quarter

BENCHMARK = ROOT / "benchmarks" / "mlperf_streaming.py"
RECIPE = """\
partitions = "partitions.json"
[keywords]
computer = ["words"]
[negatives]
talkers = ["talkers"]
[noise]
music = ["music"]
"""


def at(*seconds: float) -> list[int]:
    return [round(each * SAMPLE_RATE) for each in seconds]


def test_triggers_count_as_mlperf_counts_them() -> None:
    words = [Word(True, *at(10.0, 10.6)), Word(False, *at(20.0, 20.6)), Word(False, *at(30, 30.6))]
    heard = at(9.9, 10.3, 10.5, 21.2, 31.7, 40.0, 40.9, 41.1)
    # 21.2 is too late for its word and too early to be false; 40.9 belongs to 40.0.
    assert counted(heard, words) == Result((True, False, False), tuple(at(9.9, 31.7, 40.0, 41.1)))
    assert counted(at(11.09, 21.11), words).found == (True, False, False)


def test_noise_has_the_level_of_its_section() -> None:
    random = np.random.default_rng(1)

    def pieces():
        while True:
            yield random.normal(0, 3000, 5000).astype(np.int16)

    def tracks():
        while True:
            yield pieces()

    stream = noise_stream(60.0, {TALKERS: tracks(), MUSIC: tracks()})
    parts = [
        stream[slice(*at(60 * first, 60 * last))] for first, last in ((0, 1 / 12), (0.25, 0.5))
    ]
    assert not parts[0].any()
    assert parts[1].std() == pytest.approx(0.5, rel=0.05)
    eight = stream[slice(*at(60 * SECTIONS[0].first, 60 * SECTIONS[0].last))]
    assert eight.std() == pytest.approx(0.05 * 8**0.5, rel=0.1)


def test_words_are_trimmed_and_lie_apart_in_the_first_half() -> None:
    stream = np.zeros(1200 * SAMPLE_RATE)
    spoken = [np.pad(np.full(4000, (-1) ** n * 900, np.int16), 2000) for n in range(0, 100, 2)]
    spoken = [each + np.arange(8000, dtype=np.int16) % 7 for each in spoken]
    random = np.random.default_rng(3)
    words = insert(stream, spoken, word_starts(50, 1200.0, random), 10, random)
    assert sum(each.recorded for each in words) == 10
    assert len(words) == 50
    assert words[-1].first == 570 * SAMPLE_RATE
    gaps = np.diff([each.first for each in words])
    assert gaps.min() > 3 * SAMPLE_RATE
    assert {each.last - each.first for each in words} == {3999}
    assert len(trimmed(spoken[0])) == 3999
    inside = stream[words[0].first : words[0].last]
    assert 0.5 <= np.sqrt((inside**2).mean() - inside.mean() ** 2) <= 0.75


@pytest.mark.parametrize(
    ("words", "seconds"), [(50, 300), (200, 1200), (0, 1200), (-1, 60), (1, 0), (1, float("nan"))]
)
def test_words_that_cannot_lie_apart_are_refused(words: int, seconds: float) -> None:
    for seed in range(5):
        with pytest.raises(SystemExit, match="words do not begin more than 3 s apart"):
            word_starts(words, seconds, np.random.default_rng(seed))


def test_a_stream_that_is_too_short_is_refused_in_a_line(tmp_path: Path) -> None:
    model = ROOT / "models" / "home.tflite"
    command = [sys.executable, BENCHMARK, tmp_path, model, "--minutes", 5]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "words do not begin more than 3 s apart in the first " in line


def test_what_passes_is_said() -> None:
    words = [Word(n < 10, n * SAMPLE_RATE, (n + 1) * SAMPLE_RATE) for n in range(50)]
    one = in_words(Result((False,) * 8 + (True,) * 42, ()), words, 1200 * SAMPLE_RATE)
    assert (
        one
        == "42 of 50 found, 0 false: passed (2 of 10 recorded, 40 of 40 synthetic, 42 of 50 quiet)"
    )
    other = in_words(Result((True,) * 50, (600 * SAMPLE_RATE,) * 9), words, 1200 * SAMPLE_RATE)
    assert "9 false: not passed" in other
    assert other.endswith("; false: 9 in a talker)")


def test_the_recipe_trains_on_no_recording_of_the_word(tmp_path: Path) -> None:
    recipe = BENCHMARK.with_suffix(".toml")
    text = recipe.read_text()
    folders = re.findall(r'"((?:wake|speech|speech_more|speech_commands|noise|rir)/[^"]+)"', text)
    for folder in folders:
        record(*(tmp_path / folder / f"{n:08x}_nohash_0.wav" for n in range(9)))
    dataset = from_recipe(recipe, tmp_path)
    assert len(held_out_quarter(1, tmp_path).test_set(dataset).positives["marvin"]) == 9


@pytest.mark.slow
def test_a_stream_of_half_a_minute(tmp_path: Path) -> None:
    """Two recordings of computer in noise, by the shipped model."""
    random = np.random.default_rng(1)
    sounds = {f"words/{name}": word(name) for name in ("computer_lights", "computer_moon")}
    for name in ("talkers/a-1", "talkers/a-2", "talkers/b-1", "music/c"):
        sounds[name] = random.normal(0, 500, 3 * SAMPLE_RATE).astype(np.int16)
    for name, samples in sounds.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / f"{name}.wav", samples, SAMPLE_RATE)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "partitions.json").write_text('{"words": 0, "talkers": 0, "music": 1}')
    options = ["--recipe", tmp_path / "recipe.toml", "--keyword", "computer", "--words", 2]
    options += ["--minutes", 0.5, "--no-cost", "--sensitivity", "normal", "high", "--threshold", 1]
    command = [sys.executable, BENCHMARK, tmp_path, ROOT / "models" / "home.tflite", *options]
    command = [*map(str, command), "--output", str(tmp_path / "made")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "talkers, which the model was not trained on: a, b"
    assert lines[2].startswith("30 s with 2 times 'computer': 2 recordings and 0 by voices")
    assert [line.partition(":")[0] for line in lines[3:5]] == ["normal", "high"]
    assert all(" 0 false: passed (" in line and "1 of 1 quiet" in line for line in lines[3:5])
    assert lines[5].startswith("threshold 1: 0 of 2 found, 0 false: passed")
    places = json.loads((tmp_path / "made" / "words.json").read_text())
    assert places[-1][0] == pytest.approx(14.25)
    done = subprocess.run([*command[:-2], "--words", "3"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "1 words are to be said: by espeak-ng, into a folder --output\n"
