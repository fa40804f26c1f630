"""Define `kws export`, which writes a model as C for a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.commands.options import Model

COUNTING = (
    "--count is gone: the report's figures are estimates; to count instructions, run"
    " `python benchmarks/cortex_m4/count.py MODEL.tflite` in a checkout of kws"
)


def export(
    model: Model,
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write to.")],
    count: Annotated[bool, typer.Option("--count/--no-count", hidden=True)] = False,
) -> None:
    """Write a model and the engine as C sources for a board.

    A model made by kws gives an Arduino sketch, and a report of the flash, the RAM, the
    instructions and the power that it takes.
    """
    from kws.errors import KwsError
    from kws.export.sketch import export as export_sketch

    if count:
        raise KwsError(COUNTING)
    for path in export_sketch(model, output):
        print(path)
