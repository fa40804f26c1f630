"""Give a model as the values of the C engine's structs, by field name.

The native backend and the exporter fill the structs with them. firmware_export/src/spotter.h and
the headers that it includes state the structs; here is where their values come from, and where in
the working memory of a detector each part lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from kws.config import MICRO_FRONTEND, ModelConfig
from kws.engine.committee_layout import CommitteeMemory, committee_memory, committee_values
from kws.engine.front_end_layout import front_ends_values, kept_bytes, work_bytes
from kws.engine.network import Memory, Network, aligned, plan
from kws.engine.network_values import Values, exponential_values, network_values, ordered
from kws.errors import KwsError
from kws.gate import GateSettings
from kws.posterior import quantise_threshold
from kws.sensitivity import NORMAL, SENSITIVITIES, operating_points

NO_EXPONENTIALS: Values = {"exponential_count": 0, "exponentials": np.zeros(0, np.int64)}


@dataclass(frozen=True)
class DetectorMemory:
    """Hold the layout of a detector's working memory, in bytes.

    The front end's working memory lies at 0, as the network's scratch does: they are never in use
    at the same time.
    """

    network: Memory
    committee: CommitteeMemory | None
    frame_at: int
    posterior_at: int
    pending_at: int
    gate_at: int
    scores_at: int
    total: int


def detector_memory(
    config: ModelConfig, network: Network, others: Sequence[Network] = ()
) -> DetectorMemory:
    """Lay out the parts of a detector in order of alignment: words, half-words, bytes.

    others: the networks of a committee after the first.
    """
    front_end, smoothing = config.front_end, config.smoothing
    networks, work = (network, *others), work_bytes(front_end)
    keywords, committee = len(config.keywords), None
    if config.committee is not None:
        committee = committee_memory(config, networks, work)
        memory, end = committee.networks[0], committee.total
    else:
        memory = plan(network, work, network.phases(config.stride))
        end = memory.total
    gate = GateSettings.of(config, longest_window(networks))
    posterior_at = end + 4 * front_end.coefficients
    steps = smoothing.smooth_steps + smoothing.max_steps
    pending_at = posterior_at + 4 * keywords + 2 * keywords * (steps + 3)  # KWS_POSTERIOR_BYTES
    if front_end.kind == MICRO_FRONTEND:  # which keeps words there
        pending_at = aligned(pending_at)
    gate_at = pending_at + kept_bytes(front_end)
    scores_at = gate_at + 2 * front_end.hop * (gate.pre_roll if gate.on else 0)  # KWS_GATE_BYTES
    total = (scores_at + network.classes + 3) & ~3
    return DetectorMemory(
        memory, committee, end, posterior_at, pending_at, gate_at, scores_at, total
    )


def longest_window(networks: Sequence[Network]) -> int:
    """Return the longest receptive field of some networks, in frames."""
    return max(network.window_frames for network in networks)


def check(name: str, config: ModelConfig, network: Network) -> None:
    """Refuse a network that cannot run as a stream or does not fit its model's settings.

    Raises:
        KwsError: it cannot, or does not.
    """
    if network.no_stream:
        raise KwsError(f"{name}: the network does not stream: {network.no_stream}")
    found = (network.frame_values, network.classes)
    expected = (config.front_end.coefficients, len(config.classes))
    if found != expected or not network.phases(config.stride):
        raise KwsError(f"{name}: the network does not fit the model's own settings")


def gate_values(gate: GateSettings) -> Values:
    """Return the values of kws_gate_settings."""
    return ordered("kws_gate_settings", asdict(gate) | {"on": int(gate.on)})


def posterior_values(config: ModelConfig, score_scale: float, window_frames: int) -> Values:
    """Return the values of kws_posterior_settings."""
    front_end, smoothing = config.front_end, config.smoothing
    return ordered(
        "kws_posterior_settings",
        {
            "keywords": len(config.keywords),
            "smooth_steps": smoothing.smooth_steps,
            "max_steps": smoothing.max_steps,
            "refractory_steps": smoothing.refractory_steps,
            "sigmoid": int(config.micro_wake_word),
            "step_samples": config.stride * front_end.hop,
            "first_samples": (window_frames - 1) * front_end.hop + front_end.window,
            "thresholds": np.array([quantise_threshold(t) for t in config.thresholds]),
            **(NO_EXPONENTIALS if config.micro_wake_word else exponential_values(score_scale)),
        },
    )


def sensitivity_values(config: ModelConfig) -> npt.NDArray[np.int64]:
    """Return the thresholds of each sensitivity, Q15 [sensitivities, keywords]; 0: there is none.

    Those of "normal" are the thresholds in use.
    """
    points = operating_points(config)
    values = np.zeros((len(SENSITIVITIES), len(config.keywords)), np.int64)
    for row, name in zip(values, SENSITIVITIES, strict=True):
        thresholds = points[name].thresholds if name in points else ()
        for index, threshold in enumerate(config.thresholds if name == NORMAL else thresholds):
            row[index] = quantise_threshold(threshold)
    return values


def model_values(
    name: str, config: ModelConfig, network: Network, others: Sequence[Network] = ()
) -> Values:
    """Return the values of kws_model; others: the networks of a committee after the first.

    Raises:
        KwsError: the network cannot run as a stream, or does not fit the model's settings.
    """
    for each in (network, *others):
        check(name, config, each)
    memory, window = detector_memory(config, network, others), longest_window((network, *others))
    return ordered(
        "kws_model",
        {
            "name": name,
            "keywords": list(config.keywords),
            "gate": gate_values(GateSettings.of(config, window)),
            **front_ends_values(config, network),
            "network": network_values(network, memory.network),
            "committee": committee_values(config, (network, *others), memory.committee),
            "posterior": posterior_values(config, network.score_scale, window),
            "sensitivities": sensitivity_values(config),
            "priming_samples": config.priming_samples(window),
            "frame_at": memory.frame_at,
            "posterior_at": memory.posterior_at,
            "pending_at": memory.pending_at,
            "gate_at": memory.gate_at,
            "scores_at": memory.scores_at,
            "memory_bytes": memory.total,
        },
    )
