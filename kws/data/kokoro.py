"""Kokoro, whose voices are near to people's: a neural synthesiser that runs in this process.

Kokoro-82M (hexgrad, Apache-2.0) in the form of the kokoro-onnx project: a network, kokoro*.onnx,
and voices*.bin, an archive of styles by name. espeak-ng turns the text to phonemes for it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import soxr

from kws.config import SAMPLE_RATE
from kws.errors import KwsError

OWN_RATE = 24_000  # Hz
PEAK = 0.8  # of full scale for 1.0, which a voice at its loudest comes near to
BLEND = "+"  # between two names: the mean of their styles, a voice of its own
# The network's numbers for the phonemes of English, as espeak-ng writes them, and punctuation.
SYMBOLS = {
    **{";": 1, ":": 2, ",": 3, ".": 4, "!": 5, "?": 6, " ": 16, "\u0303": 17},
    **dict(zip("abcdef", range(43, 49), strict=True)),
    **dict(zip("hijklmnopqrstuvwxyz", range(50, 69), strict=True)),
    **{"ɑ": 69, "ɐ": 70, "ɒ": 71, "æ": 72, "ɔ": 76, "ð": 81, "ə": 83, "ɚ": 85, "ɛ": 86, "ɜ": 87},
    **{"ɡ": 92, "ɪ": 102, "ŋ": 112, "ɹ": 123, "ɾ": 125, "ʃ": 131, "θ": 119, "ʊ": 135, "ʌ": 138},
    **{"ʒ": 147, "ʔ": 148, "ˈ": 156, "ˌ": 157, "ː": 158, "ᵻ": 177},
}


def kokoro_voices(folder: Path) -> list[str]:
    """Every voice and every mean of two, as <folder>/<name> or <folder>/<name>+<name>, sorted.

    KwsError where network or styles are not there or not what they should be.
    """
    names = sorted(_Kokoro.of(folder).styles)
    return [str(folder / voice) for voice in (*names, *map(BLEND.join, combinations(names, 2)))]


def speak(voice: str, rate: float, text: str) -> npt.NDArray[np.int16]:
    """A text, int16 [n] at SAMPLE_RATE, by one of kokoro_voices(), at `rate` times its speed."""
    path = Path(voice)
    kokoro = _Kokoro.of(path.parent)
    names = path.name.split(BLEND)
    british = names[0].startswith("b")  # bf_emma, bm_george
    tokens = [SYMBOLS[s] for s in _phonemes(text, "en-gb" if british else "en-us") if s in SYMBOLS]
    if not tokens:
        raise KwsError(f"speech synthesis: Kokoro finds nothing to say in {text!r}")
    audio = kokoro.spoken(tokens, names, rate)
    resampled = soxr.resample(audio, OWN_RATE, SAMPLE_RATE)
    samples: npt.NDArray[np.int16] = (resampled.clip(-1, 1) * PEAK * 32767).astype(np.int16)
    return samples


class _Kokoro:
    """The network, ready to speak, and the styles, [phonemes, 1, values] each."""

    def __init__(self, folder: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise KwsError("Kokoro needs onnxruntime: pip install onnxruntime") from error
        network, styles = _only(folder, "kokoro*.onnx"), _only(folder, "voices*.bin")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # several utterances are made at once instead
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(network), options, providers=["CPUExecutionProvider"]
            )
            self._tokens = self._session.get_inputs()[0].name  # which exports name differently
        except Exception as error:  # its own classes have no other base
            raise KwsError(f"{network}: no network that can be run: {_line(error)}") from error
        try:
            self.styles = _styles(styles)
        except (OSError, EOFError, ValueError, BadZipFile) as error:
            raise KwsError(f"{styles}: no voices of Kokoro: {_line(error)}") from error

    @staticmethod
    @cache
    def of(folder: Path) -> _Kokoro:
        """The one in a folder, loaded once."""
        return _Kokoro(folder)

    def spoken(self, tokens: Sequence[int], names: Sequence[str], rate: float) -> Any:
        """float32 [n] at OWN_RATE, full scale 1.0."""
        styles = np.mean([self.styles[name] for name in names], axis=0, dtype=np.float32)
        if len(tokens) > len(styles):
            raise KwsError(f"speech synthesis: Kokoro says up to {len(styles)} phonemes at once")
        inputs = {
            self._tokens: np.array([[0, *tokens, 0]], np.int64),
            "style": styles[len(tokens) - 1].reshape(1, -1),
            "speed": np.array([rate], np.float32),
        }
        try:
            return np.ravel(self._session.run(None, inputs)[0])
        except Exception as error:  # its own classes have no other base
            raise KwsError(f"speech synthesis: Kokoro fails: {_line(error)}") from error


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise KwsError(f"{folder}: no Kokoro there (kokoro*.onnx and voices*.bin)")
    return found[0]


def _styles(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    archive = np.load(path)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError("it is one array")
    with archive:
        styles = {name: archive[name] for name in archive.files}
    for name, style in styles.items():
        if style.ndim != 3 or style.shape[1] != 1 or style.dtype != np.float32:
            raise ValueError(f"{name} is {style.dtype} {list(style.shape)}")
    return styles


@cache
def _phonemes(text: str, accent: str) -> str:
    command = ["espeak-ng", "-q", "--ipa", "-v", accent, "--", text]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise KwsError(f"Kokoro needs espeak-ng for the phonemes: {error}") from error
    return " ".join(done.stdout.split())


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
