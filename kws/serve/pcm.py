"""Convert the audio of a client, PCM of any usual rate, width and channels, to 16 kHz mono."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.audio.resampler import Resampler
from kws.config import SAMPLE_RATE
from kws.foreign_text import shortened
from kws.serve.event_reader import ProtocolError
from kws.types import Samples

LIMITS = {"rate": (4_000, 192_000), "width": (1, 4), "channels": (1, 16)}  # Hz, bytes, count


@dataclass(frozen=True)
class PcmFormat:
    """Hold the format of audio: little-endian integers, unsigned where they have one byte."""

    rate: int = SAMPLE_RATE
    width: int = 2  # bytes
    channels: int = 1

    @classmethod
    def of(cls, data: dict[str, Any]) -> PcmFormat:
        """Return the format in the data of an event; raise ProtocolError for a wrong one."""
        for key, (least, most) in LIMITS.items():
            value = data.get(key)
            if type(value) is not int or not least <= value <= most:
                raise ProtocolError(f"audio: {key} is {shortened(value)}, not {least} to {most}")
        return cls(data["rate"], data["width"], data["channels"])


class PcmConverter:
    """Turn the bytes of a stream into samples; their division into pieces changes nothing."""

    def __init__(self, pcm: PcmFormat) -> None:
        self.format = pcm
        self._frame = pcm.width * pcm.channels  # bytes
        self._rest = b""  # of a frame that is not complete
        self._resampler = Resampler(pcm.rate)

    def push(self, audio: bytes, last: bool = False) -> Samples:
        """Take bytes; return the samples [n] that are ready; last: nothing follows."""
        audio = self._rest + audio if self._rest else audio
        whole = len(audio) - len(audio) % self._frame
        self._rest = audio[whole:]
        frames = self._decoded(audio[:whole]).reshape(-1, self.format.channels)
        mono = frames[:, 0] if self.format.channels == 1 else frames.mean(axis=1, dtype=np.float32)
        return self._resampler.push(mono, last)

    def _decoded(self, audio: bytes) -> npt.NDArray[Any]:
        """Return integers of any width as int16, or as float32 in its unit."""
        if self.format.width == 1:
            return (np.frombuffer(audio, np.uint8).astype(np.int16) - 128) << 8
        if self.format.width == 2:
            return np.frombuffer(audio, "<i2").astype(np.int16, copy=False)
        if self.format.width == 3:
            padded = np.zeros((len(audio) // 3, 4), np.uint8)
            padded[:, 1:] = np.frombuffer(audio, np.uint8).reshape(-1, 3)
            audio = padded.tobytes()
        return np.frombuffer(audio, "<i4").astype(np.float32) / np.float32(1 << 16)
