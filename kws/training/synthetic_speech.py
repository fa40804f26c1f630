"""Synthesise speech for training: what a dataset asks for, or what it lacks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kws.audio.tar_members import without_archive
from kws.data.clips import is_synthetic
from kws.data.dataset import Dataset, Synthesis
from kws.data.dataset_recipe import with_recipe
from kws.errors import KwsError
from kws.keyword_names import contains
from kws.recorder.prompts import TEXTS
from kws.training.speakers import KeywordInContext, Speakers
from kws.tts.confusable_phrases import (
    find_confusable_phrases,
    random_sentences,
    without_keywords,
)
from kws.tts.language_hint import language_hint
from kws.tts.languages import ENGLISH, language_of
from kws.tts.lone_texts import lone_texts
from kws.tts.pronunciation import pronunciations
from kws.tts.utterances import SAMPLING_WEIGHTS
from kws.tts.voices import installed_voices
from kws.types import Samples

_log = logging.getLogger(__name__)


# Defaults of a dataset folder, which says nothing of synthesis.
PER_KEYWORD = 200  # utterances of each keyword
CONFUSABLES, PER_CONFUSABLE = 200, 2  # confusable phrases of each keyword, utterances of each
RANDOM_SENTENCES = 1500
IN_CONTEXT = 100  # sentences with each keyword
ACCENTED, CASUAL = 60, 60  # utterances of it with accents; with sounds left out, if any can be
LONE_UTTERANCES = 400  # short texts that are said alone, once each
PER_OTHER_WORD = 24  # utterances of each other word, where the dataset is one of single words
# How often Kokoro is drawn against all others together. It takes a core 0.5 s for a word, others a
# tenth of that, so it says most of the keywords, whose voices matter most, and some of the rest.
KEYWORD_WEIGHTS, CONFUSABLE_WEIGHTS, SENTENCE_WEIGHTS = (
    {**SAMPLING_WEIGHTS, "kokoro": weight} for weight in (1.5, 0.15, 0.08)
)
KOKORO_CARD = "voices of Kokoro-82M (hexgrad), Apache-2.0"  # for a model's card
TRAINING_SEED = 1  # of what training draws
PER_TEXT = 4  # utterances of each known text, where there is no dictionary to make sentences from


def with_synthesis(
    dataset: Dataset, language: str | None = None, recipe: Path | None = None
) -> Dataset:
    """Return a dataset with what the installed synthesisers can add; the log says what they cannot.

    A keyword that has synthetic utterances already (`kws synth`) gets no more.

    language: in which all is said, as known_language() returns it; None for the one of the letters
        of the keywords, if that is one for all. The log says where another one seems meant.
    recipe: a file whose [synthesis] changes what is said.
    """
    if language is None:
        language = _language_of_all(list(dataset.positives))
    synthetic = [any(is_synthetic(c.path) for c in clips) for clips in dataset.positives.values()]
    wanted = Synthesis(
        utterances_per_keyword=0 if all(synthetic) else PER_KEYWORD,
        generated_confusables=CONFUSABLES,
        utterances_per_confusable=PER_CONFUSABLE,
        random_sentences=RANDOM_SENTENCES,
        in_context_per_keyword=IN_CONTEXT,
        accented_per_keyword=ACCENTED,
        casual_per_keyword=CASUAL,
        lone_utterances=LONE_UTTERANCES,
        utterances_per_lone=1,
        language=language,
    )
    return _possible(dataset, wanted, recipe)


def _language_of_all(keywords: Sequence[str]) -> str | None:
    """Return the language that the letters of all keywords tell, None for English or several."""
    for keyword in keywords:
        if hint := language_hint(keyword):
            _log.warning(hint)
    (language, *others) = {language_of(keyword) for keyword in keywords}
    return None if others or language == ENGLISH else language


def with_other_words(dataset: Dataset, recipe: Path | None = None) -> Dataset:
    """Return a dataset of single words with synthetic keywords, other words and sentences.

    recipe: a file whose [synthesis] changes what is said.
    """
    others = tuple(sorted({without_archive(clip.path).parent.name for clip in dataset.negatives}))
    wanted = Synthesis(
        utterances_per_keyword=PER_KEYWORD,
        confusable_phrases=others,
        utterances_per_confusable=PER_OTHER_WORD,
        random_sentences=RANDOM_SENTENCES,
    )
    return _possible(dataset, wanted, recipe)


def with_kokoro(dataset: Dataset, folder: Path) -> Dataset:
    """Return a dataset whose synthesis uses Kokoro as well, and for the keywords in any case.

    Logs a warning where nothing is synthesised.
    """
    wanted = dataset.synthesis
    if wanted == Synthesis():
        _log.warning("Kokoro says nothing: no speech is synthesised for this dataset")
        return dataset
    # Even if there are synthetic keywords: otherwise Kokoro's voice would be a sign of background.
    wanted = replace(
        wanted, kokoro=folder, utterances_per_keyword=wanted.utterances_per_keyword or PER_KEYWORD
    )
    return replace(dataset.with_source(KOKORO_CARD), synthesis=wanted)


def _possible(dataset: Dataset, wanted: Synthesis, recipe: Path | None) -> Dataset:
    """Return a dataset with as much synthesis as the synthesisers and a dictionary allow."""
    wanted = with_recipe(recipe, wanted, list(dataset.positives)) if recipe else wanted
    try:
        installed_voices()
    except KwsError as error:
        _log.warning("no synthetic speech is added: %s", error)
        return dataset
    try:
        pronunciations(wanted.language or ENGLISH)
    except KwsError as error:
        _log.warning("no confusable phrases are added: %s", error)
        wanted = replace(
            wanted,
            generated_confusables=0,
            random_sentences=0,
            sentences=TEXTS,
            utterances_per_sentence=PER_TEXT,
        )
    return replace(dataset, synthesis=wanted)


@dataclass(frozen=True)
class SyntheticSpeech:
    """Hold the synthetic speech of a dataset, int16 each."""

    keywords: dict[str, list[Samples]]
    confusable_phrases: list[Samples]
    sentences: list[Samples]
    in_context: dict[str, list[KeywordInContext]]
    lone_utterances: list[Samples]  # said alone: to be placed between silence


def synthetic_speech(
    wanted: Synthesis,
    keywords: Sequence[str],
    folder: Path,
    progress: Callable[[str, int, int], None] = lambda kind, made, missing: None,
) -> SyntheticSpeech:
    """Synthesise what is missing in a folder, and read all of it.

    progress: called with a kind of texts, and its numbers of utterances made and missing.
    """
    speakers = Speakers(wanted.kokoro, folder, progress, wanted.language, wanted.voices)
    if wanted.utterances_per_keyword:
        speakers.check(keywords)

    def keyword(text: str) -> list[Samples]:
        others = _allowed(wanted, wanted.respellings.get(text, ()))
        count = wanted.utterances_per_respelling
        usual = speakers.say([text], wanted.utterances_per_keyword, "keywords", KEYWORD_WEIGHTS)
        respelled = speakers.say(others, count, "keywords", KEYWORD_WEIGHTS)
        accented = speakers.say_accented([text], wanted.accented_per_keyword, "accented")
        casual = speakers.say_casually(text, wanted.casual_per_keyword, "casual")
        return usual + respelled + accented + casual

    phrases, generated = _texts(wanted, keywords)
    sentences = _allowed(wanted, wanted.sentences)
    lone = _lone(wanted, keywords)
    per_phrase, per_sentence = wanted.utterances_per_confusable, wanted.utterances_per_sentence
    return SyntheticSpeech(
        {text: keyword(text) for text in keywords},
        speakers.say(phrases, per_phrase, "confusable_phrases", CONFUSABLE_WEIGHTS),
        speakers.say(sentences, per_sentence, "sentences", SENTENCE_WEIGHTS)
        + speakers.say(generated, 1, "random_sentences", SENTENCE_WEIGHTS),
        {text: speakers.say_in_context(text, wanted.in_context_per_keyword) for text in keywords},
        speakers.say_accented(lone, wanted.utterances_per_lone, "lone_utterances"),
    )


def _lone(wanted: Synthesis, keywords: Sequence[str]) -> list[str]:
    """Return the texts that are said alone."""
    if not wanted.lone_utterances or not wanted.utterances_per_lone:
        return []
    random, language = np.random.default_rng(1), wanted.language or ENGLISH
    return _allowed(wanted, lone_texts(keywords, wanted.lone_utterances, random, language))


def confusable_phrases(
    wanted: Synthesis,
    keywords: Sequence[str],
    count: int,
    chosen: Sequence[str] | None = None,
    seed: int = TRAINING_SEED,
) -> list[str]:
    """Return phrases that sound like keywords and contain none: those given, then generated ones.

    chosen: the keywords that `count` phrases each are generated of; None for all. Another seed than
    the training's draws other phrases, and none of those given.
    """
    language = wanted.language or ENGLISH
    phrases = list(wanted.confusable_phrases) if seed == TRAINING_SEED else []
    for keyword in (keywords if chosen is None else chosen) if count else ():
        try:
            random = np.random.default_rng(seed)
            found = find_confusable_phrases(keyword, count, random, language)
        except KwsError as error:
            _log.warning("no confusable phrases of %r are added: %s", keyword, error)
            continue
        phrases += without_keywords(found, keywords, language)
    return _allowed(wanted, phrases)


def _allowed(wanted: Synthesis, texts: Sequence[str]) -> list[str]:
    """Return the texts in which no excluded phrase is said."""
    excluded = wanted.excluded_phrases
    return [text for text in texts if not any(contains(text, phrase) for phrase in excluded)]


def _texts(wanted: Synthesis, keywords: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the confusable phrases, given and generated, and random sentences."""
    chosen = [k for k in keywords if k in (wanted.generated_for or keywords)]
    phrases = confusable_phrases(wanted, keywords, wanted.generated_confusables, chosen)
    if not wanted.random_sentences:
        return phrases, []
    random, language = np.random.default_rng(TRAINING_SEED), wanted.language or ENGLISH
    sentences = random_sentences(keywords, wanted.random_sentences, random, language)
    return phrases, _allowed(wanted, sentences)
