"""Hold the recordings of a dataset by role: keywords, negative speech, noise, impulse responses.

They lie in one dataset folder, or a recipe (dataset_recipe.py) names the folders. Each clip has one
of PARTITIONS partitions, by session or speaker: a model that is trained without a partition knows
neither the voices nor the rooms of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kws.data.audio_files import AUDIO_SUFFIXES
from kws.data.clips import Clip, Recording, is_synthetic, partition_of, usable_recordings
from kws.data.keywords import (
    choose_keywords,
    distinct,
    folder_name,
    keyword_folders,
    keyword_of,
    measurable_recordings,
    usable_keywords,
)
from kws.data.splits import count_speakers, split_noise, split_speech
from kws.errors import KwsError
from kws.keyword_names import comparison_key

NEGATIVE, NOISE, IMPULSE_RESPONSES = "_negative_", "_noise_", "_rooms_"  # folders of a dataset
SPEECH_KIND, NOISE_KIND = "speech", "noise"  # of clips whose kind nobody states
SOURCES = "data"  # key of a card

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """Describe the speech that is synthesised for training, and how often each text is said."""

    utterances_per_keyword: int = 0
    utterances_per_respelling: int = 0
    utterances_per_confusable: int = 0
    utterances_per_sentence: int = 0
    in_context_per_keyword: int = 0  # sentences that contain the keyword, at a known place
    # Utterances of each keyword by voices of other languages and by child-like voices.
    accented_per_keyword: int = 0
    # And with sounds left out, as people do who say it casually; no part of older stamps.
    casual_per_keyword: int = field(default=0, repr=False)
    lone_utterances: int = 0  # names, single words, greetings, short orders, said alone
    utterances_per_lone: int = 0
    # Confusable phrases of each keyword from the pronouncing dictionary, added to those given.
    generated_confusables: int = 0
    random_sentences: int = 0  # of the dictionary's words, each said once
    generated_for: tuple[str, ...] = ()  # keywords that get generated confusables; (): all
    confusable_phrases: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    # Spellings by keyword that make a synthesiser say it with a foreign accent.
    respellings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    kokoro: Path | None = None  # folder of Kokoro's network and voices, where it is used
    language: str | None = None  # of all that is said; None for that of each text's letters
    # These two say nothing of whether anything is synthesised, and are no part of older stamps.
    voices: tuple[str, ...] = field(default=(), repr=False, compare=False)  # or synthesisers
    excluded_phrases: tuple[str, ...] = field(default=(), repr=False, compare=False)  # not said


@dataclass
class Dataset:
    """Hold the clips of a dataset by role, and what the model's card says of them."""

    positives: dict[str, list[Clip]] = field(default_factory=dict)  # by keyword
    negatives: list[Clip] = field(default_factory=list)  # speech without the keywords
    noise: list[Clip] = field(default_factory=list)
    impulse_responses: list[Clip] = field(default_factory=list)
    synthesis: Synthesis = field(default_factory=Synthesis)
    card: dict[str, Any] = field(default_factory=dict)
    base_model: bool = False  # for a pretrained model of many words, which is not tested
    # Speakers or sessions of the recordings of each keyword, where they were counted.
    speakers: dict[str, int] = field(default_factory=dict)

    def partitions(self, partitions: Iterable[int]) -> Dataset:
        """Return the dataset with the clips of some partitions alone.

        Impulse responses and synthesis, which belong to no partition, stay complete.
        """
        chosen = set(partitions)

        return replace(
            self._select_speech(lambda clip: clip.partition in chosen),
            noise=[clip for clip in self.noise if clip.partition in chosen],
        )

    def testable(self) -> Dataset:
        """Return the dataset without the speech that serves training alone."""
        return self._select_speech(lambda clip: clip.testable)

    def with_source(self, source: str) -> Dataset:
        """Return the dataset with one more source of data on its card."""
        return replace(self, card={**self.card, SOURCES: [*self.card.get(SOURCES, []), source]})

    def _select_speech(self, chosen: Callable[[Clip], bool]) -> Dataset:
        """Return the dataset with the chosen clips of speech."""
        return replace(
            self,
            positives={word: [*filter(chosen, clips)] for word, clips in self.positives.items()},
            negatives=[*filter(chosen, self.negatives)],
        )


def from_folder(root: Path, keywords: Sequence[str] = (), every: bool = True) -> Dataset:
    """Read a dataset folder: <keyword>/, _negative_/ (speech) and, if there, _noise_/, _rooms_/.

    Recordings that cannot be used are left out and logged. Raises KwsError where no keyword is
    left.

    Args:
        root: The dataset folder.
        keywords: The words to spot, where not all are; the others are negatives then.
        every: Whether a word of these without a usable recording raises KwsError, too.
    """
    folders = folders_in(root)
    _log_passed_over(root, folders)
    words = keyword_folders(folders)
    if not words:
        raise KwsError(f"{root}: no folder of recordings of a keyword in it")
    chosen = choose_keywords(root, words, keywords, every)
    of_chosen = {word: words[word] for word in chosen}
    positives = usable_keywords(root, of_chosen, every and bool(keywords))
    if root / NEGATIVE not in folders:
        _log.warning("%s: no folder %s with speech that is not the keyword", root, NEGATIVE)
    others = [path for word, paths in words.items() if word not in chosen for path in paths]
    return _assembled(root, folders, positives, words, others)


