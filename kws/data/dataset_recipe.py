"""Read a dataset recipe (TOML): which folders of a data folder serve as what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from kws.audio.tar_members import without_archive
from kws.data.clips import PARTITIONS, Clip, clips_in
from kws.data.dataset import NOISE_KIND, SOURCES, SPEECH_KIND, Dataset, Synthesis
from kws.data.recipe_partitions import partition_in, read_partitions
from kws.data.spoken_keywords import with_spoken_keywords
from kws.data.unheard import without
from kws.errors import KwsError
from kws.keyword_names import comparison_key, keyword_name
from kws.model_file import current_path
from kws.toml_file import TomlTable, read_toml

# Keys that have an older name, which is read as well.
ALIASES = {
    "extends": "like",
    "base_model": "trunk",
    "partitions": "sessions",
    "training_only": "untested",
    "impulse_responses": "rooms",
    "utterances_per_keyword": "keyword",
    "utterances_per_respelling": "spelling",
    "utterances_per_confusable": "near_word",
    "utterances_per_sentence": "sentence",
    "generated_confusables": "neighbours",
    "generated_for": "neighbours_of",
    "confusable_phrases": "near_words",
    "respellings": "spellings",
}
KEYS = (
    *("extends", "base_model", "partitions", "training_only", "negatives", "noise"),
    *("impulse_responses", "keywords", "unheard", "synthesis", "card"),
)
# Read by kws/training/recipe_file.py.
HYPERPARAMETERS = (
    *("seed", "front_end", "architecture", "schedule", "loss", "augmentation", "examples"),
    *("mining", "distillation", "teacher", "posterior", "committee"),
)
COUNTS = (
    *("utterances_per_keyword", "utterances_per_respelling", "utterances_per_confusable"),
    *("utterances_per_sentence", "generated_confusables", "random_sentences"),
    *("in_context_per_keyword", "accented_per_keyword", "casual_per_keyword"),
    *("lone_utterances", "utterances_per_lone"),
)
UNHEARD, EXCLUDED = "unheard", "excluded_phrases"
TEXTS = ("generated_for", "confusable_phrases", "sentences", "voices", EXCLUDED)
RESPELLINGS = "respellings"
FOLDER = '["a folder"]'  # how a list of folders is written


def from_recipe(recipe: Path, root: Path) -> Dataset:
    """Read a recipe whose folders are relative to root.

    A recipe that `extends` another, a file in the same folder, has all that is in the other as
    well, but for the phrases that either wants unheard. A recording that serves as a keyword, or
    says one alone by its transcript, is not a negative. Raises KwsError, which names the line of a
    mistake.
    """
    dataset, unheard = Dataset(), list[str]()
    for toml in recipe_tables(recipe):
        dataset = _joined(dataset, toml, root)
        unheard += _unheard(toml)
    if unheard:
        dataset = without(unheard, dataset, root)
    dataset = with_spoken_keywords(dataset, root)
    if not dataset.positives:
        raise KwsError(f"{recipe}: no keywords in it")
    return dataset


def with_recipe(recipe: Path, synthesis: Synthesis, keywords: Sequence[str]) -> Synthesis:
    """Return the synthesis of a dataset with the values that a recipe gives itself."""
    for toml in recipe_tables(recipe):
        synthesis = _synthesis(toml, synthesis, keywords)
    return synthesis


def recipe_tables(recipe: Path, extending: tuple[Path, ...] = ()) -> list[TomlTable]:
    """Return the content of a recipe and, before it, of the one that it extends, if any.

    extending: recipes that extend this one, none of which it may extend itself.
    """
    toml = read_toml(recipe)
    _forbid_others(toml, (*KEYS, *HYPERPARAMETERS))
    extends = _key(toml, "extends")
    if extends is None:
        return [toml]
    base, extending = current_path(recipe.parent / toml.text(extends)), (*extending, recipe)
    if any(base.resolve() == other.resolve() for other in extending):
        raise toml.error(extends, f"{base} extends this one in turn")
    return [*recipe_tables(base, extending), toml]


def _joined(base: Dataset, toml: TomlTable, root: Path) -> Dataset:
    """Return a base dataset with what a recipe adds to it."""
    _forbid_others(toml, (*KEYS, *HYPERPARAMETERS))
    added = _read(toml, root, base)
    positives = {**base.positives, **added.positives}
    taken = {clip.path for clips in positives.values() for clip in clips}
    return replace(
        added,
        positives=positives,
        negatives=[c for c in (*base.negatives, *added.negatives) if c.path not in taken],
        noise=[*base.noise, *added.noise],
        impulse_responses=[*base.impulse_responses, *added.impulse_responses],
        card={**base.card, **added.card},
    )


def _read(toml: TomlTable, root: Path, base: Dataset) -> Dataset:
    """Return the dataset of one recipe file; its synthesis changes that of the base."""
    key = _key(toml, "partitions")
    partitions = read_partitions(toml, key) if key else {}
    clips = _RecipeClips(toml, root, partitions, _folders(toml, _key(toml, "training_only")))
    keywords = _keywords(toml, base.positives, clips)
    return Dataset(
        keywords,
        clips.by_kind("negatives", SPEECH_KIND),
        clips.by_kind("noise", NOISE_KIND),
        clips.of(toml, _key(toml, "impulse_responses")),
        _synthesis(toml, base.synthesis, [*base.positives, *keywords]),
        _card(toml),
        toml.flag(_key(toml, "base_model") or "base_model"),
    )


def _card(toml: TomlTable) -> dict[str, Any]:
    """Return what a recipe says for the card of its model, with the sources of data as a list."""
    if "card" not in toml.content:
        return {}
    card = toml.table("card")
    if SOURCES in card.content:
        card.texts(SOURCES, '["a source"]')
    return card.content


@dataclass(frozen=True)
class _RecipeClips:
    """Find the clips in the folders of a recipe file, each with its partition."""

    toml: TomlTable
    root: Path  # of the folders
    partitions: Mapping[str, int]
    training_only: Sequence[str]  # folders

    def of(self, table: TomlTable, key: str | None, kind: str = "") -> list[Clip]:
        """Return the clips of the folders under a key of a table; none where there is no key."""
        found = []
        for folder in _folders(table, key):
            try:
                inside = clips_in(self.root / folder)
            except KwsError as error:
                raise table.error(key, str(error)) from error
            for number, clip in enumerate(inside):
                if folder in self.training_only:
                    found.append(Clip(clip.path, number % PARTITIONS, testable=False, kind=kind))
                    continue
                path = without_archive(clip.path)
                name = PurePath(folder, path.relative_to(self.root / folder))
                partition = partition_in(name, self.partitions, clip.partition)
                found.append(replace(clip, partition=partition, kind=kind))
        return found

    def by_kind(self, key: str, kind: str) -> list[Clip]:
        """Return the clips of a table of kinds, or of a list, whose clips are of one kind."""
        if not isinstance(self.toml.content.get(key), dict):
            return self.of(self.toml, _key(self.toml, key), kind)
        table = self.toml.table(key)
        return [clip for kind in table.content for clip in self.of(table, kind, kind)]


def _keywords(toml: TomlTable, base: Iterable[str], clips: _RecipeClips) -> dict[str, list[Clip]]:
    """Return the clips of each keyword of a recipe file, spelt as in the base where it has it."""
    keywords: dict[str, list[Clip]] = {}
    if "keywords" not in toml.content:
        return keywords
    table = toml.table("keywords")
    spellings = {comparison_key(keyword): keyword for keyword in base}
    for key in table.content:
        keyword = spellings.setdefault(comparison_key(key), keyword_name(key))
        if keyword in keywords:
            raise table.error(key, f"{key!r} and {keyword!r} are one keyword")
        keywords[keyword] = clips.of(table, key)
    return keywords


def _key(table: TomlTable, name: str) -> str | None:
    """Return the name under which a key is in a table, or None; KwsError where both are there."""
    alias = ALIASES.get(name)
    given = [key for key in (name, alias) if key in table.content]
    if len(given) == 2:
        raise table.error(alias, f"{alias} is the older name of {name}, which is given as well")
    return given[0] if given else None


def _forbid_others(table: TomlTable, names: Sequence[str]) -> None:
    """Raise KwsError at the first key that is neither one of these nor an older name of one."""
    table.forbid_others((*names, *(ALIASES[name] for name in names if name in ALIASES)))


def _folders(table: TomlTable, key: str | None) -> list[str]:
    """Return the list of folders under a key, an empty one where there is no key."""
    return table.texts(key, FOLDER) if key else []


def _unheard(recipe: TomlTable) -> list[str]:
    """Return the phrases that a recipe wants unheard."""
    return recipe.texts(UNHEARD, '["a phrase"]') if UNHEARD in recipe.content else []


def _synthesis(recipe: TomlTable, base: Synthesis, keywords: Sequence[str]) -> Synthesis:
    """Return the base's synthesis with the values that a recipe gives itself.

    What is not said comes on top of what the base does not say.
    """
    base = replace(base, excluded_phrases=_united(base.excluded_phrases, _unheard(recipe)))
    if "synthesis" not in recipe.content:
        return base
    table = recipe.table("synthesis")
    _forbid_others(table, (*COUNTS, *TEXTS, RESPELLINGS))
    by_key = {comparison_key(keyword): keyword for keyword in keywords}
    values: dict[str, Any] = {}
    for name in (*COUNTS, *TEXTS, RESPELLINGS):
        key = _key(table, name)
        if key is None:
            continue
        if name in COUNTS:
            values[name] = table.whole(key, 0, 10_000)
        elif name in TEXTS:
            values[name] = tuple(table.texts(key, '["a text"]'))
            if name == "generated_for":
                values[name] = tuple(by_key.get(comparison_key(k), k) for k in values[name])
            elif name == EXCLUDED:
                values[name] = _united(base.excluded_phrases, values[name])
        else:
            texts = table.table(key)
            known = [key for key in texts.content if comparison_key(key) in by_key]
            texts.forbid_others([*keywords, *known])
            values[name] = {
                by_key[comparison_key(key)]: tuple(texts.texts(key, '["a spelling"]'))
                for key in texts.content
            }
    return replace(base, **values)


def _united(phrases: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*phrases, *others)))
