"""Give a committee as the values of the C engine's structs, and lay out its memory.

firmware_export/src/committee.h states the structs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kws.committee import Member, deciding, members_of
from kws.config import ModelConfig
from kws.engine.c_headers import structs
from kws.engine.network import Memory, Network, aligned, plan, transient_bytes
from kws.engine.network_values import (
    Values,
    exponential_values,
    network_values,
    nothing,
    ordered,
)
from kws.posterior import quantise_threshold
from kws.sensitivity import least_thresholds


@dataclass(frozen=True)
class CommitteeMemory:
    """Hold where the parts of a committee lie in a detector's memory, in bytes.

    All networks share the scratch memory at its start.
    """

    networks: tuple[Memory, ...]  # of each member
    sums: tuple[int, ...]  # of each member's posteriors
    members_at: int
    averages_at: int
    kept_at: int
    scores_at: int
    kept_frames: int
    total: int


def committee_memory(
    config: ModelConfig, networks: Sequence[Network], reserve: int
) -> CommitteeMemory:
    """Lay out the memory; `reserve` bytes at its start hold nothing that outlives a step."""
    members, keywords = _members(config, networks), len(config.keywords)
    end = max(reserve, *map(transient_bytes, networks))
    plans, sums = [], []
    for member in members:
        network = networks[member.network]
        phases = network.stride // (config.stride * member.every)
        plans.append(plan(network, end, phases))
        end = plans[-1].total
    for member in members:
        sums.append(end)
        end = aligned(end + 4 * keywords + 2 * keywords * member.count)
    members_at = end
    averages_at = members_at + structs()["kws_member_state"].size * len(members)
    kept_at = averages_at + 2 * 2 * keywords
    frames = _kept_frames(config, networks)
    scores_at = kept_at + frames * networks[0].frame_values
    total = aligned(scores_at + keywords + 1)
    return CommitteeMemory(
        tuple(plans), tuple(sums), members_at, averages_at, kept_at, scores_at, frames, total
    )


def committee_values(
    config: ModelConfig, networks: Sequence[Network], memory: CommitteeMemory | None
) -> Values:
    """Return the values of kws_committee_settings; all 0 without a committee."""
    if config.committee is None or memory is None:
        return nothing("kws_committee_settings")
    members = _members(config, networks)
    return ordered(
        "kws_committee_settings",
        {
            "members": [
                _member_values(member, networks[member.network], plan_, sums_at)
                for member, plan_, sums_at in zip(
                    members, memory.networks, memory.sums, strict=True
                )
            ],
            "member_count": len(members),
            "keywords": len(config.keywords),
            "stride": config.stride,
            "smooth_steps": config.smoothing.smooth_steps,
            "first_stage": int(config.committee.first_stage),
            "window_frames": max(network.window_frames for network in networks),
            "kept_frames": memory.kept_frames,
            "posteriors": sum(member.count for member in deciding(config, members)),
            "bounds": np.array([quantise_threshold(b) for b in config.committee.bounds]),
            "least_thresholds": np.array([quantise_threshold(t) for t in least_thresholds(config)]),
            "kept_at": memory.kept_at,
            "members_at": memory.members_at,
            "averages_at": memory.averages_at,
            "scores_at": memory.scores_at,
        },
    )


def _member_values(member: Member, network: Network, memory: Memory, sums_at: int) -> Values:
    """Return the values of kws_member."""
    return ordered(
        "kws_member",
        {
            "network": network_values(network, memory),
            **exponential_values(network.score_scale),
            "every": member.every,
            "offset": member.offset,
            "count": member.count,
            "sums_at": sums_at,
        },
    )


def _members(config: ModelConfig, networks: Sequence[Network]) -> list[Member]:
    return members_of(config, [network.stride for network in networks])


def _kept_frames(config: ModelConfig, networks: Sequence[Network]) -> int:
    """Return how many frames are kept: those that the longest member needs for a window."""
    longest = max(network.window_frames for network in networks)
    return longest + (config.smoothing.smooth_steps - 1) * config.stride
