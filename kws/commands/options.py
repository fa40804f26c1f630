"""Options and arguments that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="Name or path of a model.")]
NoGate = Annotated[bool, typer.Option("--no-gate", help="Hear silence too, which is else cut out.")]
