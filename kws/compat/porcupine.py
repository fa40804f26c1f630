"""Take calls of Porcupine: `import kws.compat.porcupine as pvporcupine`.

The call shape is that of the Python packages pvporcupine 1.9 to 4.0. Keyword files are models of
kws; MODEL.tflite/KEYWORD names one keyword of a model.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kws
from kws.compat.keyword_paths import (
    ModelKeyword,
    NoSuchKeywordError,
    keywords_at,
    shipped_paths,
)
from kws.compat.porcupine_errors import (
    PorcupineActivationError,
    PorcupineActivationLimitError,
    PorcupineActivationRefusedError,
    PorcupineActivationThrottledError,
    PorcupineError,
    PorcupineInvalidArgumentError,
    PorcupineInvalidStateError,
    PorcupineIOError,
    PorcupineKeyError,
    PorcupineMemoryError,
    PorcupineRuntimeError,
    PorcupineStopIterationError,
)
from kws.compat.spotter_group import SpotterGroup, int16_samples
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.keyword_names import comparison_key
from kws.model_file import DEFAULT_MODEL, find
from kws.sensitivity import threshold_at

FRAME_LENGTH = 512  # samples
SENSITIVITY = 0.5
OF_PORCUPINE = {".ppn", ".pv"}  # suffixes of its keyword files and its parameters
LIBRARY_PATH = str(Path(kws.__file__).parent)
MODEL_PATH = str(find(DEFAULT_MODEL))

__all__ = [  # the names of its package
    *("Porcupine", "create", "available_devices", "KEYWORDS", "KEYWORD_PATHS"),
    *("LIBRARY_PATH", "MODEL_PATH"),
    "PorcupineActivationError",
    "PorcupineActivationLimitError",
    "PorcupineActivationRefusedError",
    "PorcupineActivationThrottledError",
    "PorcupineError",
    "PorcupineInvalidArgumentError",
    "PorcupineInvalidStateError",
    "PorcupineIOError",
    "PorcupineKeyError",
    "PorcupineMemoryError",
    "PorcupineRuntimeError",
    "PorcupineStopIterationError",
]

log = logging.getLogger(__name__)


class Porcupine:
    """Detect keywords in frames of 512 samples at 16 kHz."""

    def __init__(
        self,
        *,
        keyword_paths: Sequence[str],
        sensitivities: Sequence[float],
        access_key: str | None = None,
        library_path: str | None = None,
        model_path: str | None = None,
        device: str | None = None,
    ) -> None:
        """Load the models of the keywords; `create` says what the arguments are."""
        if len(keyword_paths) != len(sensitivities):
            raise PorcupineInvalidArgumentError(
                f"{len(keyword_paths)} keywords, {len(sensitivities)} sensitivities"
            )
        _warn_of_unused(access_key, library_path, model_path, device)
        try:
            keywords = [_keyword_at(path) for path in keyword_paths]
            thresholds = [
                threshold_at(keyword.model.config, keyword.index, sensitivity)
                for keyword, sensitivity in zip(keywords, sensitivities, strict=True)
            ]
            self._group: SpotterGroup | None = SpotterGroup(keywords, thresholds)
        except NoSuchKeywordError as error:
            raise PorcupineIOError(str(error)) from error
        except PorcupineError:
            raise
        except KwsError as error:
            raise PorcupineInvalidArgumentError(str(error)) from error
        self._found: deque[int] = deque()  # two keywords of two models may end in one frame

    def process(self, pcm: Sequence[int]) -> int:
        """Take a frame of samples; return the index of the keyword found, -1 if none.

        Raises:
            ValueError: these are not 512 int16 samples, or delete() was called.
        """
        if self._group is None:
            raise PorcupineInvalidStateError("process() was called after delete()")
        if len(pcm) != FRAME_LENGTH:
            raise PorcupineInvalidArgumentError(
                f"a frame has {FRAME_LENGTH} samples, not {len(pcm)}"
            )
        try:
            self._found.extend(self._group.push(int16_samples(pcm)))
        except ValueError as error:
            raise PorcupineInvalidArgumentError(str(error)) from error
        return self._found.popleft() if self._found else -1

    def delete(self) -> None:
        """Release the models."""
        self._group = None

    @property
    def version(self) -> str:
        """Return the version of kws."""
        return kws.__version__

    @property
    def frame_length(self) -> int:
        """Return the number of samples of a frame."""
        return FRAME_LENGTH

    @property
    def sample_rate(self) -> int:
        """Return the sample rate, Hz."""
        return SAMPLE_RATE


def create(
    access_key: str | None = None,
    *,
    library_path: str | None = None,
    model_path: str | None = None,
    device: str | None = None,
    keyword_paths: Sequence[str] | None = None,
    keywords: Sequence[str] | None = None,
    sensitivities: Sequence[float] | None = None,
) -> Porcupine:
    """Return a detector of keywords.

    Args:
        access_key: not needed, and sent nowhere.
        library_path: not used.
        model_path: a model of kws, in which `keywords` are looked up; None for the shipped ones.
        device: not used: kws runs on one core.
        keyword_paths: models of kws with one keyword each, or MODEL.tflite/KEYWORD.
        keywords: names of keywords, where there are no paths; KEYWORDS are those of the shipped
            models.
        sensitivities: 0 (fewest false alarms) to 1 of each keyword; 0.5 is the model's threshold.

    Raises:
        ValueError: a keyword or a sensitivity is wrong.
        OSError: a keyword file is not there.
    """
    if keyword_paths is None:
        if keywords is None:
            raise PorcupineInvalidArgumentError("neither keywords nor keyword_paths are given")
        keyword_paths = _paths_of(keywords, model_path)
    elif keywords is not None:
        log.warning("in Porcupine's place, kws does not use: keywords besides keyword_paths")
    return Porcupine(
        access_key=access_key,
        library_path=library_path,
        model_path=model_path,
        device=device,
        keyword_paths=keyword_paths,
        sensitivities=[SENSITIVITY] * len(keyword_paths)
        if sensitivities is None
        else sensitivities,
    )


def available_devices(library_path: str | None = None) -> list[str]:
    """Return the devices that kws runs on."""
    return ["cpu"]


def __getattr__(name: str) -> Any:
    """Return KEYWORDS or KEYWORD_PATHS, for which the shipped models are read."""
    if name == "KEYWORD_PATHS":
        return shipped_paths()
    if name == "KEYWORDS":
        return set(shipped_paths())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _paths_of(keywords: Sequence[str], model_path: str | None) -> list[str]:
    """Return the paths of keywords by their names."""
    paths = _known_paths(model_path)
    known = {comparison_key(keyword): path for keyword, path in paths.items()}
    missing = [name for name in keywords if comparison_key(name) not in known]
    if missing:
        raise PorcupineInvalidArgumentError(
            f"no keywords named {', '.join(map(repr, missing))}; there are:"
            f" {', '.join(paths)}. kws train makes models of others, for keyword_paths"
        )
    return [known[comparison_key(name)] for name in keywords]


def _known_paths(model_path: str | None) -> dict[str, str]:
    if model_path is None or model_path == MODEL_PATH or Path(model_path).suffix in OF_PORCUPINE:
        return shipped_paths()
    try:
        return shipped_paths(model_path)
    except KwsError as error:
        raise PorcupineInvalidArgumentError(f"model_path: {error}") from error


def _keyword_at(path: str) -> ModelKeyword:
    """Return the keyword that a path names."""
    if Path(path).suffix in OF_PORCUPINE:
        raise PorcupineInvalidArgumentError(
            f"{path}: a keyword file of Porcupine; kws train makes a model of the keyword"
        )
    keywords = keywords_at(path)
    if len(keywords) > 1:
        known = ", ".join(f"{path}/{each.keyword}" for each in keywords)
        raise PorcupineInvalidArgumentError(f"{path} has several keywords; name one: {known}")
    return keywords[0]


def _warn_of_unused(
    access_key: str | None, library_path: str | None, model_path: str | None, device: str | None
) -> None:
    """Say in one line which arguments have no meaning here."""
    unused = ["access_key, which kws does not need"] if access_key else []
    if library_path not in (None, LIBRARY_PATH):
        unused.append(f"library_path {library_path}")
    if model_path is not None and Path(model_path).suffix in OF_PORCUPINE:
        unused.append(f"model_path {model_path}")
    if device not in (None, "best", "cpu"):
        unused.append(f"device {device}, since kws runs on one core")
    if unused:
        log.warning("in Porcupine's place, kws does not use: %s", "; ".join(unused))
