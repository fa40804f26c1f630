"""The report of an export: what the detector needs on the board, as text and as a page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kws.config import ModelConfig
from kws.engine.network import Network
from kws.errors import KwsError
from kws.export import cost, counting, footprint, power
from kws.export.report_pages import Section, text_page, web_page
from kws.model_file import ModelFile

SPEECH = (0.0, 0.01, 0.1, 1.0)  # shares of the time that the power is stated for
OFFICE_DAY = 0.1  # share of speech at which it is compared
KINDS = (".c", ".h", ".S")
COMPUTING_ALONE = (
    "Counted is computing alone: not the microphone, not the PDM interface and the clock that it"
    " keeps running (about 2 mW on similar chips of Nordic's), not Bluetooth, the LED or the"
    " board's regulator."
)
DATASHEET = (
    f"Running {1e3 * power.RUNNING:g} mA (ICPU0: CoreMark from flash, cache, DC/DC), idle"
    f" {1e6 * power.IDLE:g} uA (ION_RAMON_EVENT: System ON, all RAM kept) at {power.VOLTS:g} V:"
    " nRF52840 Product Specification, Current consumption, Electrical specification, CPU running"
    " and Sleep."
)
BUFFER = re.compile(r"constexpr uint32_t (CAPACITY|BLOCK) = (\d+);")


def report(
    model: ModelFile, network: Network, files: Mapping[str, str], count: bool = False
) -> dict[str, str]:
    """The report's files by name; files: the exported sketch's texts by path.

    count: count under QEMU where that can be done; else, and otherwise, from the stored costs. The
    same model gives the same bytes on machines of the same compiler.
    """
    code, state = cost.stored_flash()
    costs = cost.stored(network, model.config)
    if count and counting.available():
        sources = {
            path.removeprefix("src/"): text
            for path, text in files.items()
            if path.startswith("src/") and path.endswith(KINDS)
        }
        try:
            counted = counting.count(sources)
            costs, code, state = cost.counted(counted), counted.flash, counted.state
        except KwsError:
            pass  # the page says that its figures are the stored ones
    buffers = dict(BUFFER.findall(files.get("microphone.h", "")))
    sketch = {
        "ring buffer": int(buffers.get("CAPACITY", 0)),
        "block of the microphone": int(buffers.get("BLOCK", 0)),
        "hop": model.config.front_end.hop,
    }
    title = f"{model.name} on the Arduino Nano 33 BLE"
    sections = [
        *_sizes(
            footprint.flash(code, model, network),
            footprint.memory(state, sketch, model.config, network),
        ),
        _instructions(model.config, costs),
        _duty(model.config, costs),
        _power(model.config, costs),
    ]
    about = f"Model {model.name}, sha256 {model.sha256}."
    return {
        "report.txt": text_page(title, about, sections),
        "report.html": web_page(title, about, sections),
    }


def _sizes(flash: footprint.Parts, ram: footprint.Parts) -> Iterator[Section]:
    for name, parts, has, note in (
        ("Flash", flash, 1 << 20, "The detector alone: Arduino's core and BLE come on top."),
        ("RAM", ram, 256 << 10, "Static; the stack, Arduino's core and BLE come on top."),
    ):
        total = sum(parts.values())
        rows = [(part, f"{size:,}", f"{size / total:.1%}") for part, size in parts.items() if size]
        rows.append(("in all", f"{total:,}", f"{total / has:.1%} of the board's {has >> 10} KB"))
        bars = [size / total for size in parts.values() if size]
        yield Section(name, ("part", "bytes", "share"), rows, bars, (note,))


def _instructions(config: ModelConfig, costs: cost.Costs) -> Section:
    hop, step = config.front_end.row_seconds, config.step_seconds
    stages = (
        ("ring buffer and gate", "hop", costs.gate, 1 / hop),
        ("front end", "hop", costs.front_end, 1 / hop),
        ("network", "step", costs.network, 1 / step),
        ("posterior stage", "step", costs.posterior, 1 / step),
    )
    return Section(
        "Instructions",
        ("stage", "each", "millions per second"),
        [
            (stage, f"{each:,.0f} per {unit}", f"{each * rate / 1e6:.3f}")
            for stage, unit, each, rate in stages
        ],
        [each * rate / costs.per_second(config, 1.0) for _, _, each, rate in stages],
        (
            f"A hop is {1000 * hop:g} ms, a step of the network {1000 * step:g} ms.",
            f"{costs.source[0].upper()}{costs.source[1:]}.",
        ),
    )


def _duty(config: ModelConfig, costs: cost.Costs) -> Section:
    states = (("gate open", 1.0), ("gate closed", 0.0)) if config.gating.on else (("always", 1.0),)
    rows = []
    for state, share in states:
        per_second = costs.per_second(config, share)
        busy = power.duty(per_second)
        rows.append((state, f"{per_second / 1e6:.3f}", _percent(busy)))
    least, most = power.CYCLES_PER_INSTRUCTION
    note = (
        f"An instruction takes {least:g} to {most:g} cycles: the least and the most by the timings"
        " in the Cortex-M4 Technical Reference Manual (r0p1, 3.3.1 and 7.2.3), with 2 wait states"
        " for data in flash at the most; misses of the instruction cache are not counted."
    )
    heads = ("", "million instructions", f"of the time at {power.CLOCK / 1e6:g} MHz")
    return Section("Per second of audio", heads, rows, (), (note,))


def _power(config: ModelConfig, costs: cost.Costs) -> Section:
    rows, verdict = [], ""
    for speech in SPEECH:
        heard = power.open_share(config, speech)
        per_second = costs.per_second(config, heard)
        watts = power.power(power.duty(per_second))
        millions = f"{per_second / 1e6:.3f}"
        rows.append((f"{speech:.0%}", f"{heard:.1%}", millions, _microwatts(watts)))
        if speech == OFFICE_DAY:
            verdict = _comparison(watts)
    gating = config.gating
    assumed = (
        f"Speech comes in stretches of {power.STRETCH:g} s; the gate hears"
        f" {gating.look_back_ms} ms before and {gating.hold_ms} ms behind each. Loud sounds that"
        " are not speech open it, too."
        if gating.on
        else "This model has no gate: silence costs what speech does."
    )
    heads = ("speech", "heard", "million instructions per second", "microwatts")
    notes = (COMPUTING_ALONE, assumed, DATASHEET, verdict)
    return Section("Average power of the processor", heads, rows, (), notes)


def _comparison(watts: power.Range) -> str:
    if watts.most < power.NDP100:
        verdict = "this is below it"
    elif watts.least > power.NDP100:
        verdict = "this is above it"
    else:
        verdict = "this may be above or below it, the range includes it"
    return (
        f"With {OFFICE_DAY:.0%} speech the processor takes {_microwatts(watts)} uW. Syntiant's"
        f" NDP100, a chip made for listening, is quoted at {1e6 * power.NDP100:g} uW, always on:"
        f" {verdict}."
    )


def _percent(share: power.Range) -> str:
    return f"{100 * share.least:.2f} to {100 * share.most:.2f} %"


def _microwatts(watts: power.Range) -> str:
    return f"{1e6 * watts.least:.0f} to {1e6 * watts.most:.0f}"
