"""Keep words out of code and documentation for which the field has standard terms."""

from __future__ import annotations

import re
from pathlib import Path

from command_line import ROOT

# Each word hardly has another use; CONTRIBUTING.md says what to write instead.
WORDS = re.compile(
    r"(?<![a-z])(?:throats?|patchwork|lanes?|likest|likeliest|hearings?|torn|shreds?|guiding"
    r"|lessons?|owing|told|behind|anew|narrowed|overdriven|surroundings|made[ _-]up[ _-]noise"
    r"|near[ _-]words?|look[ _-]backs?|the (?:whole )?roads?|two roads|side[ _-]rooms?"
    r"|deal(?:s|t|ing)?|hiss|overlaid|beside|alike|untold|telling|is none that"
    r"|heard[ _-]rows?|nobody (?:ever )?(?:said|spoke))(?![a-z])",
    re.IGNORECASE,
)
# The base model's former name, which goes on working: these define or test the alias.
ALIAS = re.compile(r"(?<![a-z])trunks?(?![a-z])", re.IGNORECASE)
MAY_NAME_THE_ALIAS = {
    "kws/commands/train.py",
    "kws/data/dataset_recipe.py",
    "kws/model_file.py",
    "kws/training/plan.py",
    "docs/train.md",
    "Makefile",
    "tests/data/test_dataset_recipe.py",
    "tests/test_model_file.py",
    "tests/training/test_plan.py",
    "tests/training/test_recipe_file.py",
}
# The actual use of a word, as in a lane of a register, goes here with its file.
EXCEPTIONS: set[tuple[str, str]] = {
    # Older names of keys, under which recipes are still read.
    ("kws/data/dataset_recipe.py", "near_word"),
    ("kws/data/dataset_recipe.py", "near_words"),
    # The settings of model files of format 1.
    ("kws/config.py", "look_back"),
    ("tests/test_config.py", "look_back"),
}

FOLDERS = (
    "deploy",
    "kws",
    "firmware_export",
    "docs",
    "examples",
    "models",
    "benchmarks",
    "tools",
    "tests",
)
ENDINGS = {".py", ".pyi", ".c", ".h", ".S", ".ino", ".md", ".toml", ".cfg", ".yaml"}
FILES = sorted(
    [
        *(ROOT / name for name in ("README.md", "Makefile", "setup.cfg", "setup.py", "ruff.toml")),
        *(
            path
            for folder in FOLDERS
            for path in (ROOT / folder).rglob("*")
            if path.suffix in ENDINGS and path.name not in {"kws_model.c", Path(__file__).name}
        ),
    ]
)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def words_in(path: Path) -> list[str]:
    """Return the words of a file that should be others, as "file:line: word"."""
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        words = [match.group().lower() for match in WORDS.finditer(line)]
        if name(path) not in MAY_NAME_THE_ALIAS:
            words += [match.group().lower() for match in ALIAS.finditer(line)]
        allowed = (word for word in words if (name(path), word) not in EXCEPTIONS)
        found += [f"{name(path)}:{number}: {word}" for word in allowed]
    return found


def test_code_and_documentation_speak_the_language_of_the_field():
    found = [word for path in FILES for word in words_in(path)]
    assert not found, "\n".join([f"{len(found)} words:", *found])


def test_the_words_are_found():
    assert WORDS.findall("It was told anew, behind the road; told_embeddings") == [
        "told",
        "anew",
        "behind",
        "the road",
        "told",
    ]
    assert not WORDS.search("planes, a roadmap, foretold, user guides, renew")
