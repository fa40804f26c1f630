"""Speak with Kokoro, a neural synthesiser that runs in this process and sounds like people.

Kokoro-82M (hexgrad, Apache-2.0) in the form of the kokoro-onnx project: a network, kokoro*.onnx,
and voices*.bin, an archive of styles by name. espeak-ng turns the text to phonemes for it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache
from itertools import combinations
from pathlib import Path
from threading import Lock
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import soxr

from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.tts.synthesisers import run
from kws.types import Samples

NATIVE_RATE = 24_000  # Hz
PEAK = 0.8  # of full scale for an output of 1.0, which a voice rarely reaches
BLEND = "+"  # between two names: the mean of their styles, which is another voice
NETWORK, STYLES = "kokoro*.onnx", "voices*.bin"
# The network's numbers for what espeak-ng writes English in: a part of `vocab` in the settings that
# are published with Kokoro-82M. The marks of syllabic and of foreign sounds are skipped.
SYMBOLS = {
    " ": 16,
    **{letter: 43 + i for i, letter in enumerate("abcdef")},
    **{letter: 50 + i for i, letter in enumerate("hijklmnopqrstuvwxyz")},
    **{"ɑ": 69, "ɐ": 70, "ɒ": 71, "æ": 72, "ɔ": 76, "ð": 81, "ə": 83, "ɚ": 85, "ɛ": 86, "ɜ": 87},
    **{"ɡ": 92, "ɪ": 102, "ŋ": 112, "θ": 119, "ɹ": 123, "ɾ": 125, "ʃ": 131, "ʊ": 135, "ʌ": 138},
    **{"ʒ": 147, "ʔ": 148, "ˈ": 156, "ˌ": 157, "ː": 158, "ᵻ": 177},
}

Audio = npt.NDArray[np.float32]  # [n]
_loading = Lock()


def kokoro_files(folder: Path) -> tuple[Path, Path]:
    """Return network and styles of a folder; KwsError unless there is exactly one of each."""
    network, styles = (_only(folder, pattern) for pattern in (NETWORK, STYLES))
    return network, styles


def kokoro_voices(folder: Path) -> list[str]:
    """Return every voice, then every mean of two: <folder>/<name> and <folder>/<name>+<name>.

    Raises KwsError where network or styles are missing or invalid, or espeak-ng is not installed.
    """
    names = sorted(_Kokoro(folder).styles)
    return [str(folder / voice) for voice in (*names, *map(BLEND.join, combinations(names, 2)))]


def speak(voice: str, rate: float, text: str) -> Samples:
    """Return a text spoken by one of kokoro_voices() at `rate` times its speed, samples [n]."""
    folder, names = Path(voice).parent, Path(voice).name.split(BLEND)
    british = names[0].startswith("b")  # bf_emma, bm_george
    phonemes = _phonemes(text, "en-gb" if british else "en-us")
    tokens = [SYMBOLS[symbol] for symbol in phonemes if symbol in SYMBOLS]
    if not tokens:
        raise KwsError(f"speech synthesis: Kokoro finds nothing to say in {text!r}")
    with _loading:
        kokoro = _loaded(folder)
    audio = soxr.resample(kokoro.speak(tokens, names, rate), NATIVE_RATE, SAMPLE_RATE)
    samples: Samples = (audio.clip(-1, 1) * PEAK * 32767).astype(np.int16)
    return samples


class _Kokoro:
    """Hold the network, ready to run, and the styles by name, [phonemes, 1, values] each."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime  # of the extra synth

        network, styles = kokoro_files(folder)
        run(["espeak-ng", "--version"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # several utterances are made at once instead
        options.enable_cpu_mem_arena = False  # or each keeps what the longest has taken
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                str(network), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its own classes have no other base
            raise KwsError(f"{network}: no network that can be run: {error}") from error
        inputs = [given.name for given in self._session.get_inputs()]
        others = [name for name in inputs if name not in ("style", "speed")]
        if len(inputs) != 3 or len(others) != 1:
            raise KwsError(f"{network}: not Kokoro's network, which takes tokens, style and speed")
        self._tokens = others[0]  # called differently from release to release
        try:
            self.styles = _styles(styles)
        except (OSError, EOFError, ValueError, RuntimeError, BadZipFile, zlib.error) as error:
            raise KwsError(f"{styles}: no voices of Kokoro: {error}") from error

    def speak(self, tokens: Sequence[int], names: Sequence[str], rate: float) -> Audio:
        """Return audio [n] at NATIVE_RATE, full scale 1.0, of the mean of some styles."""
        style = np.mean([self.styles[name] for name in names], axis=0, dtype=np.float32)
        if len(tokens) > len(style):
            raise KwsError(f"speech synthesis: Kokoro says up to {len(style)} phonemes at once")
        inputs = {
            self._tokens: np.array([[0, *tokens, 0]], np.int64),
            "style": style[len(tokens) - 1],
            "speed": np.array([rate], np.float32),
        }
        try:
            audio = np.ravel(self._session.run(None, inputs)[0]).astype(np.float32)
        except Exception as error:  # its own classes have no other base
            raise KwsError(f"speech synthesis: Kokoro fails: {error}") from error
        if not len(audio) or not np.isfinite(audio).all():
            raise KwsError("speech synthesis: Kokoro said nothing that can be heard")
        return audio


@cache
def _loaded(folder: Path) -> _Kokoro:
    return _Kokoro(folder)


def _only(folder: Path, pattern: str) -> Path:
    """Return the one file that matches a pattern; KwsError where there is none or several."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        there = " and ".join(path.name for path in found) or "none there"
        raise KwsError(f"{folder}: one {pattern} is Kokoro's, but there is {there}")
    return found[0]


def _styles(path: Path) -> dict[str, Audio]:
    """Read the styles by name; ValueError for other content."""
    archive = np.load(path)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError("it is one array")
    with archive:
        styles = {name: np.asarray(archive[name]) for name in archive.files}
    shapes = {(style.dtype, style.shape) for style in styles.values()}
    if len(shapes) != 1:
        raise ValueError(f"it holds styles of {len(shapes)} kinds")
    for name, style in styles.items():
        if style.ndim != 3 or style.shape[1] != 1 or style.dtype != np.float32 or "/" in name:
            raise ValueError(f"{name} is {style.dtype} {list(style.shape)}")
    return styles


@cache
def _phonemes(text: str, accent: str) -> str:
    """Return the phonemes of a text, in the International Phonetic Alphabet."""
    spoken, _ = run(["espeak-ng", "-q", "--ipa", "-v", accent, "--", text])
    return " ".join(spoken.split())
