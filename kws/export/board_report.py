"""Report what an exported detector needs on the board, as a page of text and as a page of HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kws.config import SAMPLE_RATE, ModelConfig
from kws.engine.network import Network
from kws.export import board_power, cost, footprint
from kws.export.board_power import microwatts
from kws.export.c_kinds import kinds_of
from kws.export.section_pages import Section, text_page, web_page
from kws.model_file import ModelFile

SPEECH = (0.0, 0.01, 0.1, 1.0)  # shares of the time that the power is stated for
OFFICE_DAY = 0.1  # share of speech at which it is compared
TO_COUNT = (
    "In a checkout of kws, `python benchmarks/cortex_m4/count.py MODEL.tflite` counts instead of"
    " estimating."
)
COMPUTATION_ONLY = (
    "These figures cover computation only; the next table has the microphone, its interface,"
    " Bluetooth and the LED."
)
DATASHEET = (
    f"Running {1e3 * cost.RUNNING:g} mA (ICPU0: CoreMark from flash, cache, DC/DC), idle"
    f" {1e6 * cost.IDLE:g} uA (ION_RAMON_EVENT: System ON, all RAM kept) at {cost.VOLTS:g} V:"
    " nRF52840 Product Specification, Current consumption, Electrical specification, CPU running"
    " and Sleep."
)


def report(model: ModelFile, network: Network, others: Sequence[Network] = ()) -> dict[str, str]:
    """Return the report's files by name; the same model gives the same bytes.

    Args:
        model: The exported model.
        network: Its network.
        others: The networks of a committee after the first.
    """
    sketch = {
        "ring buffer": cost.ring_samples([((network, *others), model.config)]),
        "microphone block": cost.MICROPHONE_BLOCK,
        "hop": model.config.front_end.hop,
    }
    costs = cost.stored_costs(network, model.config)
    compiled = model.config.front_end.implementation, model.config.committee is not None
    title = f"{model.name} on the Arduino Nano 33 BLE"
    about = f"Model {model.name}, sha256 {model.sha256}."
    sections = [
        *_sizes(
            footprint.flash(
                cost.stored_flash(kinds_of((network, *others)), *compiled),
                model,
                network,
                others,
            ),
            footprint.ram(sketch, model.config, network, others),
        ),
        _instructions(model.config, costs, cost.stored_costs_source(network, model.config)),
        *_committee(model.config, (network, *others)),
        _duty(model.config, costs),
        _power(model.config, costs),
        _whole_board(model.config, costs),
    ]
    return {
        "report.txt": text_page(title, about, sections),
        "report.html": web_page(title, about, sections),
    }


def _sizes(flash: footprint.Sizes, ram: footprint.Sizes) -> Iterator[Section]:
    """Yield a section for flash and one for RAM."""
    for name, sizes, board, note in (
        ("Flash", flash, 1 << 20, "The detector alone: Arduino's core and BLE come on top."),
        ("RAM", ram, 256 << 10, "Static; the stack, Arduino's core and BLE come on top."),
    ):
        total = sum(sizes.values())
        rows = [(part, f"{size:,}", f"{size / total:.1%}") for part, size in sizes.items() if size]
        rows.append(("total", f"{total:,}", f"{total / board:.1%} of the board's {board >> 10} KB"))
        bars = [size / total for size in sizes.values() if size]
        yield Section(name, ("part", "bytes", "share"), rows, bars, (note,))


def _instructions(config: ModelConfig, costs: cost.Costs, source: str) -> Section:
    """Return the section on the instructions of each stage."""
    hop, step = config.front_end.hop_seconds, config.step_seconds
    fixed = ", fixed point" if config.front_end.arithmetic == "fixed" else ""
    stages = (
        ("ring buffer and gate", "hop", costs.gate, 1 / hop),
        (f"front end{fixed}", "hop", costs.front_end, 1 / hop),
        ("network", "step", costs.network, 1 / step),
        ("posterior stage", "step", costs.posterior, 1 / step),
    )
    rows = [
        (stage, f"{each:,.0f} per {unit}", f"{each * rate / 1e6:.3f}")
        for stage, unit, each, rate in stages
    ]
    bars = [each * rate / costs.per_second(config, 1.0) for _, _, each, rate in stages]
    units = f"A hop is {1000 * hop:g} ms, a step of the network {1000 * step:g} ms."
    heads = ("stage", "each", "millions per second")
    return Section("Instructions", heads, rows, bars, (units, source, TO_COUNT))


def _committee(config: ModelConfig, networks: Sequence[Network]) -> Iterator[Section]:
    """Yield the section on the members that run where the first suspects a keyword."""
    if config.committee is None:
        return
    replay = cost.stored_replay(networks, config)
    rows = [
        ("kept frame, all members", f"{replay.each:,.0f}", _milliseconds(replay.each)),
        ("longest push", f"{replay.longest_push:,.0f}", _milliseconds(replay.longest_push)),
    ]
    ring = cost.ring_samples([(networks, config)])
    notes = (
        f"Where the first member suspects a keyword, the others take up to {replay.frames} kept"
        f" frames at once. Meanwhile the microphone's interrupt fills the sketch's ring buffer,"
        f" which holds {1000 * ring / SAMPLE_RATE:.0f} ms. The other figures are those while no"
        " keyword is suspected.",
    )
    heads = ("committee, when it is woken", "instructions", "ms")
    yield Section("Committee", heads, rows, (), notes)


def _duty(config: ModelConfig, costs: cost.Costs) -> Section:
    """Return the section on the processor's time, with the gate open and closed."""
    states = (("gate open", 1.0), ("gate closed", 0.0)) if config.gate.on else (("always", 1.0),)
    rows = []
    for state, share in states:
        per_second = costs.per_second(config, share)
        rows.append((state, f"{per_second / 1e6:.3f}", _percent(cost.duty(per_second))))
    low, high = cost.CYCLES_PER_INSTRUCTION
    note = (
        f"An instruction takes {low:g} to {high:g} cycles: minimum and maximum by the timings in"
        " the Cortex-M4 Technical Reference Manual (r0p1, 3.3.1 and 7.2.3), the maximum with 2 wait"
        " states for data in flash; misses of the instruction cache are not counted."
    )
    heads = ("", "million instructions", f"of the time at {cost.CLOCK / 1e6:g} MHz")
    return Section("Per second of audio", heads, rows, (), (note,))


