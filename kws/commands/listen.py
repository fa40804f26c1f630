"""Implement `kws listen`: detect keywords with a microphone, a file, a pipe or a board."""

from __future__ import annotations

import logging
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from kws.commands.listen_options import (
    ActionsFile,
    ChannelName,
    Keep,
    KeepMax,
    KeepNear,
    Reconnect,
    SensitivityName,
    Thresholds,
)
from kws.commands.options import Json, NoGate, require_extra
from kws.errors import KwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kws.backend import SpotterBackend
    from kws.console.detection_lines import DetectionLines
    from kws.console.live_display import LiveDisplay
    from kws.listener import Source
    from kws.model_file import ModelFile
    from kws.posterior import Detection

FOLLOWED_BLOCK = 0.08  # s, where actions follow the confidence, in a file too
ACTIONS_TIMEOUT = 86_400.0  # s to wait at the end of a stream; each action has its own timeout

ModelName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|PATH",
        help="Name of a shipped model, or path of a .tflite file.",
        show_default="home",
    ),
]
Wav = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Read a WAV, FLAC or OGG file, faster than real time; - is standard input.",
    ),
]
Stdin = Annotated[
    bool,
    typer.Option("--stdin", help="Read raw samples (int16, 16 kHz, mono) from standard input."),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Microphone: its index, its name or a part of it; with --ble, name or address of the"
        " board.",
    ),
]
Ble = Annotated[
    bool, typer.Option("--ble", help="Receive the detections of a board over Bluetooth Low Energy.")
]

log = logging.getLogger(__name__)


def listen(
    model: ModelName = None,
    wav: Wav = None,
    stdin: Stdin = False,
    device: Device = None,
    ble: Ble = False,
    channel: ChannelName = None,
    reconnect: Reconnect = False,
    actions: ActionsFile = None,
    no_gate: NoGate = False,
    sensitivity: SensitivityName = None,
    threshold: Thresholds = None,
    keep: Keep = None,
    keep_near: KeepNear = 0.5,
    keep_max: KeepMax = 1000,
    json: Json = False,
) -> None:
    """Detect keywords, on the microphone until Ctrl-C by default.

    On a terminal a live display shows the detections of a microphone or pipe;
    otherwise each detection is printed as one line. Times are seconds of audio
    since the start of the stream; those of a board, since it was switched on.

    Ctrl-C is the normal end of a live source, with exit status 0. A file that
    it interrupts gives 130.
    """
    if sum((wav is not None, stdin, ble or device is not None)) > 1:
        raise typer.BadParameter("--wav, --stdin and --device or --ble exclude each other")
    if ble and (model is not None or no_gate or sensitivity is not None or threshold):
        raise typer.BadParameter(
            "a board has its own settings: no --model, --no-gate, --sensitivity or --threshold"
        )
    if ble and keep is not None:
        raise typer.BadParameter("a board sends no audio that --keep could keep")
    if channel is not None and (stdin or ble):
        raise typer.BadParameter("--channel is of a microphone or file")
    if reconnect and (wav is not None or stdin or ble):
        raise typer.BadParameter("--reconnect is of a microphone")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if ble:
        require_extra("kws listen --ble", "bleak", "ble")
        raise typer.Exit(_listen_to_board(device, actions, json))
    from kws.model_file import DEFAULT_MODEL, ModelFile
    from kws.sensitivity import parse_thresholds

    source = partial(_open_source, wav, stdin, device, channel, reconnect)
    model_file = ModelFile.load(model or DEFAULT_MODEL)
    model_file = model_file.with_sensitivity(sensitivity, parse_thresholds(threshold or []))
    model_file = model_file.without_gate() if no_gate else model_file
    keeping = (keep, keep_near, keep_max)
    raise typer.Exit(_listen_to_source(model_file, source, actions, keeping, json))