def for_phrase(phrase: str, root: Path | None = None) -> Dataset:
    """Return a dataset of one phrase, with what a folder holds of it, if anything.

    The folder is a dataset folder; one without folders of those roles holds recordings of the
    phrase alone. Raises KwsError for what is not a word or a phrase, and for a folder that holds
    nothing but folders of other names.
    """
    keyword = keyword_of(Path(folder_name(phrase)))
    if root is None:
        return Dataset({keyword: []})
    folders = folders_in(root)
    words = {comparison_key(word): paths for word, paths in keyword_folders(folders).items()}
    own = words.pop(comparison_key(keyword), [])
    if not own and not any(root / role in folders for role in (NEGATIVE, NOISE, IMPULSE_RESPONSES)):
        if words and not _loose(root):
            raise KwsError(
                f"{root}: neither a folder {folder_name(phrase)} nor recordings in it, but folders"
                f" {', '.join(sorted(path.name for paths in words.values() for path in paths))}"
            )
        folders, words, own = [], {}, [root]
    positives = usable_keywords(root, {keyword: own}) if own else {keyword: []}
    others = [path for paths in words.values() for path in paths]
    return _assembled(root, folders, positives, {keyword: own or [root]}, others)


def _assembled(
    root: Path,
    folders: Sequence[Path],
    positives: dict[str, list[Recording]],
    words: Mapping[str, Sequence[Path]],
    others: Sequence[Path],
) -> Dataset:
    """Return the dataset of a folder's recordings, without copies, split by speaker.

    Args:
        root: The dataset folder.
        folders: Of it.
        positives: The usable recordings of each keyword.
        words: The folders of each keyword.
        others: Folders of words that are negatives.
    """
    for word, found in positives.items():
        positives[word] = distinct(found, words[word][0])
    spoken = [recording for found in positives.values() for recording in found]
    negatives = distinct(_read(folders, *others, root / NEGATIVE), root / NEGATIVE, spoken)
    noise = distinct(_read(folders, root / NOISE), root / NOISE)
    impulse_responses = _read(folders, root / IMPULSE_RESPONSES)
    measurable = [measurable_recordings(words[word][0], found) for word, found in positives.items()]
    partitions = split_speech(
        [recordings for recordings, _ in measurable],
        [recording for recording in negatives if not is_synthetic(recording.path)],
        {path: session for _, sessions in measurable for path, session in sessions.items()},
    )
    partitions |= split_noise(noise) | split_noise(impulse_responses)
    return Dataset(
        {word: _clips(recordings, partitions) for word, recordings in positives.items()},
        _clips(negatives, partitions, SPEECH_KIND),
        _clips(noise, partitions, NOISE_KIND),
        _clips(impulse_responses, partitions),
        speakers={
            word: count_speakers(recordings, sessions)
            for word, (recordings, sessions) in zip(positives, measurable, strict=True)
        },
    )


def _read(folders: Sequence[Path], *paths: Path) -> list[Recording]:
    """Return the usable recordings of those paths that are among the folders of a dataset."""
    return [r for path in paths if path in folders for r in usable_recordings(path)]


def _clips(
    recordings: Sequence[Recording], partitions: Mapping[Path, int], kind: str = ""
) -> list[Clip]:
    """Return recordings as clips; those that were given no partition serve training alone."""
    paths = [recording.path for recording in recordings]
    return [Clip(p, partitions.get(p, partition_of(p)), p in partitions, kind) for p in paths]


def _log_passed_over(root: Path, folders: Sequence[Path]) -> None:
    """Log folders of no role and audio files in no folder, which are passed over."""
    roles = (NEGATIVE, NOISE, IMPULSE_RESPONSES)
    for path in folders:
        if path.name.startswith("_") and path.name not in roles:
            _log.warning("%s: passed over; folders with a role are %s", path, ", ".join(roles))
    if loose := _loose(root):
        _log.warning("%s: audio files in no folder are passed over: %d", root, len(loose))


def _loose(root: Path) -> list[Path]:
    """Return the audio files that lie in a folder itself."""
    return [p for p in root.iterdir() if p.suffix.lower() in AUDIO_SUFFIXES and p.is_file()]


def folders_in(root: Path) -> list[Path]:
    """Return the subfolders of a folder, sorted; KwsError where they cannot be listed."""
    try:
        return sorted(path for path in root.iterdir() if path.is_dir())
    except OSError as error:
        raise KwsError(f"{root}: {error.strerror}") from error
