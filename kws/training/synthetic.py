"""Synthetic speech for training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.data import neighbours
from kws.data.audio import read_audio
from kws.data.dataset import Synthesis
from kws.data.utterances import say

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True)
class SyntheticSpeech:
    """All that a recipe has synthesisers say."""

    keywords: dict[str, list[Samples]]
    near_words: list[Samples]
    sentences: list[Samples]


def synthetic_speech(wanted: Synthesis, keywords: Sequence[str], folder: Path) -> SyntheticSpeech:
    """Make what is missing in the folder, and read it."""

    def spoken(texts: Iterable[str], count: int, name: str) -> list[Samples]:
        if not count:
            return []
        return [read_audio(path) for path in say(texts, count, folder / name, seed=1)]

    random = np.random.default_rng(1)
    near = list(wanted.near_words)
    for keyword in keywords if wanted.neighbours else ():
        near += neighbours.near_phrases(keyword, wanted.neighbours, random)
    made_up = []
    if wanted.random_sentences:
        made_up = neighbours.sentences(keywords, wanted.random_sentences, random)
    return SyntheticSpeech(
        {keyword: spoken([keyword], wanted.keyword, "keywords") for keyword in keywords},
        spoken(near, wanted.near_word, "near_words"),
        spoken(wanted.sentences, wanted.sentence, "sentences")
        + spoken(made_up, 1, "random_sentences"),
    )
