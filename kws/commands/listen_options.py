"""Define options of `kws listen`: actions, channel, sensitivity, and the audio to keep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ActionsFile = Annotated[
    Path | None,
    typer.Option("--actions", metavar="FILE.toml", help="Actions that detections trigger."),
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
    bool,
    typer.Option("--reconnect", help="Wait for a microphone that is unplugged or not there yet."),
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
    typer.Option(metavar="NUMBER", min=0, max=1, help="Least confidence of a near miss; 1: none."),
]
KeepMax = Annotated[
    int, typer.Option(metavar="N", min=1, help="Clips to keep; the oldest are removed.")
]
