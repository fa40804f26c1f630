"""What a dataset offers for training: clips by keyword, negative speech, noise and rooms.

A recipe (TOML) names the folders; each clip is given one of PARTS parts, by session or speaker,
so that one part can be held out and nothing of the same voice and room stays in training.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from kws.errors import KwsError
from kws.toml_file import TomlTable, read_toml

AUDIO = {".wav", ".flac", ".ogg", ".opus"}
PARTS = 8
# A speaker's name in a file name: LibriSpeech "1089-134686-0000", AN4 "an1-mblw-b", Google Speech
# Commands "0a7c2a8d_nohash_0"; any other name stands for itself.
SPEAKER = re.compile(r"^(?:(\d+)-\d+-\d+|an\d+-(\w+)-b|([0-9a-f]{8})_nohash_\d+)$")
NEGATIVE, NOISE, ROOMS = "_negative_", "_noise_", "_rooms_"
RECIPE_KEYS = ("keywords", "negatives", "noise", "rooms", "sessions", "synthesis")
SYNTHESIS_KEYS = ("keyword", "near_word", "sentence", "near_words", "sentences")


@dataclass(frozen=True)
class Clip:
    """One recording and the part of the split that it belongs to."""

    path: Path
    part: int


@dataclass(frozen=True)
class Synthesis:
    """What synthesisers are to say for training, and how often each text."""

    keyword: int = 0
    near_word: int = 0
    sentence: int = 0
    near_words: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()


@dataclass
class Dataset:
    """Clips by role."""

    positives: dict[str, list[Clip]] = field(default_factory=dict)
    negatives: list[Clip] = field(default_factory=list)
    noise: list[Clip] = field(default_factory=list)
    rooms: list[Clip] = field(default_factory=list)
    synthesis: Synthesis = field(default_factory=Synthesis)

    def parts(self, parts: Iterable[int]) -> Dataset:
        """The clips of some parts alone; rooms and synthesis, which are of no one, stay whole."""
        chosen = set(parts)

        def keep(clips: list[Clip]) -> list[Clip]:
            return [clip for clip in clips if clip.part in chosen]

        return Dataset(
            {keyword: keep(clips) for keyword, clips in self.positives.items()},
            keep(self.negatives),
            keep(self.noise),
            self.rooms,
            self.synthesis,
        )


def from_recipe(recipe: Path, root: Path) -> Dataset:
    """Read a recipe whose folders are relative to root."""
    toml = read_toml(recipe)
    toml.forbid_others(RECIPE_KEYS)
    table = toml.content
    if "keywords" not in table:
        raise KwsError(f"{recipe}: no table [keywords]")
    sessions = _sessions(recipe.parent / toml.text("sessions")) if "sessions" in table else {}

    def clips(folders: list[str]) -> list[Clip]:
        found = [clip for folder in folders for clip in _folder(root / folder)]
        return [
            Clip(clip.path, sessions.get(clip.path.relative_to(root).as_posix(), clip.part))
            for clip in found
        ]

    return Dataset(
        {keyword: clips(folders) for keyword, folders in table["keywords"].items()},
        clips(table.get("negatives", [])),
        clips(table.get("noise", [])),
        clips(table.get("rooms", [])),
        _synthesis(toml),
    )


def _sessions(path: Path) -> dict[str, int]:
    try:
        parts: dict[str, int] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise KwsError(f"{path}: no split can be read from it ({error})") from error
    return parts


def _synthesis(recipe: TomlTable) -> Synthesis:
    if "synthesis" not in recipe.content:
        return Synthesis()
    table = recipe.table("synthesis")
    table.forbid_others(SYNTHESIS_KEYS)
    counts = (int(table.number(key, 0, 0, 10_000)) for key in SYNTHESIS_KEYS[:3])
    keyword, near_word, sentence = counts
    near_words, sentences = (tuple(table.texts(key, '["a text"]')) for key in SYNTHESIS_KEYS[3:])
    return Synthesis(keyword, near_word, sentence, near_words, sentences)


def from_folder(root: Path) -> Dataset:
    """Read a dataset folder: <keyword>/, _negative_/ (speech) and, if there, _noise_/, _rooms_/."""
    if not root.is_dir():
        raise KwsError(f"{root}: no such folder")
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    keywords = [path for path in folders if not path.name.startswith(("_", "."))]
    if not keywords:
        raise KwsError(f"{root}: no folder of recordings of a keyword in it")
    if root / NEGATIVE not in folders:
        raise KwsError(f"{root}: no folder {NEGATIVE} with speech that is not the keyword")

    def optional(name: str) -> list[Clip]:
        return _folder(root / name) if root / name in folders else []

    return Dataset(
        {path.name.replace("_", " "): _folder(path) for path in keywords},
        _folder(root / NEGATIVE),
        optional(NOISE),
        optional(ROOMS),
    )


def _folder(folder: Path) -> list[Clip]:
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in AUDIO
        and not any(name.startswith("_") for name in path.relative_to(folder).parts)
    )
    if not paths:
        raise KwsError(f"{folder}: no audio files there")
    return [Clip(path, part_of(path)) for path in paths]


def part_of(path: Path) -> int:
    """A part in 0..PARTS-1 by a hash of the speaker's name, or of the file's where none is."""
    match = SPEAKER.match(path.stem)
    speaker = next(filter(None, match.groups())) if match else path.stem
    return hashlib.sha256(speaker.encode()).digest()[0] % PARTS
