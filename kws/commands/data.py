"""Run `kws data`: list the public datasets, get one."""

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
    from kws.data.public_datasets import PUBLIC_DATASETS

    if json:
        print(json_format.dumps([vars(dataset) for dataset in PUBLIC_DATASETS.values()], indent=2))
        return
    for dataset in PUBLIC_DATASETS.values():
        print(f"{dataset.name}\n    {dataset.what}; {dataset.size / 1e9:.1f} GB, {dataset.licence}")
        print(f"    {dataset.url}")


@app.command("get")
def data_get(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of a dataset that kws data list shows.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder for the dataset.", show_default="name of the archive"
        ),
    ] = None,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Mirror; the checksum must be the same.")
    ] = None,
) -> None:
    """Download a dataset, verify its checksum and unpack it.

    The same command again resumes a download that broke off. The folder is there
    only when the dataset is complete.
    """
    from kws.data.public_datasets import PUBLIC_DATASETS, get

    if name not in PUBLIC_DATASETS:
        raise KwsError(f"no dataset named {name!r}; known are {', '.join(PUBLIC_DATASETS)}")
    get(PUBLIC_DATASETS[name], output, url)
