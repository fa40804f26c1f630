"""What the benchmarks of a cross-validation share: where its folds and their recordings are."""

from __future__ import annotations

import argparse
from pathlib import Path

from kws.training.fold import Fold


def parser(about: str) -> argparse.ArgumentParser:
    """Arguments that name the work folder of a `kws train`; about: a benchmark's docstring."""
    arguments = argparse.ArgumentParser(description=about.splitlines()[0])
    arguments.add_argument("work", type=Path)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--recipe", type=Path, default=Path("models/home.toml"))
    arguments.add_argument("--folds", type=int, default=4)
    return arguments


def folds_of(arguments: argparse.Namespace) -> list[Fold]:
    """The folds that were tested."""
    return [Fold(index, arguments.folds, arguments.work) for index in range(arguments.folds)]
