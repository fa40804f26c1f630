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

from kws.compat.openwakeword_models import ModelError, group_of, keywords_of, shipped_models
from kws.compat.spotter_group import int16_samples
from kws.config import SAMPLE_RATE
from kws.types import Samples

FRAME = 1280  # samples, 80 ms, in which `patience` counts
BUFFER_FRAMES = 30  # predictions that are kept
FRAMEWORKS = ("tflite", "onnx")
# Arguments of its front end, which is a part of the model here.
FRONT_END_ARGUMENTS = {"melspec_model_path", "embedding_model_path", "sr", "ncpu", "device"}

log = logging.getLogger(__name__)


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
        _check_arguments(set(front_end), custom_verifier_models, inference_framework)
        _warn_of_unused(
            class_mapping_dicts=class_mapping_dicts,
            enable_speex_noise_suppression=enable_speex_noise_suppression,
            vad_threshold=vad_threshold,
            inference_framework=inference_framework != "tflite",
            **dict.fromkeys(front_end, True),
        )
        self.models = keywords_of([models] if isinstance(models, str) else models)
        self._group = group_of(self.models)
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
        self._suppress(scores, len(samples), thresholds, frames, debounce_time)
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

    def _suppress(
        self,
        scores: dict[str, float],
        samples: int,
        thresholds: Mapping[str, float],
        patience: Mapping[str, int],
        debounce: float,
    ) -> None:
        """Set scores to 0 that were not at their threshold long enough, or right after others."""
        for name, least in thresholds.items():
            high = scores[name] >= least
            self._above[name] = self._above[name] + samples if high else 0
            if high and (
                self._above[name] < patience.get(name, 0) * FRAME
                or self._is_debounced(name, debounce)
            ):
                scores[name] = 0.0
            elif high:
                self._passed[name] = self._samples

    def _is_debounced(self, name: str, seconds: float) -> bool:
        passed = self._passed.get(name)
        since = self._samples - (-np.inf if passed is None else passed)
        return 0 < seconds * SAMPLE_RATE >= since


def _check_arguments(
    front_end: set[str], verifiers: Mapping[str, str] | None, framework: str
) -> None:
    """Refuse arguments of Model() that are unknown or cannot be followed."""
    if unknown := front_end - FRONT_END_ARGUMENTS:
        raise TypeError(f"Model() has no argument {', '.join(sorted(unknown))}")
    if verifiers:
        raise ModelError("custom_verifier_models: kws has no verifiers; raise thresholds")
    if framework not in FRAMEWORKS:
        raise ModelError(f"inference_framework {framework!r} is not tflite or onnx")


def _warn_of_unused(**arguments: Any) -> None:
    """Say in one line which arguments have no meaning here."""
    if any(arguments.values()):
        named = ", ".join(name for name, given in arguments.items() if given)
        log.warning("in openWakeWord's place, kws does not use: %s", named)


def get_pretrained_model_paths(inference_framework: str = "tflite") -> list[str]:
    """Return the paths of the keywords of the shipped models."""
    return list(shipped_models().values())


def download_models(model_names: Sequence[str] = (), target_directory: str = "") -> None:
    """Download nothing, since the models are there; refuse names that are not among them.

    Raises:
        ValueError: no shipped model has the keyword.
    """
    keywords_of(model_names)
    if target_directory:
        log.warning("in openWakeWord's place, kws does not use: target_directory")


utils = SimpleNamespace(download_models=download_models)  # openwakeword.utils of its callers


def __getattr__(name: str) -> Any:
    """Return MODELS, for which the shipped models are read."""
    if name == "MODELS":
        return {keyword: {"model_path": path} for keyword, path in shipped_models().items()}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
