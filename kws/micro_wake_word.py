"""Read the settings of a microWakeWord model from its manifest, the .json next to its .tflite.

ESPHome and Home Assistant's programs run such pairs. The network keeps its past itself: it takes
the frames of one step and gives a probability in 1/256. A keyword is detected where the mean of
the last sliding_window_size probabilities exceeds probability_cutoff. That is kws.posterior with a
threshold, and bit for bit what pymicro-wakeword decides.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from kws.config import MICRO, GateConfig, ModelConfig, Smoothing
from kws.engine.operator_check import Step
from kws.engine.past_check import keeps_past
from kws.engine.proof import Proof
from kws.engine.tflite_reader import Tensor
from kws.errors import KwsError
from kws.foreign_text import parse_json, shortened
from kws.posterior import ONE

MANIFEST_SUFFIX = ".json"
QUANTISATION = (26, -128)  # of the input: 255 times its scale, and its zero point
GREATEST = 255  # probability, in 1/256
HIGHEST_CUTOFF = 0.996  # in four digits, that a mean can exceed: 255 / 256 is 0.99609
REFRACTORY_FRAMES = 100  # that ESPHome ignores after a detection
CARD = ("author", "website", "trained_languages", "version")  # what the model card takes over

log = logging.getLogger(__name__)


def named_network(manifest: Path, content: bytes) -> Path:
    """Return the path of the network that a manifest names, in the same folder.

    Raises:
        KwsError: it names none there.
    """
    name = _table(content, str(manifest)).get("model")
    if not isinstance(name, str) or Path(name).name != name or not name.endswith(".tflite"):
        raise KwsError(f"{manifest}: model {shortened(name)} is not a .tflite file next to it")
    return manifest.with_name(name)


def settings_of(
    content: bytes, where: str, first: Tensor, steps: Sequence[Step], network: str
) -> ModelConfig:
    """Return the settings of a model by the content of its manifest.

    Args:
        content: of the manifest; `where` names it in errors.
        where: path of the manifest.
        first: input of its network.
        steps: operators of its network, proven.
        network: names the network in errors.

    Raises:
        KwsError: the manifest is not that of a model that kws runs, or its network is another.
    """
    stride = _stride(first, steps, Proof(network))
    table, require = _table(content, where), Proof(where)
    micro = _value(table, "micro", dict, require)
    keyword = _value(table, "wake_word", str, require)
    window = _value(micro, "sliding_window_size", int, require)
    cutoff = _cutoff(micro, require, where)
    step = _value({"feature_step_size": 10, **micro}, "feature_step_size", int, require)
    require(step == 10, f"feature_step_size {step} is not 10 ms")
    try:
        smoothing = Smoothing(window, 1, ceil(REFRACTORY_FRAMES / stride))
        return ModelConfig(
            keywords=(keyword,),
            thresholds=(threshold_of(cutoff, window),),
            stride=stride,
            front_end=MICRO,
            smoothing=smoothing,
            gate=GateConfig(on=False),
            card={name: table[name] for name in CARD if name in table},
            micro_wake_word=True,
        )
    except KwsError as error:
        raise KwsError(f"{where}: {error}") from error


def _cutoff(micro: dict[str, Any], require: Proof, where: str) -> float:
    """Return the cutoff of a manifest; log where no mean of probabilities exceeds it."""
    cutoff = float(_value(micro, "probability_cutoff", (int, float), require))
    require(0 <= cutoff <= 1, f"probability_cutoff {cutoff:g} is not 0 to 1")
    if cutoff >= GREATEST / 256:
        log.warning(
            "%s: probability_cutoff %g is more than any mean of its probabilities, so that nothing"
            " is detected; %g is the highest of use",
            *(where, cutoff, HIGHEST_CUTOFF),
        )
    return cutoff


def threshold_of(cutoff: float, window: int) -> float:
    """Return the lowest confidence of kws.posterior whose mean of probabilities exceeds a cutoff.

    A mean of `window` probabilities in 1/256 is their sum divided by 256 * window, in binary64, as
    pymicro-wakeword compares it. Confidences are such means in 1/32768, rounded down; they keep
    different sums apart.
    """
    greatest = GREATEST * window
    exceeding = (total for total in range(greatest + 1) if total / (256 * window) > cutoff)
    total = next(exceeding, greatest + 1)  # that none reaches
    return min(ONE, total * (ONE // 256) // window) / ONE


def _stride(first: Tensor, steps: Sequence[Step], require: Proof) -> int:
    """Prove that a network is one of microWakeWord; return the frames that a call takes."""
    time_steps, bins, values = first.plane
    require(keeps_past(steps), "not a network that keeps its past, as one of microWakeWord does")
    require(
        (bins * values, *quantisation(first)) == (MICRO.coefficients, *QUANTISATION),
        "its input is not that of microWakeWord: 40 features, 26/255, -128",
    )
    last = steps[-1]
    require(
        last.operator.name == "LOGISTIC" and last.output.plane == (1, 1, 1),
        "its output is not one probability",
    )
    return time_steps


def quantisation(first: Tensor) -> tuple[int, int]:
    """Return 255 times the scale of an input, and its zero point."""
    return round(255 * float(np.float32(first.scale))), first.zero_point


def _table(content: bytes, where: str) -> dict[str, Any]:
    """Return what a manifest says."""
    table = parse_json(content, where)
    kind = (table.get("type"), table.get("version")) if isinstance(table, dict) else None
    if kind != ("micro", 2):
        raise KwsError(f"{where}: not the manifest of a microWakeWord model of version 2")
    return dict(table)


def _value(table: dict[str, Any], key: str, kind: Any, require: Proof) -> Any:
    """Return a value of a manifest; prove that it is of a kind."""
    value = table.get(key)
    fits = isinstance(value, kind) and not isinstance(value, bool)
    require(fits, f"{key} {shortened(value)} is not what microWakeWord has there")
    return value
