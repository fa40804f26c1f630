"""Measure how long people take to say wake words, and synthesisers: `... speaking_rate.py DATA`.

DATA is the data folder of the recipes. For each word, in seconds, the tenth, the half and nine
tenths of its recordings (word_span) and of `--count` utterances by the installed synthesisers, at
the rates that training draws. A word without recordings is passed over. Takes a minute.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from custom_words import SPOKEN
from rich.console import Console
from rich.table import Table
from user_errors import run_main

from kws.audio.audio_file import read_usable
from kws.config import SAMPLE_RATE
from kws.data.dataset_recipe import from_recipe
from kws.data.transcripts import transcripts_of
from kws.data.word_span import word_span
from kws.toml_file import read_toml
from kws.tts.utterances import synthesise
from kws.types import Samples

QUANTILES = (0.1, 0.5, 0.9)


def main() -> None:
    """Print a row for each word."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--recipe", type=Path, default=Path("models/home.toml"))
    arguments.add_argument("--base", type=Path, default=Path("models/base.toml"))
    arguments.add_argument("--count", type=int, default=100)
    given = arguments.parse_args()
    table = Table("word", "people", "s", "synthesisers, s")
    for word, recordings in recordings_of(given.recipe, given.base, given.data).items():
        heard = read_usable(recordings, warn=False)
        if not heard:
            print(f"{word}: no recordings; passed over")
            continue
        with TemporaryDirectory() as folder:
            spoken = synthesise([SPOKEN.get(word, word)], given.count, Path(folder), 1)
            synthetic = durations(read_usable(spoken, warn=False))
        table.add_row(word, str(len(heard)), durations(heard), synthetic)
    Console().print(table)


def recordings_of(recipe: Path, base: Path, data: Path) -> dict[str, list[Path]]:
    """Return the recordings of home's keywords and of the words that the base model never heard."""
    dataset = from_recipe(recipe, data)
    found = {word: [clip.path for clip in clips] for word, clips in dataset.positives.items()}
    said = transcripts_of(dataset.negatives, data)
    for word in read_toml(base).texts("unheard", '["a phrase"]'):
        found[word] = [path for path, text in said.items() if text == word]
    return found


def durations(recordings: Iterable[Samples]) -> str:
    """Return the QUANTILES of how long the word takes in recordings, s."""
    spans = [end - start for start, end in map(word_span, recordings)]
    return " / ".join(f"{value / SAMPLE_RATE:.2f}" for value in np.quantile(spans, QUANTILES))


if __name__ == "__main__":
    run_main(main)
