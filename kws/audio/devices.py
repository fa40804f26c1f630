"""List the sound cards that can record, and find the one that a user means."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from kws.errors import KwsError


@dataclass(frozen=True)
class InputDevice:
    """Describe a sound card that can record, as PortAudio lists it."""

    index: int
    name: str
    host_api: str
    channels: int
    default_sample_rate: int  # Hz
    is_default: bool


class NoDeviceError(KwsError):
    """Say that a sound card is not there; it may be plugged in later."""


_users = threading.Lock()
_playing = 0  # streams that others have open


@contextmanager
def in_use() -> Iterator[None]:
    """Keep rescan() from closing the stream that is open in this context."""
    global _playing
    with _users:
        _playing += 1
    try:
        yield
    finally:
        with _users:
            _playing -= 1


def rescan() -> None:
    """Let PortAudio look for sound cards again, which it does only when it starts.

    While other streams are open it goes on with the cards that it knows.
    """
    sounddevice = portaudio()
    with _users:
        if _playing:
            return
        with suppress(sounddevice.PortAudioError):  # it did not start the last time
            sounddevice._terminate()
        try:
            sounddevice._initialize()
        except sounddevice.PortAudioError as error:
            raise NoDeviceError(f"PortAudio does not start: {error}") from None


def portaudio() -> Any:
    """Import sounddevice, which loads PortAudio, only when needed; raise KwsError on failure."""
    try:
        import sounddevice
    except OSError:
        raise KwsError(
            "PortAudio is not installed (Debian and Ubuntu: apt install libportaudio2)"
        ) from None
    except Exception as error:  # its PortAudioError, which a failed import does not export
        raise KwsError(f"PortAudio does not start: {error}") from None
    return sounddevice


def devices() -> list[InputDevice]:
    """Return all input devices; raise KwsError without PortAudio."""
    sounddevice = portaudio()
    host_apis = sounddevice.query_hostapis()
    default = host_apis[sounddevice.default.hostapi]["default_input_device"]
    return [
        InputDevice(
            index=device["index"],
            name=device["name"],
            host_api=host_apis[device["hostapi"]]["name"],
            channels=device["max_input_channels"],
            default_sample_rate=round(device["default_samplerate"]),
            is_default=device["index"] == default,
        )
        for device in sounddevice.query_devices()
        if device["max_input_channels"] > 0
    ]


def find_device(device: int | str | None) -> InputDevice:
    """Find the device of this number, of this name, or with this in its name; None: the default.

    A number may be a string; names are compared without case.

    Raises:
        NoDeviceError: there is no such device.
        KwsError: there is more than one.
    """
    listed = devices()
    if not listed:
        raise NoDeviceError("no input device; is a microphone connected?")
    name = str(device).casefold()
    if device is None:
        found = [each for each in listed if each.is_default]
    elif name.isdecimal():
        found = [each for each in listed if each.index == int(name)]
    else:
        found = [each for each in listed if each.name.casefold() == name]
        found = found or [each for each in listed if name in each.name.casefold()]
    if not found:
        asked = "default input device" if device is None else f"input device '{device}'"
        raise NoDeviceError(f"no {asked}; `kws devices` lists those there are")
    if len(found) > 1:
        which = ", ".join(f"{each.index} {each.name} ({each.host_api})" for each in found)
        raise KwsError(f"input device '{device}' is ambiguous, give a number: {which}")
    return found[0]
