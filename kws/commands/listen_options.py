"""Define the options of `kws listen` that set its sensitivity and keep audio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
