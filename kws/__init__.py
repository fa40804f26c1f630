"""Spot keywords in audio, always on: the public API, whose names are imported when first used.

import kws

for detection in kws.listen():  # on the microphone
    print(detection.time, detection.keyword, detection.confidence)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kws.action import Actions as Actions
    from kws.audio.audio_file import AudioFile as AudioFile
    from kws.audio.raw_stream import RawStream as RawStream
    from kws.backend import Spotter as Spotter
    from kws.config import FrontEnd as FrontEnd
    from kws.config import ModelConfig as ModelConfig
    from kws.config import Smoothing as Smoothing
    from kws.errors import KwsError as KwsError
    from kws.listener import listen as listen
    from kws.microphone import Microphone as Microphone
    from kws.model_file import ModelFile as ModelFile
    from kws.posterior import Detection as Detection

__version__ = "0.1.0"

_MODULES = {
    "Actions": "action",
    "Detection": "posterior",
    "FrontEnd": "config",
    "KwsError": "errors",
    "Microphone": "microphone",
    "ModelConfig": "config",
    "ModelFile": "model_file",
    "RawStream": "audio.raw_stream",
    "AudioFile": "audio.audio_file",
    "Smoothing": "config",
    "Spotter": "backend",
    "listen": "listener",
}

__all__ = [*_MODULES, "__version__"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `import kws` itself loads no other module."""
    if name not in _MODULES:
        raise AttributeError(f"module 'kws' has no attribute {name!r}")
    return getattr(import_module(f"kws.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
