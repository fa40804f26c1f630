"""Recordings of one word whose speakers are not named, grouped into sessions: voice and room alike.

    python tools/session_clustering.py DATA_FOLDER RECIPE.toml OUTPUT.json

deals the recordings of a recipe's keywords under wake/ to the parts of the split, by session, and
writes {"wake/alexa/0.flac": part, ...}. Two recordings are as far apart as their words under
dynamic time warping, which tells voices and manners of speech apart, plus the distance of their
mean spectra, which tells microphones and rooms apart; average linkage joins what is near.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from dynamic_time_warping import Float, warped_distances
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE, FrontEnd
from kws.data.clips import AUDIO_SUFFIXES
from kws.data.splits import assign_partitions
from kws.data.word_span import MAX_SECONDS, word_span
from kws.errors import KwsError
from kws.mfcc import Mfcc
from kws.toml_file import TomlTable, read_toml

UNNAMED = "wake/"  # where in the data folder the speakers are not named
FRONT_END = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-5)
MARGIN = FRONT_END.window  # samples around the word
# Distance, in units of the cepstrum, below which recordings are of one session. In those of the
# Picovoice wake word benchmark, 8.5 to 9.2 give much the same groups, most of ten recordings.
SAME = 9.0
NUMBERS = 2  # file names that differ by so much at most were recorded one after another


def sessions(
    recordings: Sequence[npt.NDArray[np.int16]], names: Sequence[str]
) -> npt.NDArray[np.intp]:
    """Session [n], from 0, of recordings of one word: int16 [samples] each, at 16 kHz.

    names are the files' names without their endings. Where they are consecutive numbers, two
    neighbours that are alike are of one session, and so is a whole run of such neighbours.
    """
    if len(recordings) < 2:
        return np.zeros(len(recordings), np.intp)
    distances = _distances(recordings)
    runs = _runs(names, distances)
    distances[runs[:, None] == runs] = 0
    tree = linkage(squareform(distances), "average")
    labels: npt.NDArray[np.intp] = fcluster(tree, SAME, "distance").astype(np.intp) - 1
    return labels


def assign_by_session(labels: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return the partition [n] of recordings by their sessions: largest first, to the emptiest."""
    return assign_partitions(np.bincount(labels)[:, None].astype(np.float64))[labels]


def _distances(recordings: Sequence[npt.NDArray[np.int16]]) -> Float:
    """[n, n] of the words' alignments plus of their mean rows."""
    words = [_word(samples) for samples in recordings]
    means = np.array([word.mean(axis=0) for word in words])
    distances: Float = warped_distances(words) + squareform(pdist(means))
    return distances


def _word(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """Return the MFCC frames [frames, coefficients - 1] of the word, without its level."""
    start, end = word_span(samples)
    end = min(end, start + int(MAX_SECONDS * SAMPLE_RATE))
    word = samples[max(0, start - MARGIN) : end + MARGIN].astype(np.float64)
    word = np.pad(word, (0, max(0, FRONT_END.window - len(word))))
    word *= 32767 / max(1, np.abs(word).max())
    rows: npt.NDArray[np.float32] = Mfcc(FRONT_END).push(word.astype(np.int16))
    return rows[:, 1:]


def _runs(names: Sequence[str], distances: Float) -> npt.NDArray[np.intp]:
    """[n] a label for each run of recordings that were made one after another and are alike."""
    runs = np.arange(len(names))
    numbered = sorted((int(name), i) for i, name in enumerate(names) if name.isdecimal())
    for (number, i), (next_number, j) in pairwise(numbered):
        if next_number - number <= NUMBERS and distances[i, j] < SAME:
            runs[j] = runs[i]
    return runs


def split(folder: Path) -> dict[Path, int]:
    """The part of each recording of a word's folder; KwsError where there is none."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    if not paths:
        raise KwsError(f"{folder}: no audio files there")
    labels = sessions([read_audio(path) for path in paths], [path.stem for path in paths])
    print(f"{folder}: {len(paths)} recordings, {labels.max() + 1} sessions", flush=True)
    return dict(zip(paths, assign_by_session(labels).tolist(), strict=True))


def unnamed_folders(recipe: TomlTable) -> list[str]:
    """The keywords' folders under wake/; KwsError where a recipe has none."""
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
    data_folder: Annotated[Path, typer.Argument(help="What the recipe's folders are in.")],
    recipe: Annotated[Path, typer.Argument(help="TOML file that names the keywords' folders.")],
    output: Annotated[Path, typer.Argument(help="JSON file to write: part by recording.")],
) -> None:
    """Split a recipe's wake word recordings by recording session."""
    parts = {
        path.relative_to(data_folder).as_posix(): part
        for folder in unnamed_folders(read_toml(recipe))
        for path, part in split(data_folder / folder).items()
    }
    try:
        output.write_text(json.dumps(parts, indent=0, sort_keys=True) + "\n")
    except OSError as error:
        raise KwsError(f"{output}: {error.strerror}") from error


if __name__ == "__main__":
    try:
        typer.run(main)
    except KwsError as error:
        sys.exit("kws: error: " + " ".join(str(error).split()))