def _listen_to_source(
    model: ModelFile,
    open_source: Callable[[], Source],
    actions_file: Path | None,
    keeping: tuple[Path | None, float, int],
    as_json: bool,
) -> int:
    """Listen until the source ends or an interrupt (Ctrl-C, SIGTERM); return the exit status.

    Running actions may finish at the end of a stream; otherwise they are killed. keeping: folder,
    if any, least confidence of a near miss, number of clips.
    """
    from kws.action import Actions
    from kws.audio.kept_files import keeper
    from kws.backend import Spotter
    from kws.listener import BUFFER_SECONDS, FLUSH_SECONDS, listen

    spotter = Spotter(model)
    actions = Actions.load(actions_file, model.config.keywords) if actions_file else Actions([])
    source = open_source()
    try:
        with (
            keeper(spotter, model.name, source.live, *keeping) as kept,
            _open_output(source, spotter, model.name, as_json) as output,
        ):

            def on_gap(time: float, seconds: float) -> None:
                kept.skip(seconds)
                output.on_gap(time, seconds)

            on_block = actions.then(spotter, kept.then(output.on_block))
            block = FOLLOWED_BLOCK if actions.follow_confidences else BUFFER_SECONDS
            for detection in listen(source, spotter, on_block, block, on_gap, output.before_block):
                actions.run(detection)
                kept.detected(detection)
                output.show(detection)
            actions.follow(spotter.scores, FLUSH_SECONDS)
        actions.close(ACTIONS_TIMEOUT)
    except KeyboardInterrupt:
        return 0 if source.live else 130
    finally:
        actions.close(0)
    return 0


def _open_source(
    wav: Path | None, stdin: bool, device: str | None, channel: str | None, reconnect: bool
) -> Source:
    """Return the source that the options select, importing only what that source needs."""
    from kws.audio.channels import MEAN, parse_channel

    try:
        chosen = None if channel is None else parse_channel(channel)
    except ValueError as error:
        raise typer.BadParameter(f"--channel: {error}") from None
    if (stdin or str(wav) == "-") and sys.stdin is None:
        raise KwsError("standard input is closed")
    if str(wav) == "-":
        from kws.audio.piped_file import PipedFile

        return PipedFile(sys.stdin.buffer, chosen or MEAN)
    if wav is not None:
        from kws.audio.audio_file import AudioFile

        return AudioFile(wav, chosen or MEAN)
    if stdin:
        from kws.audio.raw_stream import RawStream

        return RawStream(sys.stdin.buffer)
    from kws.microphone import Microphone

    return Microphone(device, chosen or 1, reconnect)


def _open_output(
    source: Source, spotter: SpotterBackend, model: str, as_json: bool
) -> LiveDisplay | DetectionLines:
    """Return a live display for a live source on a terminal, lines of text or JSON otherwise."""
    if source.live and not as_json and _can_be_redrawn(sys.stdout):
        from kws.console.live_display import LiveDisplay

        return LiveDisplay(source, spotter, model)
    from kws.console.detection_lines import DetectionLines

    if source.live:
        log.info("listening on %s for %s", source.name, ", ".join(spotter.config.keywords))
    return DetectionLines(source, as_json)


def _can_be_redrawn(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that can move its cursor, as rich decides it."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def _listen_to_board(name: str | None, actions_file: Path | None, as_json: bool) -> int:
    """Print the detections of a board, found by name or address, and run their actions.

    Returns the exit status, at an interrupt.
    """
    from kws.action import Actions
    from kws.audio.ble import Board
    from kws.console.detection_lines import StandardOutput, json_line, text_line, wall_clock

    actions, output = Actions([]), StandardOutput(live=True)

    def on_found(name: str, keywords: list[str]) -> None:
        nonlocal actions
        if actions_file:
            actions = Actions.load(actions_file, keywords)
        log.info("listening on %s for %s", name, ", ".join(keywords))

    def on_detection(detection: Detection) -> None:
        actions.run(detection)
        line = json_line(detection, at=wall_clock()) if as_json else text_line(detection)
        output.print(line)

    try:
        Board(name, on_found, on_detection).receive()
    except KeyboardInterrupt:
        return 0
    finally:
        actions.close(0)
