"""What a detector costs on a Cortex-M4F, counted or from stored costs of its operations.

The stored ones are a sum over operations, each with a price in instructions that was fitted to
counts of models of many shapes: benchmarks/cortex_m4/fit_costs.py writes stored_costs.json.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from kws.config import FrontEnd, ModelConfig
from kws.engine.network import CELLS_AT_ONCE, Layer, Network
from kws.export.counting import ARDUINO, Count
from kws.mfcc_tables import FrontEndTables

STORED = Path(__file__).parent / "stored_costs.json"


@dataclass(frozen=True)
class Costs:
    """Instructions of each stage, and where they come from."""

    gate: float  # per hop, whether the gate is open or closed; the ring buffer among it
    front_end: float  # per feature row
    network: float  # per step
    posterior: float  # per step
    source: str

    def per_second(self, config: ModelConfig, open_share: float) -> float:
        """Instructions per second of audio with the gate open for a share of the time."""
        hops, steps = 1 / config.front_end.row_seconds, 1 / config.step_seconds
        heard = hops * self.front_end + steps * (self.network + self.posterior)
        return hops * self.gate + open_share * heard


def counted(count: Count) -> Costs:
    """From a run of the detector."""
    phases = count.phases
    hops, rows = phases["spotter"].begun, phases["network"].begun
    steps = phases["posterior"].begun
    always = ("ring buffer in", "ring buffer out", "spotter", "gate")
    return Costs(
        sum(phases[name].instructions for name in always) / hops,
        phases["front end"].instructions / rows,
        phases["network"].instructions / steps,
        phases["posterior"].instructions / steps,
        f"counted on an emulated Cortex-M4F (QEMU; {count.compiler}, {ARDUINO})",
    )


def stored(network: Network, config: ModelConfig) -> Costs:
    """From the prices of the operations."""
    table = json.loads(STORED.read_text("utf-8"))
    stages = {
        "gate": gate_operations(config),
        "front_end": front_end_operations(config.front_end),
        "network": network_operations(network),
        "posterior": posterior_operations(config),
    }
    costs, unknown = {}, set()
    for stage, operations in stages.items():
        prices = table["instructions"][stage]
        costs[stage] = sum(times * prices.get(name, 0.0) for name, times in operations.items())
        unknown |= {name for name, times in operations.items() if times and name not in prices}
    source = (
        "from stored costs of each operation, fitted to counts on an emulated Cortex-M4F (QEMU;"
        f" {table['compiler']}, {ARDUINO}); in other models, which took no part in the fit, the"
        f" front end was within {table['errors']['front_end']:.0%} of its count, the network"
        f" within {table['errors']['network']:.0%}"
    )
    if unknown:
        source += f"; not among them, so left out here: {', '.join(sorted(unknown))}"
    return Costs(**costs, source=source)


def stored_flash() -> tuple[dict[str, int], int]:
    """Bytes of the engine's code by source file, and of its state in RAM, as they were counted."""
    table = json.loads(STORED.read_text("utf-8"))
    return table["flash"], table["state"]


def gate_operations(config: ModelConfig) -> Counter[str]:
    """Of one hop: through the ring buffer and the gate."""
    return Counter({"hop": 1, "sample": config.front_end.hop})


def front_end_operations(front_end: FrontEnd) -> Counter[str]:
    """Of one feature row."""
    first, count, _ = FrontEndTables(front_end).mel
    half = front_end.mel_filters // 2
    return Counter(
        {
            f"transform of {front_end.fft}": 1,
            "sample taken": front_end.hop,
            "sample of the window": front_end.window,
            "bin": int((first + count - 1).max()),
            "mel weight": int(count.sum()),
            "mel filter": front_end.mel_filters,
            "coefficient": front_end.coefficients,
            "cosine": front_end.coefficients * half,
        }
    )


def posterior_operations(config: ModelConfig) -> Counter[str]:
    """Of one step."""
    keywords = len(config.keywords)
    return Counter(
        {"step": 1, "keyword": keywords, "maximum": keywords * config.smoothing.max_steps}
    )


def network_operations(network: Network) -> Counter[str]:
    """Of one step of the stream."""
    columns = network.stride  # that the layer takes in per step
    total = Counter({"row": columns, "level": columns * network.row_values})
    for layer in network.layers:
        total["column"] += columns
        columns //= layer.time_stride
        for name, times in layer_operations(layer).items():
            total[name] += columns * times
    return total


def layer_operations(layer: Layer) -> Counter[str]:
    """Of one output column, as the kernels for the Cortex-M4 go about it."""
    cells, channels = layer.output_cells, layer.output_channels
    taps = layer.time_kernel * layer.kernel
    fours, rest = divmod(channels, 4)
    limited = (layer.least, layer.greatest) != (-128, 127)
    total = Counter({"limited value": cells * channels * limited})
    if layer.kind == "CONVOLUTION":
        groups = ceil(cells / CELLS_AT_ONCE) * CELLS_AT_ONCE if cells >= CELLS_AT_ONCE else cells
        chunk, row = layer.kernel * layer.channels, layer.weights.shape[1]
        total["patch tap"] = groups * layer.time_kernel
        total["patch value" if chunk % 4 else "patch four"] = (
            groups * layer.time_kernel * (chunk if chunk % 4 else chunk // 4)
        )
        if cells == 1:
            total += Counter({"dense": 1, "dense four": fours, "dense product": fours * row // 8})
            total += Counter(
                {"dense rest": rest, "dense rest product": rest * taps * layer.channels}
            )
        elif cells < CELLS_AT_ONCE:
            total += Counter({"cell": cells, "cell output": cells * channels})
            total["cell product"] = cells * channels * row // 4
        else:
            fives = groups // CELLS_AT_ONCE
            total += Counter({"five cells": fives, "five cells' output": fives * channels})
            total["five cells' product"] = fives * channels * row // 8
    elif layer.kind == "DEPTHWISE":
        name = "depthwise" if cells == 1 else "wide depthwise"
        total += Counter({name: 1, f"{name} tap": taps, f"{name} four": fours})
        total[f"{name} four's tap"] = fours * taps
        total += Counter(
            {"depthwise rest": rest * cells, "depthwise rest tap": rest * cells * taps}
        )
        if cells > 1:
            total += Counter({"wide cell": fours * cells, "wide product": fours * cells * taps})
    else:
        name = layer.kind.lower()
        total += Counter({name: cells * channels, f"{name} tap": cells * channels * taps})
    return total
