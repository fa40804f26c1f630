"""Find the folds of a `kws train --work WORK` and their recordings, for the benchmarks."""

from __future__ import annotations

import argparse
from pathlib import Path

from kws.training.fold import Fold
from kws.training.recipe import WAKE_WORDS, Recipe
from kws.training.recipe_file import read_hyperparameters


def parser(about: str, work_optional: bool = False) -> argparse.ArgumentParser:
    """Return a parser of what all benchmarks take; about: the docstring of one."""
    arguments = argparse.ArgumentParser(description=about.splitlines()[0])
    arguments.add_argument("work", type=Path, nargs="?" if work_optional else None)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--recipe", type=Path, default=Path("models/home.toml"))
    arguments.add_argument("--folds", type=int, default=4)
    arguments.add_argument(
        "--only",
        type=int,
        nargs="+",
        metavar="FOLD",
        help="numbers of the folds to use, from 0, of a training that is not finished",
    )
    return arguments


def hyperparameters_of(arguments: argparse.Namespace) -> Recipe:
    """Return the recipe by which the models of the work folder were trained."""
    return read_hyperparameters(arguments.recipe, WAKE_WORDS)


def folds_of(arguments: argparse.Namespace) -> list[Fold]:
    """Return the folds that are asked for, or all that were tested."""
    tested = range(arguments.folds)
    chosen = sorted(set(arguments.only or tested))
    if unknown := [index for index in chosen if index not in tested]:
        raise SystemExit(f"--only: fold {unknown[0]} is not 0 to {arguments.folds - 1}")
    return [Fold(index, arguments.folds, arguments.work) for index in chosen]
