"""What a dataset offers for training: clips by keyword, negative speech, noise and rooms.

They lie in one dataset folder, or a recipe (recipe.py) names the folders; each clip is given
one of PARTITIONS partitions, by session or speaker, so that one can be held out and nothing of the
same voice and room stays in training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kws.data.clips import HIDDEN, Clip, is_synthetic, partition_of
from kws.data.inspection import Recording, usable
from kws.data.keywords import chosen_keywords, measurable, usable_keywords
from kws.data.splits import split_noise, split_speech
from kws.errors import KwsError

NEGATIVE, NOISE, ROOMS = "_negative_", "_noise_", "_rooms_"


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """What synthesisers are to say for training, and how often each text."""

    utterances_per_keyword: int = 0
    utterances_per_respelling: int = 0
    utterances_per_confusable: int = 0
    utterances_per_sentence: int = 0
    generated_confusables: int = 0  # of each keyword, from the pronouncing dictionary
    random_sentences: int = 0  # of its words, each said once
    generated_for: tuple[str, ...] = ()  # which keywords; none named: all
    confusable_phrases: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    # By keyword, what makes synthesisers say it as people do whose first language is another.
    respellings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    kokoro: Path | None = None  # folder of its network and voices, where it is to speak too


@dataclass
class Dataset:
    """Clips by role."""

    positives: dict[str, list[Clip]] = field(default_factory=dict)
    negatives: list[Clip] = field(default_factory=list)
    noise: list[Clip] = field(default_factory=list)
    impulse_responses: list[Clip] = field(default_factory=list)
    synthesis: Synthesis = field(default_factory=Synthesis)
    card: dict[str, Any] = field(default_factory=dict)  # what the model is to say of its data
    base_model: bool = False  # of many words, to be trained on from; untested
    # What was left out, converted or cannot be measured, and where: a line each.
    problems: list[str] = field(default_factory=list)

    def partitions(self, partitions: Iterable[int]) -> Dataset:
        """The clips of some parts alone; rooms and synthesis, which are of no one, stay whole."""
        chosen = set(partitions)

        return replace(
            self._kept(lambda clip: clip.partition in chosen),
            noise=[clip for clip in self.noise if clip.partition in chosen],
        )

    def testable(self) -> Dataset:
        """Without the speech that serves training alone; noise, rooms and synthesis stay whole."""
        return self._kept(lambda clip: clip.testable)

    def with_source(self, source: str) -> Dataset:
        """With one more source of data on the card."""
        return replace(self, card={**self.card, "data": [*self.card.get("data", []), source]})

    def _kept(self, wanted: Callable[[Clip], bool]) -> Dataset:
        """With the wanted speech alone."""
        return replace(
            self,
            positives={word: [*filter(wanted, clips)] for word, clips in self.positives.items()},
            negatives=[*filter(wanted, self.negatives)],
        )


def from_folder(root: Path, keywords: Sequence[str] = ()) -> Dataset:
    """Read a dataset folder: <keyword>/, _negative_/ (speech) and, if there, _noise_/, _rooms_/.

    keywords: the words to be spotted, where not all are; the others are negatives then. What cannot
    be used is left out, with a line in the dataset's problems; KwsError where no keyword is left.
    """
    folders = folders_in(root)
    words = {keyword_of(path): path for path in folders if not path.name.startswith(HIDDEN)}
    if not words:
        raise KwsError(f"{root}: no folder of recordings of a keyword in it")
    problems: list[str] = []
    chosen = chosen_keywords(root, words, keywords, problems)
    positives = usable_keywords(root, {word: words[word] for word in chosen}, problems)
    if root / NEGATIVE not in folders:
        problems.append(f"{root}: no folder {NEGATIVE} with speech that is not the keyword")
    others = [path for word, path in words.items() if word not in chosen]

    def found(*wanted: Path) -> list[Recording]:
        return [r for path in wanted if path in folders for r in usable(path, problems)]

    negatives = found(*others, root / NEGATIVE)
    noise, rooms = found(root / NOISE), found(root / ROOMS)
    parts = split_speech(
        [measurable(words[word], recordings, problems) for word, recordings in positives.items()],
        [recorded for recorded in negatives if not is_synthetic(recorded.path)],
    )
    parts |= split_noise(noise) | split_noise(rooms)

    def clips(recordings: list[Recording]) -> list[Clip]:
        paths = [recorded.path for recorded in recordings]
        return [Clip(path, parts.get(path, partition_of(path)), path in parts) for path in paths]

    return Dataset(
        {word: clips(recordings) for word, recordings in positives.items()},
        clips(negatives),
        clips(noise),
        clips(rooms),
        problems=problems,
    )


def folders_in(root: Path) -> list[Path]:
    """The folders in a folder, by name; KwsError where they cannot be listed."""
    try:
        return sorted(path for path in root.iterdir() if path.is_dir())
    except OSError as error:
        raise KwsError(f"{root}: {error.strerror}") from error


def keyword_of(folder: Path) -> str:
    """The keyword whose recordings a folder holds: smart_mirror is "smart mirror"."""
    return folder.name.replace("_", " ")
