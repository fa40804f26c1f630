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
COMMA = 3
SYMBOLS = {
    " ": 16,
    **{letter: 43 + i for i, letter in enumerate("abcdef")},
    **{letter: 50 + i for i, letter in enumerate("hijklmnopqrstuvwxyz")},
    **{"ɑ": 69, "ɐ": 70, "ɒ": 71, "æ": 72, "ɔ": 76, "ð": 81, "ə": 83, "ɚ": 85, "ɛ": 86, "ɜ": 87},
    **{"ɡ": 92, "ɪ": 102, "ŋ": 112, "θ": 119, "ɹ": 123, "ɾ": 125, "ʃ": 131, "ʊ": 135, "ʌ": 138},
    **{"ʒ": 147, "ʔ": 148, "ˈ": 156, "ˌ": 157, "ː": 158, "ᵻ": 177},
}

# The tensor of kokoro-onnx's networks that holds the frames of each token, of 600 samples each. The
# audio is LEAD frames ahead of them, as the time stamps of the package kokoro assume as well.
FRAMES, FRAME, LEAD = "/encoder/Clip_output_0", 600, 3
PAUSE = 4  # frames of a comma that may belong to the word before it
TEN_MS = SAMPLE_RATE // 100
QUIET = 32.0  # dB below a word's loudest 10 ms: before or after the word

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
    tokens = _tokens(text, _accent(voice))
    if not tokens:
        raise KwsError(f"speech synthesis: Kokoro finds nothing to say in {text!r}")
    audio, _ = _loaded(Path(voice).parent).speak(tokens, Path(voice).name.split(BLEND), rate)
    return _samples(audio)


def speak_around(
    voice: str, rate: float, before: str, keyword: str, after: str
) -> tuple[Samples, float, float]:
    """Return a keyword spoken within a sentence, samples [n], and its start and end, s.

    Raises KwsError as speak() does, and for a network that does not tell the time of its tokens.
    """
    accent, space = _accent(voice), [SYMBOLS[" "]]
    left, word, right = (_tokens(text.strip(" ,"), accent) for text in (before, keyword, after))
    left += (COMMA,) * before.rstrip().endswith(",")
    pause = after.startswith(",")
    tokens = [*left, *space * bool(left), *word, *[COMMA] * pause, *space * bool(right), *right]
    if not word:
        raise KwsError(f"speech synthesis: Kokoro finds nothing to say in {keyword!r}")
    kokoro = _loaded(Path(voice).parent)
    audio, frames = kokoro.speak(tokens, Path(voice).name.split(BLEND), rate)
    if frames is None:
        raise KwsError(f"{Path(voice).parent}: Kokoro's network does not tell when a word is said")
    ends = np.cumsum(frames) - LEAD  # of the first token, a pause, and of those after it
    first = len(left) + bool(left)
    last = ends[first + len(word)] + (PAUSE if pause else 0.5)
    samples = _samples(audio)
    return samples, *_loud(samples, ends[first] * FRAME / NATIVE_RATE, last * FRAME / NATIVE_RATE)


def tells_times(folder: Path) -> bool:
    """Return whether the network of a folder tells when a word is said; KwsError as speak()."""
    return _loaded(folder).tells_times


def _loud(samples: Samples, start: float, end: float) -> tuple[float, float]:
    """Return a span, s, without what is quiet at its ends."""
    first, last = (round(max(0.0, at) * SAMPLE_RATE) for at in (start, end))
    word = samples[first:last].astype(np.float32)
    power = (word[: len(word) // TEN_MS * TEN_MS].reshape(-1, TEN_MS) ** 2).mean(axis=1)
    if not power.any():
        raise KwsError("speech synthesis: Kokoro said a keyword that cannot be heard")
    loud = np.flatnonzero(power > power.max() * 10 ** (-QUIET / 10))
    last = min(last, first + (int(loud[-1]) + 1) * TEN_MS, len(samples))
    return (first + int(loud[0]) * TEN_MS) / SAMPLE_RATE, last / SAMPLE_RATE


def _accent(voice: str) -> str:
    british = Path(voice).name.startswith("b")  # bf_emma, bm_george
    return "en-gb" if british else "en-us"


def _tokens(text: str, accent: str) -> tuple[int, ...]:
    """Return the network's numbers for a text, none where there is nothing to say."""
    phonemes = _phonemes(text, accent) if text else ""
    return tuple(SYMBOLS[symbol] for symbol in phonemes if symbol in SYMBOLS)


def _samples(audio: Audio) -> Samples:
    resampled = soxr.resample(audio, NATIVE_RATE, SAMPLE_RATE)
    samples: Samples = (resampled.clip(-1, 1) * PEAK * 32767).astype(np.int16)
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
            content = network.read_bytes()
            self.tells_times = FRAMES.encode() in content
            if self.tells_times:
                content += _further_output(FRAMES)
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
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

    def speak(
        self, tokens: Sequence[int], names: Sequence[str], rate: float
    ) -> tuple[Audio, Audio | None]:
        """Return audio [n] at NATIVE_RATE, full scale 1.0, of the mean of some styles.

        And the frames of each token with a pause before and after them, where the network tells.
        """
        style = np.mean([self.styles[name] for name in names], axis=0, dtype=np.float32)
        if len(tokens) > len(style):
            raise KwsError(f"speech synthesis: Kokoro says up to {len(style)} phonemes at once")
        inputs = {
            self._tokens: np.array([[0, *tokens, 0]], np.int64),
            "style": style[len(tokens) - 1],
            "speed": np.array([rate], np.float32),
        }
        try:
            found = [np.ravel(x).astype(np.float32) for x in self._session.run(None, inputs)]
        except Exception as error:  # its own classes have no other base
            raise KwsError(f"speech synthesis: Kokoro fails: {error}") from error
        audio = found[0]
        if not len(audio) or not np.isfinite(audio).all():
            raise KwsError("speech synthesis: Kokoro said nothing that can be heard")
        return audio, found[1] if self.tells_times else None


def _further_output(name: str) -> bytes:
    """Return what makes a float tensor one more output when it follows an ONNX file's content.

    Protocol buffers join messages that follow each other: model.graph.output, a name and a type.
    """

    def message(field: int, content: bytes) -> bytes:
        return bytes([field << 3 | 2, len(content)]) + content

    kind = message(2, message(1, b"\x08\x01"))  # tensor type, of float
    return message(7, message(12, message(1, name.encode()) + kind))


def _loaded(folder: Path) -> _Kokoro:
    with _loading:
        return _load(folder)


@cache
def _load(folder: Path) -> _Kokoro:
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
