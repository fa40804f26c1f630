"""What a network that has heard far more speech than there is here makes of speech.

Google's speech embedding (Lin et al. 2020, "Training Keyword Spotters with Limited and Synthesized
Speech Data", Apache-2.0), in openWakeWord's form: 96 numbers for 0.78 s of speech, which differ
little from voice to voice.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.engine.interpreter import tflite
from kws.errors import KwsError

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]

MELS, NETWORK = "melspectrogram.tflite", "embedding_model.tflite"
# By their SHA-256: the runtime would crash on a damaged file, and other networks tell other things.
DIGESTS = {
    MELS: "96fa0adccb6e8cf95cb14465409a1a2898ee4a96a85bb9ed3c7eb0e68bf163e8",
    NETWORK: "c0aea21eb84a4ce90a08c870da41b7a7173b45269e6a3207c71d67c40f3a59d8",
}
EMBEDDING_CARD = "guided by Google's speech embedding, Apache-2.0"  # for a model's card
SIZE = 96
BANDS = 32
FRAMES, STEP = 76, 8  # mel frames that an embedding rests on, and from one to the next
FRAME, FRAME_HOP = 560, 160  # samples
WINDOW, HOP = FRAME + (FRAMES - 1) * FRAME_HOP, STEP * FRAME_HOP
AT_ONCE = 750  # embeddings, which is a minute


def files(folder: Path) -> list[Path]:
    """The two networks; KwsError where one is missing, or is another one."""
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
    """Samples to embeddings."""

    def __init__(self, folder: Path) -> None:
        """folder: of both networks. KwsError where they are not what they should be."""
        self._mels, self._network = (_Network(path) for path in files(folder))

    def embeddings(self, samples: Samples) -> Floats:
        """int16 [n] to [1 + (n - WINDOW) // HOP, SIZE]."""
        found = [np.zeros((0, SIZE), np.float32)]
        for first in range(0, len(samples) - WINDOW + 1, AT_ONCE * HOP):
            piece = samples[first : first + (AT_ONCE - 1) * HOP + WINDOW].astype(np.float32)
            frames = FRAMES + STEP * ((len(piece) - WINDOW) // HOP)
            mels = self._mels.run(piece[None]).reshape(1, -1, BANDS, 1)[:, :frames]
            # The scale that the embedding was trained on, of openWakeWord's mel network.
            found.append(self._network.run(mels / 10 + 2).reshape(-1, SIZE))
        return np.concatenate(found)


class _Network:
    """A network of one input and one output, of any length."""

    def __init__(self, path: Path) -> None:
        self._interpreter = tflite.Interpreter(str(path), num_threads=1)
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()

    def run(self, values: Floats) -> Floats:
        self._interpreter.resize_tensor_input(self._input["index"], values.shape)
        self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(self._input["index"], values)
        self._interpreter.invoke()
        made: Floats = self._interpreter.get_tensor(self._output["index"])
        return made
