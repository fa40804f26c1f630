"""Train a model on keywords of your own, as `kws train` does; it needs pip install 'kws[train]'.

python examples/train_with_api.py FOLDER OUTPUT.tflite [RECIPE.toml]

FOLDER holds recordings in <keyword>/, other speech in _negative_/ and noise in _noise_/. Training
starts from the shipped base model and takes minutes to an hour. RECIPE.toml changes hyperparameters
(docs/train.md).
"""

from __future__ import annotations

import sys
from pathlib import Path

import kws
from kws.training.pipeline import run
from kws.training.plan import plan


def main(folder: str, output: str, recipe: str | None = None) -> None:
    """Train, then print the thresholds of the new model."""
    work = Path(output).with_suffix(".work")  # keeps what is finished, should training be stopped
    planned = plan(Path(folder), work, Path(recipe) if recipe else None)
    run(planned, Path(output), work)
    config = kws.ModelFile.load(output).config
    for keyword, threshold in zip(config.keywords, config.thresholds, strict=True):
        print(f"{keyword}: threshold {threshold:.2f}")


if __name__ == "__main__":  # training starts processes, which import this file
    try:
        main(*sys.argv[1:4])
    except kws.KwsError as error:
        sys.exit(f"error: {error}")
