"""Test the speech embedding, and that other networks are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import SAMPLES, kws
from conftest import tensorflow

from kws.audio.audio_file import read_audio
from kws.errors import KwsError
from kws.training.distillation.embedding import (
    DIGESTS,
    HOP,
    MELS,
    NETWORK,
    SIZE,
    WINDOW,
    Embedder,
)


def test_an_embedding_for_every_hop(embedding: Path) -> None:
    """Later audio changes an embedding little: it sets the peak, to which silence is relative."""
    embedder = Embedder(embedding)
    samples = read_audio(SAMPLES / "story.flac")
    whole = embedder.embeddings(samples)
    assert whole.shape == (1 + (len(samples) - WINDOW) // HOP, SIZE)
    assert embedder.embeddings(samples[: WINDOW - 1]).shape == (0, SIZE)
    assert embedder.embeddings(samples[:0]).shape == (0, SIZE)
    first = embedder.embeddings(samples[: WINDOW + 4 * HOP + 7])
    assert first.shape == (5, SIZE)
    assert np.abs(first - whole[:5]).mean() < 0.2 * whole.std()


def test_chunks_give_the_embeddings_of_the_whole(
    embedding: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = Embedder(embedding)
    samples = read_audio(SAMPLES / "all_keywords.flac")
    whole = embedder.embeddings(samples)
    monkeypatch.setattr("kws.training.distillation.embedding.CHUNK", 20)
    pieces = embedder.embeddings(samples)
    assert pieces.shape == whole.shape
    assert np.abs(pieces - whole).mean() < 0.05 * whole.std()


def test_a_word_has_similar_embeddings_in_two_voices(embedding: Path) -> None:
    """Compare the most similar moments of two recordings, of one keyword and of two."""
    embedder = Embedder(embedding)

    def moments(name: str) -> np.ndarray:
        embeddings = embedder.embeddings(read_audio(SAMPLES / f"{name}.flac"))
        return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)

    def similarity(one: str, other: str) -> float:
        return float((moments(one) @ moments(other).T).max())

    same = [
        similarity("alexa_rain", "alexa_timer"),
        similarity("computer_lights", "computer_moon"),
        similarity("smart_mirror_coat", "smart_mirror_news"),
    ]
    assert np.mean(same) > similarity("alexa_rain", "computer_moon")
    assert np.mean(same) > similarity("computer_lights", "smart_mirror_news")


def damaged(embedding: Path, folder: Path, how: str) -> Path:
    shutil.copytree(embedding, folder, ignore=lambda _, names: set(names) - set(DIGESTS))
    mels, network = folder / MELS, folder / NETWORK
    if how == "missing":
        network.unlink()
    elif how == "cut":
        network.write_bytes(network.read_bytes()[:1000])
    elif how == "text":
        mels.write_text("mels")
    elif how == "swapped":
        mels.rename(folder / "kept")
        network.rename(mels)
        (folder / "kept").rename(network)
    return folder


@pytest.mark.parametrize("how", ["missing", "cut", "text", "swapped"])
def test_other_networks_are_refused(embedding: Path, tmp_path: Path, how: str) -> None:
    folder = damaged(embedding, tmp_path / "networks", how)
    with pytest.raises(KwsError, match=rf"^{folder}"):
        Embedder(folder)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["missing", "cut"])
def test_a_damaged_embedding_is_reported_before_anything_else(
    embedding: Path, tmp_path: Path, how: str
) -> None:
    tensorflow()
    folder = damaged(embedding, tmp_path / "networks", how)
    process = kws(
        *("train", tmp_path, "--recipe", "models/home.toml", "--embedding", folder),
        *("--output", tmp_path / "x.tflite"),
    )
    assert process.returncode == 1
    assert process.stdout == ""
    assert process.stderr.startswith(f"kws: error: {folder / NETWORK}: ")
    assert process.stderr.count("\n") == 1
