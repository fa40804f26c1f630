"""Which words of a dataset serve as keywords, and on which of their recordings figures stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kws.data.clips import is_synthetic
from kws.data.inspection import Recording, usable
from kws.data.splits import MIN_SPEAKERS, speakers
from kws.errors import KwsError


def chosen_keywords(
    root: Path, words: Iterable[str], asked: Sequence[str], problems: list[str]
) -> list[str]:
    """The words that are asked for, as in their folders' names or with spaces; all if none is.

    problems gets a line for each word that is not there; KwsError where none of them is.
    """
    words = list(words)
    if not asked:
        return words
    wanted = list(dict.fromkeys(keyword.replace("_", " ") for keyword in asked))
    missing = [f"no folder of {keyword!r}" for keyword in wanted if keyword not in words]
    if len(missing) == len(wanted):
        raise KwsError(f"{root}: {', '.join(missing)}; there are {', '.join(words) or 'none'}")
    problems += [f"{root}: {line}" for line in missing]
    return [keyword for keyword in wanted if keyword in words]


def usable_keywords(
    root: Path, folders: Mapping[str, Path], problems: list[str]
) -> dict[str, list[Recording]]:
    """The recordings of each keyword that has some; KwsError where none has, with a reason."""
    read = {word: usable(folder, problems, keyword=True) for word, folder in folders.items()}
    found = {word: recordings for word, recordings in read.items() if recordings}
    if not found:
        others = f", and {len(problems) - 1} more" if problems[1:] else ""
        raise KwsError(f"{root}: no recording of a keyword can be used ({problems[0]}{others})")
    return found


def measurable(
    folder: Path, recordings: Iterable[Recording], problems: list[str]
) -> list[Recording]:
    """The recordings of a keyword that figures can stand on: not a single one, none synthetic."""
    spoken = [recorded for recorded in recordings if not is_synthetic(recorded.path)]
    if len(spoken) == 1:
        problems.append(f"{folder}: a single recording; figures cannot be measured")
        return []
    if spoken and speakers(spoken) < MIN_SPEAKERS:
        problems.append(
            f"{folder}: recordings of fewer than {MIN_SPEAKERS} speakers or sessions; figures are"
            " for voices that training knows"
        )
    return spoken
