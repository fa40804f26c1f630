"""`kws synth`: a keyword by every voice there is, phrases near it and other speech."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kws.data.clips import SYNTHETIC
from kws.data.dataset import NEGATIVE
from kws.data.keywords import folder_name, keyword_of
from kws.errors import KwsError
from kws.tts import confusable_phrases
from kws.tts.utterances import synthesise
from kws.tts.voices import installed_voices

NEAR = 300  # phrases, where nobody says how many


def run(
    text: str,
    output: Path,
    count: int,
    near: int | None,
    sentences: int,
    seed: int,
    piper: Path | None,
    kokoro: Path | None,
) -> None:
    """Make what is missing of `count` utterances of the text, and of the negative phrases.

    near: phrases that sound like the text, each said once; None: NEAR of them, or a hint and none
    where there is no pronouncing dictionary. sentences: of random words, each said once.
    """
    name = folder_name(text)
    keyword = name.replace("_", " ")
    others = [keyword_of(path) for path in sorted(output.glob("[!_.]*")) if path.is_dir()]
    voices = installed_voices(piper, kokoro)
    jobs = [
        (f"utterances of {keyword!r}", [keyword], count, output / name),
        ("near phrases", _near(keyword, others, near, seed), 1, output / NEGATIVE),
        ("sentences", _sentences([keyword, *others], sentences, seed), 1, output / NEGATIVE),
    ]
    console = Console()
    for what, texts, times, folder in jobs:
        if texts:
            with _Bar(what, console) as bar:
                files = synthesise(
                    texts, times, folder, seed, prefix=SYNTHETIC, voices=voices, progress=bar.show
                )
            new = f"{bar.made} of them new"
            console.print(f"{what}: {len(files)} in {folder}, {new}", soft_wrap=True)


class _Bar(Progress):
    """How many files of one kind are made, on a terminal as a bar."""

    def __init__(self, what: str, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        super().__init__(
            *columns,
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.made = 0
        self._task = self.add_task(what, total=None)

    def show(self, made: int, missing: int) -> None:
        """Of the missing files so many are made."""
        self.made = made
        self.update(self._task, completed=made, total=missing)


def _near(keyword: str, others: list[str], count: int | None, seed: int) -> list[str]:
    """Phrases near the keyword without other keywords of the dataset in them."""
    if count == 0:
        return []
    try:
        phrases = confusable_phrases.find_confusable_phrases(
            keyword, count or NEAR, np.random.default_rng(seed)
        )
    except KwsError as error:
        if count is not None:
            raise
        print(f"kws: no phrases near {keyword!r} are made: {error}", file=sys.stderr)
        return []
    return [phrase for phrase in phrases if not any(f" {o} " in f" {phrase} " for o in others)]


def _sentences(keywords: list[str], count: int, seed: int) -> list[str]:
    """Sentences that hold no keyword of the dataset."""
    if not count:
        return []
    return confusable_phrases.sentences(sorted(set(keywords)), count, np.random.default_rng(seed))
