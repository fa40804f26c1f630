"""`kws synth`: a dataset from speech synthesisers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.commands.options import require_extra


def synth(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The keyword, a word or a phrase.")],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Dataset folder that it goes into.")],
    count: Annotated[int, typer.Option(min=1, max=100_000, help="Utterances of it.")] = 200,
    near: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=100_000,
            help="Phrases that sound like it, for _negative_.",
            show_default="300",
        ),
    ] = None,
    sentences: Annotated[
        int, typer.Option(min=0, max=100_000, help="Sentences of random words, for _negative_.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Another one draws other voices.")] = 1,
    piper: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of voices for Piper, if you have any."),
    ] = None,
    kokoro: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of Kokoro's network and voices, if you have it."),
    ] = None,
) -> None:
    """Have the installed speech synthesisers say a keyword, and what sounds like it.

    espeak-ng, flite and festival with all their English voices, at many rates
    and pitches. The same command again makes only what is missing.
    """
    if kokoro is not None:
        require_extra("kws synth --kokoro", "onnxruntime", "synth")
    from kws.tts.command import run

    run(text, output, count, near, sentences, seed, piper, kokoro)
