"""A recipe (TOML): which folders of a data folder serve what, and what is synthesised."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from kws.data.clips import PARTS, Clip, clips_in
from kws.data.dataset import Dataset, Synthesis
from kws.errors import KwsError
from kws.toml_file import TomlTable, read_toml

KEYS = (
    *("like", "trunk", "sessions", "untested", "negatives", "noise", "rooms"),
    *("keywords", "synthesis", "card"),
)
COUNTS = ("keyword", "spelling", "near_word", "sentence", "neighbours", "random_sentences")
TEXTS = ("neighbours_of", "near_words", "sentences")
SPELLINGS = "spellings"
FOLDER = '["a folder"]'  # how a list of folders is written


def from_recipe(recipe: Path, root: Path) -> Dataset:
    """Read a recipe whose folders are relative to root; KwsError names a mistake's line.

    A recipe that is `like` another, a file beside it, has all that is in the other as well. What
    serves as a keyword is no negative.
    """
    toml = read_toml(recipe)
    if "like" not in toml.content:
        return _joined(Dataset(), toml, root)
    liked = read_toml(recipe.parent / toml.text("like"))
    if "like" in liked.content:
        raise toml.error("like", f"{liked.path} is like another one itself")
    return _joined(_joined(Dataset(), liked, root), toml, root)


def _joined(base: Dataset, toml: TomlTable, root: Path) -> Dataset:
    """A base, and what a recipe says beside it."""
    toml.forbid_others(KEYS)
    if not toml.content.get("keywords"):
        raise KwsError(f"{toml.path}: no keywords in it")
    own = _own(toml, root, base)
    positives = {**base.positives, **own.positives}
    taken = {clip.path for clips in positives.values() for clip in clips}
    return replace(
        own,
        positives=positives,
        negatives=[c for c in (*base.negatives, *own.negatives) if c.path not in taken],
        noise=[*base.noise, *own.noise],
        rooms=[*base.rooms, *own.rooms],
        card={**base.card, **own.card},
    )


def _own(toml: TomlTable, root: Path, base: Dataset) -> Dataset:
    """What stands in a recipe itself; its synthesis changes that of the base."""
    sessions = _sessions(toml) if "sessions" in toml.content else {}
    untested = toml.texts("untested", FOLDER) if "untested" in toml.content else []

    def clips(table: TomlTable, key: str) -> list[Clip]:
        if key not in table.content:
            return []
        found = []
        for folder in table.texts(key, FOLDER):
            try:
                inside = clips_in(root / folder)
            except KwsError as error:
                raise table.error(key, str(error)) from error
            for number, clip in enumerate(inside):
                name = PurePath(folder, clip.path.relative_to(root / folder)).as_posix()
                if folder in untested:
                    found.append(Clip(clip.path, number % PARTS, tested=False))
                else:
                    found.append(replace(clip, part=sessions.get(name, clip.part)))
        return found

    keywords = toml.table("keywords")
    return Dataset(
        {keyword: clips(keywords, keyword) for keyword in keywords.content},
        clips(toml, "negatives"),
        clips(toml, "noise"),
        clips(toml, "rooms"),
        _synthesis(toml, base.synthesis, [*base.positives, *keywords.content]),
        toml.content.get("card", {}),
        toml.flag("trunk"),
    )


def _sessions(recipe: TomlTable) -> dict[str, int]:
    """The part of each recording by its path, from the JSON file that a recipe names."""
    path = recipe.path.parent / recipe.text("sessions")
    try:
        parts = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise recipe.error("sessions", f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise recipe.error("sessions", f"{path}: not JSON: {error}") from error
    if not isinstance(parts, dict) or not all(part in range(PARTS) for part in parts.values()):
        raise recipe.error("sessions", f"{path}: not a part from 0 to {PARTS - 1} by recording")
    return parts


def _synthesis(recipe: TomlTable, base: Synthesis, keywords: Sequence[str]) -> Synthesis:
    """The base, but for what a recipe says itself."""
    if "synthesis" not in recipe.content:
        return base
    table = recipe.table("synthesis")
    table.forbid_others((*COUNTS, *TEXTS, SPELLINGS))
    given: dict[str, Any] = {
        **{k: int(table.number(k, 0, 0, 10_000)) for k in COUNTS if k in table.content},
        **{k: tuple(table.texts(k, '["a text"]')) for k in TEXTS if k in table.content},
    }
    if SPELLINGS in table.content:
        said = table.table(SPELLINGS)
        said.forbid_others(keywords)
        given[SPELLINGS] = {k: tuple(said.texts(k, '["a spelling"]')) for k in said.content}
    return replace(base, **given)
