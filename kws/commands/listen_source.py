"""Choose the source of `kws listen` by its options."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from kws.errors import KwsError

if TYPE_CHECKING:
    from kws.audio.channels import Channel
    from kws.listener import Source


@dataclass(frozen=True)
class SourceOptions:
    """Hold the options that choose a source, a microphone by default; refuse contradictions."""

    wav: Path | None
    stdin: bool
    device: str | None
    ble: bool
    channel: str | None
    reconnect: bool | None  # None: as the caller of open() decides

    def __post_init__(self) -> None:
        if sum((self.wav is not None, self.stdin, self.ble or self.device is not None)) > 1:
            raise typer.BadParameter("--wav, --stdin and --device or --ble exclude each other")
        if self.channel is not None and (self.stdin or self.ble):
            raise typer.BadParameter("--channel is of a microphone or file")
        if self.reconnect and (self.wav is not None or self.stdin or self.ble):
            raise typer.BadParameter("--reconnect is of a microphone")

    def open(self, service: bool) -> Source:
        """Return the source, importing only what it needs.

        service: whether to wait for a microphone that is not there, unless an option forbids it.
        """
        from kws.audio.channels import MEAN

        channel = self._channel()
        if (self.stdin or str(self.wav) == "-") and sys.stdin is None:
            raise KwsError("standard input is closed")
        if str(self.wav) == "-":
            from kws.audio.piped_file import PipedFile

            return PipedFile(sys.stdin.buffer, channel or MEAN)
        if self.wav is not None:
            from kws.audio.audio_file import AudioFile

            return AudioFile(self.wav, channel or MEAN)
        if self.stdin:
            from kws.audio.raw_stream import RawStream

            return RawStream(sys.stdin.buffer)
        from kws.microphone import Microphone

        reconnect = service if self.reconnect is None else self.reconnect
        return Microphone(self.device, channel or 1, reconnect)

    def _channel(self) -> Channel | None:
        from kws.audio.channels import parse_channel

        try:
            return None if self.channel is None else parse_channel(self.channel)
        except ValueError as error:
            raise typer.BadParameter(f"--channel: {error}") from None
