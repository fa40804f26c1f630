"""From instructions to the time that the nRF52840's processor runs, and to its power.

Product Specification: Nordic Semiconductor, nRF52840 Product Specification, Current consumption,
Electrical specification; typical values at 3 V.
"""

from __future__ import annotations

from dataclasses import dataclass

from kws.config import ModelConfig

CLOCK = 64e6  # Hz
VOLTS = 3.0
RUNNING = 3.3e-3  # A; "CPU running": ICPU0, CoreMark from flash, cache, HFXO, DC/DC regulator
IDLE = 2.35e-6  # A; "Sleep": ION_RAMON_EVENT, System ON, all RAM kept, any event wakes
# At least and at most, by the Cortex-M4's instruction timings applied to the instructions that the
# shipped model runs: benchmarks/cortex_m4/cycles.py.
CYCLES_PER_INSTRUCTION = (1.2, 2.2)
NDP100 = 140e-6  # W; Syntiant's figure for always-on keyword spotting
STRETCH = 2.0  # s of speech at a time, before the gate's hold


@dataclass(frozen=True)
class Range:
    """At least and at most."""

    least: float
    most: float


def open_share(config: ModelConfig, speech: float) -> float:
    """Share of the time that is heard when speech, in stretches, takes a share of it."""
    gating = config.gating
    if not gating.on:
        return 1.0
    behind = (gating.look_back_ms + gating.hold_ms) / 1000
    return min(1.0, speech * (1 + behind / STRETCH))


def duty(instructions_per_second: float) -> Range:
    """Share of the time that the processor runs."""
    least, most = (cycles * instructions_per_second / CLOCK for cycles in CYCLES_PER_INSTRUCTION)
    return Range(least, most)


def power(running: Range) -> Range:
    """W of the processor alone, asleep in between."""
    least, most = (
        VOLTS * (share * RUNNING + (1 - share) * IDLE) for share in (running.least, running.most)
    )
    return Range(least, most)
