"""Estimate the instructions, the processor time and the power of a detector on the nRF52840.

Instructions are a sum over operations. The price of each operation was fitted to counts of models
of many shapes: benchmarks/cortex_m4/fit_costs.py writes stored_costs.json.

Currents: Nordic Semiconductor, nRF52840 Product Specification, Current consumption, Electrical
specification; typical values at 3 V.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

from kws.committee import members_of
from kws.config import SAMPLE_RATE, FrontEnd, ModelConfig
from kws.engine.network import BINS_AT_ONCE, Layer, Network
from kws.fixed_mfcc_tables import FixedFrontEndTables
from kws.mfcc_tables import FrontEndTables

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


def ring_samples(networks: Sequence[Network], config: ModelConfig) -> int:
    """Return the samples, a power of two, that the sketch's ring buffer has room for.

    They are those that come while the sketch is LATE, or during the longest push, taken at its
    maximum, and LATE_FOR_A_COMMITTEE besides; and a hop and a block of the microphone.
    """
    seconds = LATE
    if config.committee is not None:
        longest = duty(stored_replay(networks, config).longest_push).maximum
        seconds = max(LATE, longest + LATE_FOR_A_COMMITTEE)
    samples = ceil(seconds * SAMPLE_RATE) + config.front_end.hop + MICROPHONE_BLOCK
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


def stored_flash(kinds: Sequence[str], arithmetic: str, committee: bool) -> dict[str, int]:
    """Return the bytes of the engine's code by source file.

    Args:
        kinds: Of layers, whose kernels are compiled.
        arithmetic: Of the front end.
        committee: Whether committees are compiled.
    """
    flash: dict[str, int] = _stored()["flash"]
    if arithmetic == "fixed":
        flash |= _stored()["fixed_front_end"]
    if not committee:
        flash |= _stored()["without_committee"]
    return flash | {"kernels": sum(_stored()["kinds"][kind] for kind in kinds)}


def _stored() -> dict[str, Any]:
    """Return the content of stored_costs.json."""
    table: dict[str, Any] = json.loads(STORED.read_text("utf-8"))
    return table


def gate_operations(config: ModelConfig) -> Counter[str]:
    """Count the operations of ring buffer and gate for one hop."""
    return Counter({"hop": 1, "sample": config.front_end.hop})


def front_end_operations(front_end: FrontEnd) -> Counter[str]:
    """Count the operations of the front end for one feature frame."""
    if front_end.arithmetic == "fixed":
        return _fixed_front_end_operations(front_end)
    _, count, _ = FrontEndTables(front_end).mel
    half = front_end.mel_filters // 2
    return Counter(
        {
            f"FFT of {front_end.fft}": 1,
            "sample read": front_end.hop,
            "sample of the window": front_end.window,
            "mel weight": int(count.sum()),
            "mel filter": front_end.mel_filters,
            "coefficient": front_end.coefficients,
            "cosine": front_end.coefficients * half,
        }
    )


def _fixed_front_end_operations(front_end: FrontEnd) -> Counter[str]:
    """Count the operations of the front end in fixed point."""
    bins = len(FixedFrontEndTables(front_end, 1.0, 0).mel[1])
    half = front_end.mel_filters // 2
    return Counter(
        {
            f"fixed FFT of {front_end.fft}": 1,
            "fixed sample of the window": front_end.window,
            "fixed FFT bin": bins,
            "fixed mel filter": front_end.mel_filters,
            "fixed cosine": front_end.coefficients * half,
        }
    )


def posterior_operations(config: ModelConfig) -> Counter[str]:
    """Count the operations of the posterior stage for one step."""
    keywords = len(config.keywords)
    return Counter(
        {"step": 1, "keyword": keywords, "maximum": keywords * config.smoothing.max_steps}
    )


def network_operations(network: Network, config: ModelConfig) -> Counter[str]:
    """Count the operations of the network for one step of the stream."""
    time_steps = network.stride  # of the layer's input, per step of the network
    total = Counter({"frame": time_steps})
    if config.front_end.arithmetic == "float":  # the other one gives quantised features
        total["quantised feature"] = time_steps * network.frame_values
    for layer in network.layers:
        total["time step"] += time_steps
        time_steps //= layer.time_stride
        for name, times in layer_operations(layer).items():
            total[name] += time_steps * times
    return total


# Operations of each stage, by the names of the fields of Costs.
STAGES: dict[str, Callable[[Network, ModelConfig], Counter[str]]] = {
    "gate": lambda network, config: gate_operations(config),
    "front_end": lambda network, config: front_end_operations(config.front_end),
    "network": network_operations,
    "posterior": lambda network, config: posterior_operations(config),
}


def layer_operations(layer: Layer) -> Counter[str]:
    """Count the operations of the Cortex-M4 kernels for one output time step of a layer."""
    values = layer.output_bins * layer.output_channels
    clamped = (layer.activation_min, layer.activation_max) != (-128, 127)
    total = Counter({"clamped value": values * clamped})
    if layer.kind == "CONVOLUTION":
        total += _convolution_operations(layer)
    elif layer.kind == "DEPTHWISE":
        total += _depthwise_operations(layer)
    else:
        name, taps = layer.kind.lower(), layer.time_kernel * layer.frequency_kernel
        total += Counter({name: values, f"{name} tap": values * taps})
    return total


def _convolution_operations(layer: Layer) -> Counter[str]:
    """Count im2col's copies, by value or by four values, and the products of a convolution."""
    bins, channels = layer.output_bins, layer.output_channels
    groups = ceil(bins / BINS_AT_ONCE)
    copied = groups * BINS_AT_ONCE if bins >= BINS_AT_ONCE else bins
    taps, tap_values = layer.time_kernel, layer.frequency_kernel * layer.channels
    depth = layer.weights.shape[1]
    total = Counter({"im2col tap": copied * taps})
    if tap_values % 4:
        total["im2col value"] = copied * taps * tap_values
    else:
        total["im2col four"] = copied * taps * tap_values // 4
    if bins == 1:
        fours = ceil(channels / 4)
        total += Counter({"dense": 1, "dense four": fours, "dense product": fours * depth // 8})
        total["dense rest"] = int(channels % 4 > 0)
    elif bins < BINS_AT_ONCE:
        total += Counter({"bin": bins, "bin output": bins * channels})
        total["bin product"] = bins * channels * depth // 4
    else:
        total += Counter({"five bins": groups, "five bins' output": groups * channels})
        total["five bins' product"] = groups * channels * depth // 8
    return total


def _depthwise_operations(layer: Layer) -> Counter[str]:
    """Count a depthwise convolution's operations by four channels and by channel of the rest."""
    bins, taps = layer.output_bins, layer.time_kernel * layer.frequency_kernel
    fours, rest = divmod(layer.output_channels, 4)
    name = "depthwise" if bins == 1 else "wide depthwise"
    total = Counter({name: 1, f"{name} tap": taps, f"{name} four": fours})
    total[f"{name} four's tap"] = fours * taps
    total += Counter({"depthwise rest": rest * bins, "depthwise rest tap": rest * bins * taps})
    if bins > 1:
        total += Counter({"wide bin": fours * bins, "wide product": fours * bins * taps})
    return total


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
