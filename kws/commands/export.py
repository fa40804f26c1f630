"""`kws export`: a model as C, for a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.commands.options import Model


def export(
    model: Model,
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder that is written to.")],
    count: Annotated[
        bool,
        typer.Option(
            "--count/--no-count",
            help="Count the report's instructions, where QEMU and compilers are installed.",
        ),
    ] = True,
) -> None:
    """Write a model and its engine as C sources, for a board.

    A model made by kws gives a sketch with a report of what it takes: flash, RAM,
    instructions, power.
    """
    from kws.export import export as write

    for path in write(model, output, count):
        print(path)
