"""`kws record`: a guided recording of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def record(
    word: Annotated[
        str, typer.Argument(metavar="WORD", help="The keyword, or _noise_, or _negative_.")
    ],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Dataset folder that it goes into.")],
    count: Annotated[
        int | None,
        typer.Option(
            min=1, max=100_000, help="Takes; of _noise_, of 10 s each.", show_default="50, 6 or all"
        ),
    ] = None,
    speaker: Annotated[
        str, typer.Option(metavar="NAME", help="Who speaks; kws train keeps speakers apart.")
    ] = "",
    device: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Microphone: its number, or its name or a part of it."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=1, max=10, help="Length of a take, before it is trimmed.")
    ] = 2.5,
    text: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Text to read for _negative_, a piece in each line."),
    ] = None,
) -> None:
    """Record a keyword, the room (_noise_) or other speech (_negative_), guided.

    After a countdown each take is recorded, judged and trimmed to the word.
    Enter keeps a good take, r repeats it; without a keyboard good takes are kept
    and others repeated. The same command again goes on where it stopped; what
    is there is never overwritten. Without --speaker each run is a session.
    """
    from kws.recorder.command import run

    raise typer.Exit(run(word, output, count, speaker, device, seconds, text))
