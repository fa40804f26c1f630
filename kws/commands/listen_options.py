"""Define the options of `kws listen`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.commands.options import finite

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
ChannelName = Annotated[
    str | None,
    typer.Option(
        "--channel",
        metavar="N|mean",
        help="Channel of a microphone or file, from 1, or the mean of all.",
        show_default="the first of a microphone, the mean of a file",
    ),
]
Reconnect = Annotated[
    bool | None,
    typer.Option(
        "--reconnect/--no-reconnect",
        help="Wait for a microphone that is unplugged or not there yet.",
        show_default="with --mqtt",
    ),
]
ActionsFile = Annotated[
    Path | None,
    typer.Option("--actions", metavar="FILE.toml", help="Actions that detections trigger."),
]
Mqtt = Annotated[
    str | None,
    typer.Option(
        metavar="URL|FILE.toml",
        help="Be a device of Home Assistant: mqtt://HOST, mqtts://HOST, or a file with a [mqtt]"
        " table.",
    ),
]
SensitivityName = Annotated[
    str | None,
    typer.Option(
        "--sensitivity",
        metavar="low|normal|high",
        help="Operating point of the model: few false alarms, or few misses.",
        show_default="the model's thresholds",
    ),
]
Thresholds = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="KEYWORD=NUMBER",
        help="Threshold of a keyword, above 0 up to 1; may be repeated.",
    ),
]
Keep = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Keep the audio around detections and near misses there."),
]
KeepNear = Annotated[
    float,
    typer.Option(
        metavar="NUMBER",
        min=0,
        max=1,
        callback=finite,
        help="Least confidence of a near miss; 1: none.",
    ),
]
KeepMax = Annotated[
    int, typer.Option(metavar="N", min=1, help="Clips to keep; the oldest are removed.")
]
