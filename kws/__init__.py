"""kws: an always-on keyword spotter.

from kws import ModelFile, AudioFile, Spotter
from kws.listen import listen

listen(AudioFile("kitchen.wav"), Spotter(ModelFile.load()), print)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kws.action import Actions as Actions
    from kws.audio.audio_file import AudioFile as AudioFile
    from kws.audio.raw_stream import RawStream as RawStream
    from kws.config import FrontEnd as FrontEnd
    from kws.config import ModelConfig as ModelConfig
    from kws.config import Smoothing as Smoothing
    from kws.errors import KwsError as KwsError
    from kws.microphone import Microphone as Microphone
    from kws.model_file import ModelFile as ModelFile
    from kws.posterior import Detection as Detection
    from kws.spotter import Spotter as Spotter

__version__ = "0.1.0"

_HOMES = {
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
    "Spotter": "spotter",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `import kws` itself loads nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'kws' has no attribute {name!r}")
    return getattr(import_module(f"kws.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
