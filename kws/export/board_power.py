"""Tell the processor's share from the power of the whole board, a Nano 33 BLE Sense.

Sources: STMicroelectronics, MP34DT05-A data sheet, supply current in normal mode; Nordic's and
Arduino's own measurements. They are figures of others, and of parts: no board was measured here.
"""

from __future__ import annotations

from collections.abc import Iterator

from kws.export import cost

VOLTS = 3.3  # of the board
MICROPHONE = 650e-6 * VOLTS  # W; MP34DT05-A
PDM_AND_CLOCK = 2e-3  # W; the interface and the crystal's clock, which it keeps running
WITH_BLUETOOTH = 7e-3 * VOLTS  # W; a sketch with ArduinoBLE, by Arduino's measurement
NOTES = (
    f"The microphone: 650 uA at {VOLTS:g} V (MP34DT05-A data sheet). The PDM interface and its"
    f" clock: about {1e3 * PDM_AND_CLOCK:g} mW on similar chips of Nordic's. A sketch with"
    f" Bluetooth on: about 7 mA ({1e3 * WITH_BLUETOOTH:.0f} mW) by Arduino's measurement;"
    " ArduinoBLE wakes every millisecond, power LED, sensors and USB stay on. The regulator's"
    " losses are left out.",
    "KWS_LOW_POWER in settings.h switches these off. What remains is mostly the microphone and its"
    " interface, whatever the detector does. No board was measured for this report.",
)
HEADS = ("part", "KWS_LOW_POWER 1", "share", "0, with Bluetooth", "share")


def rows(processor: cost.Range) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a table in microwatts: by part, with KWS_LOW_POWER on and off."""
    known = MICROPHONE + PDM_AND_CLOCK
    low = cost.Range(processor.minimum + known, processor.maximum + known)
    rest = cost.Range(
        max(0.0, WITH_BLUETOOTH - low.maximum), max(0.0, WITH_BLUETOOTH - low.minimum)
    )
    total = max(WITH_BLUETOOTH, low.maximum)
    for part, in_low, in_full in (
        ("processor, the detector alone", processor, processor),
        ("microphone", _exactly(MICROPHONE), _exactly(MICROPHONE)),
        ("PDM interface and its clock", _exactly(PDM_AND_CLOCK), _exactly(PDM_AND_CLOCK)),
        ("Bluetooth, LED, sensors, USB, polling", _exactly(0.0), rest),
        ("total", low, _exactly(total)),
    ):
        shares = (_share(in_low, low.maximum), _share(in_full, total))
        yield part, microwatts(in_low), shares[0], microwatts(in_full), shares[1]


def microwatts(watts: cost.Range) -> str:
    """Return a power as text, one number where minimum and maximum are the same."""
    low, high = f"{1e6 * watts.minimum:.0f}", f"{1e6 * watts.maximum:.0f}"
    return low if low == high else f"{low} to {high}"


def _exactly(watts: float) -> cost.Range:
    return cost.Range(watts, watts)


def _share(part: cost.Range, total: float) -> str:
    """Return the greatest share of a total."""
    return f"{part.maximum / total:.0%}"
