"""Synthetic speech for training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio.audio_file import read_audio
from kws.data.clips import is_synthetic
from kws.data.dataset import Dataset, Synthesis
from kws.errors import KwsError
from kws.recorder.prompts import TEXTS
from kws.tts.confusable_phrases import dictionary, find_confusable_phrases, random_sentences
from kws.tts.utterances import SAMPLING_WEIGHTS, Voice, installed_voices, synthesise

Samples = npt.NDArray[np.int16]

_log = logging.getLogger(__name__)


# Of a dataset folder that says nothing of synthesis: utterances of each keyword, phrases near it
# and how often each is said, sentences of random words.
KEYWORD, NEIGHBOURS, NEAR_WORD, SENTENCES = 200, 200, 2, 1500
OTHER_WORD = 24  # utterances of each other word, where the dataset is one of single words
# How often Kokoro is drawn against all others together. It takes a core 0.5 s for a word, others a
# tenth of that, so it says most of the keywords, whose voices matter most, and some of the rest.
OF_KEYWORDS, OF_NEAR_WORDS, OF_SENTENCES = (
    {**SAMPLING_WEIGHTS, "kokoro": s} for s in (1.5, 0.15, 0.08)
)
KOKORO_CARD = "voices of Kokoro-82M (hexgrad), Apache-2.0"  # for a model's card
FALLBACK = 4  # utterances of each known text, where there is no dictionary to make sentences from


def with_synthesis(dataset: Dataset) -> Dataset:
    """A dataset with what the installed synthesisers can add; a problem is what they cannot.

    A keyword that they have said already (`kws synth`) is not said again.
    """
    said = [any(is_synthetic(c.path) for c in clips) for clips in dataset.positives.values()]
    wanted = Synthesis(
        utterances_per_keyword=0 if all(said) else KEYWORD,
        generated_confusables=NEIGHBOURS,
        utterances_per_confusable=NEAR_WORD,
        random_sentences=SENTENCES,
    )
    return _possible(dataset, wanted)


def with_other_words(dataset: Dataset) -> Dataset:
    """The same for a dataset of single words: beside the keywords its other words are said."""
    others = tuple(sorted({clip.path.parent.name for clip in dataset.negatives}))
    wanted = Synthesis(
        utterances_per_keyword=KEYWORD,
        confusable_phrases=others,
        utterances_per_confusable=OTHER_WORD,
        random_sentences=SENTENCES,
    )
    return _possible(dataset, wanted)


def with_kokoro(dataset: Dataset, folder: Path) -> Dataset:
    """Kokoro says of it all, and the keywords in any case; a problem where nothing is said."""
    wanted = dataset.synthesis
    if wanted == Synthesis():
        _log.warning("Kokoro says nothing: no speech is synthesised for this dataset")
        return dataset
    # Even if synthesisers have said the keywords before: a voice that says none tells of that.
    wanted = replace(
        wanted, kokoro=folder, utterances_per_keyword=wanted.utterances_per_keyword or KEYWORD
    )
    return replace(dataset.with_source(KOKORO_CARD), synthesis=wanted)


def _possible(dataset: Dataset, wanted: Synthesis) -> Dataset:
    """As much of it as synthesisers and a dictionary are there for."""
    try:
        installed_voices()
    except KwsError as error:
        _log.warning(f"no synthetic speech is added: {error}")
        return dataset
    try:
        dictionary()
    except KwsError as error:
        _log.warning(f"no phrases near the keyword are added: {error}")
        wanted = replace(
            wanted,
            generated_confusables=0,
            random_sentences=0,
            sentences=TEXTS,
            utterances_per_sentence=FALLBACK,
        )
    return replace(dataset, synthesis=wanted)


@dataclass(frozen=True)
class SyntheticSpeech:
    """All that a recipe has synthesisers say."""

    keywords: dict[str, list[Samples]]
    near_words: list[Samples]
    sentences: list[Samples]


def synthetic_speech(
    wanted: Synthesis,
    keywords: Sequence[str],
    folder: Path,
    progress: Callable[[int, int], None] = lambda made, missing: None,
) -> SyntheticSpeech:
    """Make what is missing in the folder, and read it; progress(made, missing) of each kind."""

    @cache
    def voices() -> list[Voice]:
        return installed_voices(kokoro_folder=wanted.kokoro)

    def spoken(
        texts: Iterable[str], count: int, name: str, weights: Mapping[str, float]
    ) -> list[Samples]:
        if not count:
            return []
        where = folder / name
        paths = synthesise(
            texts, count, where, 1, voices=voices(), weights=weights, progress=progress
        )
        return [read_audio(path) for path in paths]

    random = np.random.default_rng(1)
    near = list(wanted.confusable_phrases)
    neighboured = [k for k in keywords if k in (wanted.generated_for or keywords)]
    for keyword in neighboured if wanted.generated_confusables else ():
        phrases = find_confusable_phrases(keyword, wanted.generated_confusables, random)
        near += [p for p in phrases if not any(f" {k} " in f" {p} " for k in keywords)]
    made_up = []
    if wanted.random_sentences:
        made_up = random_sentences(keywords, wanted.random_sentences, random)
    return SyntheticSpeech(
        {
            keyword: spoken([keyword], wanted.utterances_per_keyword, "keywords", OF_KEYWORDS)
            + spoken(
                wanted.respellings.get(keyword, ()),
                wanted.utterances_per_respelling,
                "keywords",
                OF_KEYWORDS,
            )
            for keyword in keywords
        },
        spoken(near, wanted.utterances_per_confusable, "near_words", OF_NEAR_WORDS),
        spoken(wanted.sentences, wanted.utterances_per_sentence, "sentences", OF_SENTENCES)
        + spoken(made_up, 1, "random_sentences", OF_SENTENCES),
    )