def _power(config: ModelConfig, costs: cost.Costs) -> Section:
    """Return the section on the processor's power, by the share of speech."""
    rows, comparison = [], ""
    for speech in SPEECH:
        open_share = cost.open_share(config, speech)
        per_second = costs.per_second(config, open_share)
        watts = cost.power(cost.duty(per_second))
        millions = f"{per_second / 1e6:.3f}"
        rows.append((f"{speech:.0%}", f"{open_share:.1%}", millions, microwatts(watts)))
        if speech == OFFICE_DAY:
            comparison = _comparison(watts)
    gate = config.gate
    assumption = (
        f"Assumed: speech comes in utterances of {cost.UTTERANCE:g} s; the gate adds a pre-roll of"
        f" {gate.pre_roll_ms} ms and a hangover of {gate.hangover_ms} ms to each. Loud sounds"
        " other than speech open the gate, too."
        if gate.on
        else "This model has no gate: silence costs as much as speech."
    )
    heads = ("speech", "gate open", "million instructions per second", "microwatts")
    notes = (COMPUTATION_ONLY, assumption, DATASHEET, comparison)
    return Section("Average power of the processor", heads, rows, (), notes)


def _whole_board(config: ModelConfig, costs: cost.Costs) -> Section:
    """Return the section that tells the processor's share from the whole board's."""
    per_second = costs.per_second(config, cost.open_share(config, OFFICE_DAY))
    rows = list(board_power.rows(cost.power(cost.duty(per_second))))
    about = f"In microwatts, with {OFFICE_DAY:.0%} speech; shares are the greatest possible."
    notes = (about, *board_power.NOTES)
    return Section("Average power of the board", board_power.HEADS, rows, (), notes)


def _comparison(watts: cost.Range) -> str:
    """Return a sentence that compares the processor's power to a dedicated chip's."""
    if watts.maximum < cost.NDP100:
        verdict = "this is below it"
    elif watts.minimum > cost.NDP100:
        verdict = "this is above it"
    else:
        verdict = "this may be above or below it, the range includes it"
    return (
        f"With {OFFICE_DAY:.0%} speech the processor takes {microwatts(watts)} uW. Syntiant's"
        f" NDP100, a chip made for keyword spotting, is quoted at {1e6 * cost.NDP100:g} uW, always"
        f" on: {verdict}."
    )


def _percent(share: cost.Range) -> str:
    return f"{100 * share.minimum:.2f} to {100 * share.maximum:.2f} %"


def _milliseconds(instructions: float) -> str:
    times = cost.duty(instructions)
    return f"{1000 * times.minimum:.0f} to {1000 * times.maximum:.0f}"
