"""Run `kws data`: list the public datasets, get one, write a dataset into tar shards."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from kws.commands.options import Json, finite
from kws.errors import KwsError

LOG_EVERY = 1000  # recordings, where there is no terminal

app = typer.Typer(
    help="Public datasets: list them, get one. Shards of datasets.", no_args_is_help=True
)


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


@app.command("shard")
def data_shard(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Dataset folder, or a folder of recordings.")
    ],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the shards; a new one.")],
    megabytes: Annotated[
        float,
        typer.Option(min=0.1, max=100_000, callback=finite, help="Size of a shard, about."),
    ] = 1000,
) -> None:
    """Write recordings into tar shards, for corpora of very many files.

    Each recording is a FLAC file of 16 kHz mono and a JSON file of the same
    name, in the layout of webdataset. kws train, evaluate and calibrate read a
    folder of shards as they read the folder of the recordings, without
    unpacking it.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    from kws.data.shards import write_shards

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("reading")

        def progress(name: str, done: int, total: int) -> None:
            shown.update(
                task, description=escape(name or "recordings"), completed=done, total=total
            )
            if not console.is_terminal and done % LOG_EVERY == 0:
                print(f"{name or 'recordings'}: {done} of {total}", flush=True)

        done = write_shards(folder, output, megabytes * 1e6, progress)
    text = f"wrote {output}: {done.recordings} recordings in {done.shards} shards"
    left_out = f", {done.left_out} left out" if done.left_out else ""
    print(f"{text}, {done.size / 1e6:.1f} MB{left_out}")
