"""Take calls of openWakeWord: `from kws.compat.openwakeword import Model`.

The call shape is that of the Python package openwakeword 0.6. Each keyword counts as a model of its
own, with a score from 0 to 1 that is above 0.5 where the keyword is detected.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from kws.compat.keyword_paths import ModelKeyword, keywords_at, keywords_named, shipped_paths
from kws.compat.spotter_group import SpotterGroup, int16_samples
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.model_file import DEFAULT_MODEL
from kws.types import Samples

FRAME = 1280  # samples, 80 ms, in which `patience` counts
BUFFER_FRAMES = 30  # predictions that are kept
FRAMEWORKS = ("tflite", "onnx")
# Arguments of its front end, which is a part of the model here.
FRONT_END_ARGUMENTS = {"melspec_model_path", "embedding_model_path", "sr", "ncpu", "device"}

log = logging.getLogger(__name__)


class ModelError(KwsError, ValueError):
    """Report a model, a name or an argument that cannot be used."""


class Model:
    """Score keywords in a stream of samples at 16 kHz.

    Attributes:
        models: the keyword of its model, by the name of its score.
        prediction_buffer: the latest scores, by name.
    """

    prediction_buffer: defaultdict[str, deque[float]]

    def __init__(
        self,
        wakeword_models: Sequence[str] = (),
        class_mapping_dicts: Sequence[Mapping[str, Any]] = (),
        enable_speex_noise_suppression: bool = False,
        vad_threshold: float = 0,
        custom_verifier_models: Mapping[str, str] | None = None,
        custom_verifier_threshold: float = 0.1,
        inference_framework: str = "tflite",
        **front_end: Any,
    ) -> None:
        """Load models.

        Args:
            wakeword_models: each a model of kws by its path, one keyword by MODEL.tflite/KEYWORD,
                or the name of a keyword or of a shipped model; none for the default model. A model
                with one keyword has the name of its file, other keywords have their own names.
            class_mapping_dicts: not used: a model names its keywords.
            enable_speex_noise_suppression: not used.
            vad_threshold: not used; the model's energy gate is.
            custom_verifier_models: refused.
            custom_verifier_threshold: of those.
            inference_framework: "tflite" or "onnx"; kws runs its own engine.
            front_end: not used.

        Raises:
            ValueError: there is no such model or keyword, or an argument is wrong.
        """
        models = front_end.pop("wakeword_model_paths", wakeword_models)
        unknown = set(front_end) - FRONT_END_ARGUMENTS
        if unknown:
            raise TypeError(f"Model() has no argument {', '.join(sorted(unknown))}")
        if custom_verifier_models:
            raise ModelError("custom_verifier_models: kws has no verifiers; raise thresholds")
        if inference_framework not in FRAMEWORKS:
            raise ModelError(f"inference_framework {inference_framework!r} is not tflite or onnx")
        unused = {
            "class_mapping_dicts": class_mapping_dicts,
            "enable_speex_noise_suppression": enable_speex_noise_suppression,
            "vad_threshold": vad_threshold,
            "inference_framework": inference_framework != "tflite",
            **dict.fromkeys(front_end, True),
        }
        if any(unused.values()):
            named = ", ".join(name for name, given in unused.items() if given)
            log.warning("in openWakeWord's place, kws does not use: %s", named)
        self.models = _keywords([models] if isinstance(models, str) else models)
        self._group = _group(self.models)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._group.reset()
        self.prediction_buffer = defaultdict(partial(deque, maxlen=BUFFER_FRAMES))
        self._samples = 0  # of the stream so far
        self._above = dict.fromkeys(self.models, 0)  # samples that the score is high for
        self._passed: dict[str, int] = {}  # end of the latest high score that was returned

    def get_parent_model_from_label(self, label: str) -> str:
        """Return the model that a score belongs to: its own name, "" where there is none."""
        return label if label in self.models else ""

    def predict(
        self,
        x: Samples,
        patience: Mapping[str, int] | None = None,
        threshold: Mapping[str, float] | None = None,
        debounce_time: float = 0.0,
        timing: bool = False,
    ) -> Any:
        """Take samples of any number; return the greatest score of each keyword in them.

        Args:
            x: int16 samples [n] at 16 kHz.
            patience: by name, how many frames of 80 ms, these samples included, a score must have
                been at its threshold for; it is 0 before.
            threshold: by name, for `patience` and `debounce_time`.
            debounce_time: seconds after a score at its threshold in which others are 0.
            timing: whether to return seconds by name, too: (scores, {"models": seconds}).

        Raises:
            ValueError: the samples are no int16 array, or the arguments do not fit each other.
        """
        if not isinstance(x, np.ndarray):
            raise ModelError(f"samples are a NumPy array, not a {type(x).__name__}")
        thresholds, frames = threshold or {}, patience or {}
        self._check(thresholds, frames, debounce_time)
        began = time.perf_counter()
        samples = int16_samples(x)
        self._group.push(samples)
        self._samples += len(samples)
        scores = dict(zip(self.models, self._group.scores, strict=True))
        for name, least in thresholds.items():
            high = scores[name] >= least
            self._above[name] = self._above[name] + len(samples) if high else 0
            if high and (
                self._above[name] < frames.get(name, 0) * FRAME
                or self._is_debounced(name, debounce_time)
            ):
                scores[name] = 0.0
            elif high:
                self._passed[name] = self._samples
        for name, score in scores.items():
            self.prediction_buffer[name].append(score)
        if not timing:
            return scores
        seconds = (time.perf_counter() - began) / len(self.models)
        return scores, {"models": dict.fromkeys(self.models, seconds)}

    def predict_clip(
        self,
        clip: str | Path | Samples,
        padding: int = 1,
        chunk_size: int = FRAME,
        **arguments: Any,
    ) -> list[Any]:
        """Return the predictions for a recording, one for each chunk.

        Args:
            clip: path of an audio file of any format and rate, or int16 samples [n] at 16 kHz.
            padding: seconds of silence before and after it.
            chunk_size: samples of a chunk.
            arguments: of predict().
        """
        if isinstance(clip, np.ndarray):
            samples = int16_samples(clip)
        else:
            from kws.audio.audio_file import read_audio

            samples = read_audio(Path(clip))
        samples = np.pad(samples, padding * SAMPLE_RATE)
        return [
            self.predict(samples[start : start + chunk_size], **arguments)
            for start in range(0, len(samples), chunk_size)
        ]

    def _check(
        self, thresholds: Mapping[str, float], patience: Mapping[str, int], debounce: float
    ) -> None:
        """Refuse arguments of predict() that do not fit each other."""
        if patience and debounce > 0:
            raise ModelError("patience and debounce_time cannot be used together")
        if (patience or debounce > 0) and not thresholds:
            raise ModelError("patience and debounce_time need a threshold")
        unknown = {*patience, *thresholds} - set(self.models)
        if unknown or set(patience) - set(thresholds):
            known = ", ".join(self.models)
            wrong = ", ".join(sorted(unknown or set(patience) - set(thresholds)))
            raise ModelError(f"no model or no threshold of: {wrong}; models are: {known}")

    def _is_debounced(self, name: str, seconds: float) -> bool:
        passed = self._passed.get(name)
        since = self._samples - (-np.inf if passed is None else passed)
        return 0 < seconds * SAMPLE_RATE >= since


def get_pretrained_model_paths(inference_framework: str = "tflite") -> list[str]:
    """Return the paths of the keywords of the shipped models."""
    return list(_shipped().values())


def download_models(model_names: Sequence[str] = (), target_directory: str = "") -> None:
    """Download nothing, since the models are there; refuse names that are not among them.

    Raises:
        ValueError: no shipped model has the keyword.
    """
    _keywords(model_names)
    if target_directory:
        log.warning("in openWakeWord's place, kws does not use: target_directory")


utils = SimpleNamespace(download_models=download_models)  # openwakeword.utils of its callers


def __getattr__(name: str) -> Any:
    """Return MODELS, for which the shipped models are read."""
    if name == "MODELS":
        return {keyword: {"model_path": path} for keyword, path in _shipped().items()}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _shipped() -> dict[str, str]:
    """Return the paths of shipped keywords, with "_" in names as openWakeWord's files have it."""
    paths = {keyword: Path(path) for keyword, path in shipped_paths().items()}
    return {word: str(path.with_name(path.name.replace(" ", "_"))) for word, path in paths.items()}


def _keywords(models: Sequence[str]) -> dict[str, ModelKeyword]:
    """Return the keywords of models, by the names of their scores."""
    named: dict[str, ModelKeyword] = {}
    try:
        for model in models or [DEFAULT_MODEL]:
            for name, keyword in _named(str(model)):
                if name in named:
                    raise ModelError(f"{model}: there is a model named {name!r} already")
                named[name] = keyword
    except KwsError as error:
        raise ModelError(str(error)) from error
    return named


def _named(model: str) -> list[tuple[str, ModelKeyword]]:
    """Return the keywords of a model, or one keyword, with the names of their scores."""
    path = Path(model).expanduser()
    if not path.suffix and len(path.parts) == 1:
        keywords, single = keywords_named(model), model
    else:
        keywords = keywords_at(path)
        single = path.stem if path.is_file() else path.name
    if len(keywords) == 1:
        return [(single, keywords[0])]
    return [(keyword.keyword, keyword) for keyword in keywords]


def _group(keywords: Mapping[str, ModelKeyword]) -> SpotterGroup:
    try:
        return SpotterGroup(list(keywords.values()), [None] * len(keywords))
    except KwsError as error:
        raise ModelError(str(error)) from error
