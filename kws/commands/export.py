"""Define `kws export`, which writes models as code for boards and other systems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.commands.options import Arithmetic

COUNTING = (
    "--count is gone: the report's figures are estimates; to count instructions, run"
    " `python benchmarks/cortex_m4/count.py MODEL.tflite` in a checkout of kws"
)
# Those of kws.export.formats, which is loaded when an export runs.
FORMATS = "arduino-sketch, arduino-library, platformio, esp-idf, zephyr, c, web, esphome"


Models = Annotated[
    list[str],
    typer.Argument(
        metavar="MODEL...",
        help="Names of shipped models, or paths of .tflite files; several share one engine.",
    ),
]
Output = Annotated[Path, typer.Option(metavar="DIR", help="Folder to write to.")]
Format = Annotated[
    str, typer.Option("--format", metavar="FORMAT", help=f"What to write: {FORMATS}.")
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        metavar="NAME",
        help="Name of a model in the export; once per model, in their order.",
    ),
]
Counted = Annotated[bool, typer.Option("--count/--no-count", hidden=True)]


def export(
    models: Models,
    output: Output,
    format_name: Format = "arduino-sketch",
    names: Names = None,
    arithmetic: Arithmetic = None,
    count: Counted = False,
) -> None:
    """Write models and the engine as code for a board or another system.

    By default a model gives an Arduino sketch, and a report of the flash, the RAM, the
    instructions and the power that it takes. The format web gives a page that works when it is
    served as static files, and a JavaScript module; nothing is compiled. The format esphome gives a
    microWakeWord model for ESPHome and Home Assistant's devices.
    """
    from kws.errors import KwsError
    from kws.export.formats import export_as

    if count:
        raise KwsError(COUNTING)
    for path in export_as(format_name, models, names or (), output, arithmetic):
        print(path)
