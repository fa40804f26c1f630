"""`kws data`: its commands list the public datasets and get one."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from kws.commands.options import Json
from kws.errors import KwsError

app = typer.Typer(help="Public datasets: list them, get one.", no_args_is_help=True)


@app.command("list")
def data_list(json: Json = False) -> None:
    """List the public datasets that kws knows."""
    from kws.data.public_datasets import KNOWN

    if json:
        print(json_format.dumps([vars(known) for known in KNOWN.values()], indent=2))
        return
    for known in KNOWN.values():
        print(f"{known.name}\n    {known.what}; {known.size / 1e9:.1f} GB, {known.licence}")
        print(f"    {known.url}")


@app.command("get")
def data_get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One that kws data list names.")],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder that it becomes.", show_default="as the archive is called"
        ),
    ] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="A mirror; its checksum must be the same.")
    ] = None,
) -> None:
    """Download a dataset, check it and unpack it.

    A download that broke off goes on where it stopped when the command is given
    again. The folder is there only when all of it is.
    """
    from kws.data.public_datasets import KNOWN, get

    if name not in KNOWN:
        raise KwsError(f"no dataset named {name!r}; known are {', '.join(KNOWN)}")
    get(KNOWN[name], output, url)
