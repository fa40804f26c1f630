"""One run of `kws listen`: model, actions, source and report put together, and taken down again."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kws.action import Actions
from kws.backend import spotter as open_spotter
from kws.console.detection_lines import json_line, line
from kws.errors import KwsError
from kws.listener import Source, listen
from kws.model_file import ModelFile
from kws.posterior import Detection

if TYPE_CHECKING:
    from kws.backend import AnySpotter
    from kws.console.detection_lines import Lines
    from kws.console.live_display import Display

LAST_ACTIONS = 86_400.0  # s to wait for at the end of a stream; each action has its own timeout

log = logging.getLogger("kws")


def open_source(wav: Path | None, stdin: bool, device: str | None) -> Source:
    """The source that the options of `kws listen` mean; each loads only what it needs itself."""
    if wav is not None:
        from kws.audio.audio_file import AudioFile

        return AudioFile(wav)
    if stdin:
        from kws.audio.raw_stream import RawStream

        if sys.stdin is None:
            raise KwsError("standard input is closed")
        return RawStream(sys.stdin.buffer)
    from kws.microphone import Microphone

    return Microphone(device)


def open_report(source: Source, spotter: AnySpotter, model: str, as_json: bool) -> Display | Lines:
    """What shows the detections: a live display to a person who waits for them, else lines."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    if source.live and terminal and not as_json:
        from kws.console.live_display import Display

        return Display(source, spotter, model)
    from kws.console.detection_lines import Lines

    if source.live:
        log.info("listening on %s for %s", source.name, ", ".join(spotter.config.keywords))
    return Lines(source, as_json)


def run(
    model: ModelFile,
    wav: Path | None,
    stdin: bool,
    device: str | None,
    actions: Path | None,
    as_json: bool,
) -> int:
    """Listen until the source ends or Ctrl-C; the exit status.

    Ctrl-C, and likewise SIGTERM, is the usual end of a live source: 0. A file that it breaks off
    gives 130. Actions under way are waited for at the end of a stream and killed otherwise.
    """
    _set_up()
    spotter = open_spotter(model)
    reactions = Actions.load(actions, model.config.keywords) if actions else Actions([])
    source = open_source(wav, stdin, device)
    try:
        with open_report(source, spotter, model.name, as_json) as report:
            for detection in listen(source, spotter, report.block):
                reactions.run(detection)
                report.detection(detection)
        reactions.close(LAST_ACTIONS)
    except KeyboardInterrupt:
        return 0 if source.live else 130
    finally:
        reactions.close(0)
    return 0


def run_board(wanted: str | None, actions: Path | None, as_json: bool) -> int:
    """Hand on what a board hears, found by name or address, until Ctrl-C; the exit status."""
    import asyncio

    from kws.audio.ble import Board

    _set_up()
    reactions = Actions([])
    form = json_line if as_json else line

    def on_found(name: str, keywords: list[str]) -> None:
        nonlocal reactions
        if actions:
            reactions = Actions.load(actions, keywords)
        log.info("listening on %s for %s", name, ", ".join(keywords))

    def on_detection(detection: Detection) -> None:
        reactions.run(detection)
        print(form(detection), flush=True)

    try:
        asyncio.run(Board(wanted, on_found, on_detection).receive())
    except KeyboardInterrupt:
        return 0
    finally:
        reactions.close(0)


def _set_up() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
