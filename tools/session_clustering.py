"""Assign recordings of a word, whose speakers are not named, to partitions by recording session.

    python tools/session_clustering.py DATA_FOLDER RECIPE.toml OUTPUT.json

takes the recordings of a recipe's keywords under wake/, clusters them by sound as
kws/data/sessions.py does, and writes {"wake/alexa/0.flac": partition, ...}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from kws.audio.audio_file import read_audio
from kws.data.audio_files import AUDIO_SUFFIXES
from kws.data.sessions import Labels, cluster_sessions
from kws.data.splits import assign_partitions
from kws.errors import KwsError
from kws.toml_file import TomlTable, read_toml

UNNAMED = "wake/"  # folders of the data folder in which the speakers are not named


def assign_by_session(labels: Labels) -> Labels:
    """Return the partition [n] of recordings by their sessions: largest first, to the emptiest."""
    return assign_partitions(np.bincount(labels)[:, None].astype(np.float64))[labels]


def split_folder(folder: Path) -> dict[Path, int]:
    """Return the partition of each recording of a word's folder; KwsError where there is none."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    if not paths:
        raise KwsError(f"{folder}: no audio files there")
    labels = cluster_sessions([read_audio(path) for path in paths], [path.stem for path in paths])
    print(f"{folder}: {len(paths)} recordings, {labels.max() + 1} sessions", flush=True)
    return dict(zip(paths, assign_by_session(labels).tolist(), strict=True))


def unnamed_folders(recipe: TomlTable) -> list[str]:
    """Return the keywords' folders under wake/; KwsError where a recipe has none."""
    keywords = recipe.content.get("keywords")
    if not isinstance(keywords, dict):
        raise KwsError(f"{recipe.path}: no [keywords]")
    unnamed = []
    for keyword, folders in keywords.items():
        if not isinstance(folders, list) or not all(isinstance(folder, str) for folder in folders):
            raise recipe.error("keywords", f"{keyword} must be a list of folders")
        unnamed += [folder for folder in folders if folder.startswith(UNNAMED)]
    if not unnamed:
        raise recipe.error("keywords", f"no folder under {UNNAMED}")
    return unnamed


def main(
    data_folder: Annotated[Path, typer.Argument(help="Folder of the recipe's folders.")],
    recipe: Annotated[Path, typer.Argument(help="TOML file that names the keywords' folders.")],
    output: Annotated[Path, typer.Argument(help="JSON file to write: partition by recording.")],
) -> None:
    """Split a recipe's wake word recordings by recording session."""
    partitions = {
        path.relative_to(data_folder).as_posix(): partition
        for folder in unnamed_folders(read_toml(recipe))
        for path, partition in split_folder(data_folder / folder).items()
    }
    try:
        output.write_text(json.dumps(partitions, indent=0, sort_keys=True) + "\n")
    except OSError as error:
        raise KwsError(f"{output}: {error.strerror}") from error


if __name__ == "__main__":
    try:
        typer.run(main)
    except KwsError as error:
        sys.exit("kws: error: " + " ".join(str(error).split()))
