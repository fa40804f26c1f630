"""Prove that the networks of a committee fit its settings and each other."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from kws.config import ModelConfig
from kws.engine.model_check import proven
from kws.engine.network import phases_for
from kws.engine.operator_check import Step
from kws.engine.past_check import no_stream
from kws.engine.proof import Proof
from kws.engine.tflite_reader import Tensor

Network = tuple[Tensor, list[Step]]  # the input and what computes, proven


def check_committee(config: ModelConfig, contents: Sequence[bytes], where: str) -> None:
    """Refuse networks that settings do not name, or that cannot share frames.

    contents: .tflite files, the first network's before the others.

    Raises:
        KwsError: they do not fit, or one of them is not a network that the engine can run.
    """
    require = Proof(where)
    if config.committee is None:
        require(len(contents) == 1, "there are further networks, but no settings of a committee")
        return
    found, expected = len(contents), len(config.committee.phases)
    require(found == expected, f"{found} networks are not the {expected} of the committee")
    networks = [
        proven(content, f"{where}: network {number}" if number > 1 else where)
        for number, content in enumerate(contents, start=1)
    ]
    for number, (network, phases) in enumerate(
        zip(networks, config.committee.phases, strict=True), start=1
    ):
        of = Proof(f"{where}: network {number} of the committee")
        _check_network(config, network, phases, of)
        _check_input(networks[0][0], network[0], of)


def network_stride(content: bytes, where: str) -> int:
    """Return the frames from one step of a network to the next."""
    _, steps = proven(content, where)
    return _stride(steps)


def _stride(steps: Sequence[Step]) -> int:
    return prod(step.operator.options.stride[0] for step in steps)


def _check_network(config: ModelConfig, network: Network, phases: int, require: Proof) -> None:
    """Prove that a network streams and completes the steps that the settings ask for."""
    first, steps = network
    found = (prod(first.plane[1:]), prod(steps[-1].output.plane[1:]))
    expected = (config.front_end.coefficients, len(config.classes))
    require(found == expected, "does not fit the model's own settings")
    reason = no_stream(first, steps)
    require(not reason, f"does not stream: {reason}")
    stride = _stride(steps)
    possible = phases_for(stride, config.stride)
    require(1 <= phases <= possible, f"phases: {phases} of {possible} cannot run")
    require(stride <= 16, f"has a stride of {stride} frames, more than 16")
    smooth = config.smoothing.smooth_steps
    require(smooth % possible == 0, f"{smooth} smoothed steps are odd, its phases 2")


def _check_input(first: Tensor, other: Tensor, require: Proof) -> None:
    """Prove that two networks quantise a frame to the same values."""
    require(
        other.scale == first.scale and other.zero_point == first.zero_point,
        f"quantises its input by {other.scale:g} and {other.zero_point}, the first network by"
        f" {first.scale:g} and {first.zero_point}",
    )
