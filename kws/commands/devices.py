"""Implement `kws devices`: list the microphones."""

from __future__ import annotations

import json as json_format
import logging

from kws.commands.options import Json

log = logging.getLogger(__name__)


def devices(json: Json = False) -> None:
    """List the microphones; * marks the default one."""
    from kws.audio.devices import devices as input_devices
    from kws.foreign_text import printable

    found = input_devices()
    if json:
        print(json_format.dumps([vars(device) for device in found], indent=2))
        return
    if not found:
        log.warning("no input device; is a microphone connected?")
        return
    names = [printable(device.name) for device in found]  # a USB device may have any
    width = max(map(len, names))
    print(f"  ID  {'Name':{width}}  Host API, channels, sample rate")
    for device, name in zip(found, names, strict=True):
        print(
            f"{'*' if device.is_default else ' '}{device.index:3d}  {name:{width}}  "
            f"{device.host_api}, {device.channels}, {device.default_sample_rate} Hz"
        )
