"""Compute Google's speech embedding, with a network that was trained on very much speech.

It (Lin et al. 2020, "Training Keyword Spotters with Limited and Synthesized Speech Data",
Apache-2.0), in openWakeWord's form, gives 96 numbers for 0.78 s of speech. They differ little from
voice to voice.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.ds_cnn import open_interpreter
from kws.errors import KwsError

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]

MELS, NETWORK = "melspectrogram.tflite", "embedding_model.tflite"
# SHA-256: the runtime would crash on a damaged file, and other networks give other embeddings.
DIGESTS = {
    MELS: "96fa0adccb6e8cf95cb14465409a1a2898ee4a96a85bb9ed3c7eb0e68bf163e8",
    NETWORK: "c0aea21eb84a4ce90a08c870da41b7a7173b45269e6a3207c71d67c40f3a59d8",
}
EMBEDDING_CARD = "distilled from Google's speech embedding, Apache-2.0"  # for a model card
SIZE = 96
MEL_BINS = 32
MEL_FRAMES, STRIDE = 76, 8  # mel frames of an embedding, and from one to the next
MEL_WINDOW, MEL_HOP = 560, 160  # samples
WINDOW, HOP = MEL_WINDOW + (MEL_FRAMES - 1) * MEL_HOP, STRIDE * MEL_HOP
CHUNK = 750  # embeddings computed at once, a minute


def files(folder: Path) -> list[Path]:
    """Return the paths of the two networks.

    Raises:
        KwsError: One is missing, damaged, or another network.
    """
    paths = [folder / name for name in DIGESTS]
    for path, digest in zip(paths, DIGESTS.values(), strict=True):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise KwsError(f"{path}: {error.strerror or error}") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise KwsError(f"{path}: damaged, or not the speech embedding that kws knows")
    return paths


class Embedder:
    """Compute embeddings of samples."""

    def __init__(self, folder: Path) -> None:
        """Load both networks from a folder.

        Raises:
            KwsError: They are not the expected ones.
        """
        self._mels, self._network = (_Network(path) for path in files(folder))

    def embeddings(self, samples: Samples) -> Floats:
        """Return the embeddings [1 + (n - WINDOW) // HOP, SIZE] of int16 [n]."""
        computed = [np.zeros((0, SIZE), np.float32)]
        for first in range(0, len(samples) - WINDOW + 1, CHUNK * HOP):
            piece = samples[first : first + (CHUNK - 1) * HOP + WINDOW].astype(np.float32)
            frames = MEL_FRAMES + STRIDE * ((len(piece) - WINDOW) // HOP)
            mels = self._mels.run(piece[None]).reshape(1, -1, MEL_BINS, 1)[:, :frames]
            # The scale that the embedding was trained on, of openWakeWord's mel network.
            computed.append(self._network.run(mels / 10 + 2).reshape(-1, SIZE))
        return np.concatenate(computed)


class _Network:
    """Run a network of one input and one output, of any length."""

    def __init__(self, path: Path) -> None:
        self._interpreter = open_interpreter(path.read_bytes(), reference=False)
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()

    def run(self, values: Floats) -> Floats:
        self._interpreter.resize_tensor_input(self._input["index"], values.shape)
        self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(self._input["index"], values)
        self._interpreter.invoke()
        output: Floats = self._interpreter.get_tensor(self._output["index"])
        return output
