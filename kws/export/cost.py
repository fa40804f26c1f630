"""Estimate the instructions, the processor time and the power of a detector on the nRF52840.

Instructions are a sum over operations (operation_counts.py). The price of each operation was fitted
to counts of models of many shapes: benchmarks/cortex_m4/fit_costs.py writes stored_costs.json.

Currents: Nordic Semiconductor, nRF52840 Product Specification, Current consumption, Electrical
specification; typical values at 3 V.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

from kws.committee import members_of
from kws.config import SAMPLE_RATE, ModelConfig
from kws.engine.network import Network
from kws.export.operation_counts import STAGES

STORED = Path(__file__).parent / "stored_costs.json"

CLOCK = 64e6  # Hz
VOLTS = 3.0
RUNNING = 3.3e-3  # A; "CPU running": ICPU0, CoreMark from flash, cache, HFXO, DC/DC regulator
IDLE = 2.35e-6  # A; "Sleep": ION_RAMON_EVENT, System ON, all RAM kept, any event wakes
# Minimum and maximum, by the Cortex-M4's instruction timings applied to the instructions that the
# shipped model runs: benchmarks/cortex_m4/cycles.py.
CYCLES_PER_INSTRUCTION = (1.2, 2.2)
NDP100 = 140e-6  # W; Syntiant's figure for always-on keyword spotting
UTTERANCE = 2.0  # s of speech at a time, before the gate's hangover
LATE = 0.2  # s by which loop() may come late without a loss
LATE_FOR_A_COMMITTEE = 0.1  # s, besides the longest push
MICROPHONE_BLOCK = 256  # samples: KwsPdm.h


@dataclass(frozen=True)
class Costs:
    """Hold the instructions of each stage of a detector."""

    gate: float  # per hop, whether the gate is open or closed; with the ring buffer
    front_end: float  # per feature frame
    network: float  # per step
    posterior: float  # per step

    def per_second(self, config: ModelConfig, open_share: float) -> float:
        """Return the instructions per second of audio when the gate is open for a share of it."""
        hops, steps = 1 / config.front_end.hop_seconds, 1 / config.step_seconds
        gated = hops * self.front_end + steps * (self.network + self.posterior)
        return hops * self.gate + open_share * gated


@dataclass(frozen=True)
class Range:
    """Hold the minimum and the maximum of an uncertain figure."""

    minimum: float
    maximum: float


def stored_costs(network: Network, config: ModelConfig) -> Costs:
    """Return the instructions of each stage, summed from the stored prices of its operations."""
    prices = _stored()["instructions"]
    costs = Costs(
        **{
            stage: sum(
                times * prices[stage].get(name, 0.0)
                for name, times in operations(network, config).items()
            )
            for stage, operations in STAGES.items()
        }
    )
    if config.committee is None:
        return costs
    # One phase of the first network always runs.
    phases = network.stride // config.stride
    return replace(costs, network=costs.network / phases)


@dataclass(frozen=True)
class Replay:
    """Hold what the members of a committee cost that do not always run."""

    each: float  # instructions of a kept frame, all members together
    frames: int  # that they take at once, at most
    longest_push: float  # instructions of a hop in which they do


def stored_replay(networks: Sequence[Network], config: ModelConfig) -> Replay:
    """Return what the replay costs; networks: of a committee, in order."""
    assert config.committee is not None
    alone = replace(config, committee=None)
    each = 0.0
    members = members_of(config, [network.stride for network in networks])
    for member in members[1:]:
        network = networks[member.network]
        phases = network.stride // (config.stride * member.every)
        each += stored_costs(network, alone).network * phases / network.stride
    costs = stored_costs(networks[0], alone)
    hop = costs.gate + costs.front_end + costs.network + costs.posterior
    window = max(network.window_frames for network in networks)
    frames = window + (config.smoothing.smooth_steps - 1) * config.stride
    return Replay(each, frames, hop + frames * each)


def ring_samples(models: Sequence[tuple[Sequence[Network], ModelConfig]]) -> int:
    """Return the samples, a power of two, that the ring buffer of a firmware has room for.

    They are those that come while its loop() is LATE, or during the longest push, taken at its
    maximum, and LATE_FOR_A_COMMITTEE besides; and a hop and a block of the microphone.

    Args:
        models: The networks and the settings of each. They share the microphone and take each
            block in turn, so that the longest pushes of several committees add up.
    """
    pushes = [
        duty(stored_replay(networks, config).longest_push).maximum
        for networks, config in models
        if config.committee is not None
    ]
    seconds = max(LATE, sum(pushes) + LATE_FOR_A_COMMITTEE) if pushes else LATE
    hop = max(config.front_end.hop for _, config in models)
    samples = ceil(seconds * SAMPLE_RATE) + hop + MICROPHONE_BLOCK
    return 1 << (samples - 1).bit_length()


def stored_costs_source(network: Network, config: ModelConfig) -> str:
    """Return a sentence on where the stored costs come from, and which operations they lack."""
    table = _stored()
    text = (
        "From stored costs of each operation, fitted to counts on an emulated Cortex-M4F (QEMU;"
        f" {table['compiler']}); in other models, which took no part in the fit, the front end was"
        f" within {table['errors']['front_end']:.0%} of its count, the network within"
        f" {table['errors']['network']:.0%}"
    )
    unknown = {
        name
        for stage, operations in STAGES.items()
        for name, times in operations(network, config).items()
        if times and name not in table["instructions"][stage]
    }
    if unknown:
        text += f"; without a stored cost, so left out here: {', '.join(sorted(unknown))}"
    return f"{text}."


def stored_flash(kinds: Sequence[str], front_end: str, committee: bool) -> dict[str, int]:
    """Return the bytes of the engine's code by source file.

    Args:
        kinds: Of layers, whose kernels are compiled.
        front_end: Which of FRONT_ENDS is compiled.
        committee: Whether committees are compiled.
    """
    flash: dict[str, int] = _stored()["flash"]
    if not committee:
        flash |= _stored()["without_committee"]
    if front_end != "float":
        flash |= _stored()[f"{front_end}_front_end"]
    return flash | {"kernels": sum(_stored()["kinds"][kind] for kind in kinds)}


def _stored() -> dict[str, Any]:
    """Return the content of stored_costs.json."""
    table: dict[str, Any] = json.loads(STORED.read_text("utf-8"))
    return table


def open_share(config: ModelConfig, speech: float) -> float:
    """Return the share of the time that the gate is open when speech takes a share of it.

    Speech is taken to come in utterances of 2 s; pre-roll and hangover are added to each.
    """
    gate = config.gate
    if not gate.on:
        return 1.0
    added = (gate.pre_roll_ms + gate.hangover_ms) / 1000
    return min(1.0, speech * (1 + added / UTTERANCE))


def duty(instructions_per_second: float) -> Range:
    """Return the share of the time that the processor runs."""
    shares = (cycles * instructions_per_second / CLOCK for cycles in CYCLES_PER_INSTRUCTION)
    return Range(*shares)


def power(running: Range) -> Range:
    """Return the power of the processor alone in W, given the share of the time that it runs."""
    shares = (running.minimum, running.maximum)
    return Range(*(VOLTS * (share * RUNNING + (1 - share) * IDLE) for share in shares))
