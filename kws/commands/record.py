"""Implement `kws record`: record a keyword, other speech or background noise into a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws.commands.options import finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kws.recorder.prompts import Prompt
    from kws.recorder.take import TakeFolder

Word = Annotated[
    str, typer.Argument(metavar="WORD", help="The keyword, or _noise_, or _negative_.")
]
Output = Annotated[Path, typer.Option(metavar="DIR", help="Dataset folder to record into.")]
Count = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=100_000,
        help="Number of takes; those of _noise_ last 10 s.",
        show_default="50; of _noise_, 6; of _negative_, the whole text",
    ),
]
Speaker = Annotated[
    str, typer.Option(metavar="NAME", help="Name of the speaker; kws train keeps speakers apart.")
]
Device = Annotated[
    str | None,
    typer.Option(metavar="ID", help="Microphone: its index, its name or a part of it."),
]
Seconds = Annotated[
    float,
    typer.Option(
        min=1, max=10, callback=finite, help="Length of a take in s, before it is trimmed."
    ),
]
Text = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Text to read for _negative_, one take per line."),
]


def record(
    word: Word,
    output: Output,
    count: Count = None,
    speaker: Speaker = "",
    device: Device = None,
    seconds: Seconds = 2.5,
    text: Text = None,
) -> None:
    """Record a keyword, background noise (_noise_) or other speech (_negative_).

    After a countdown each take is recorded, checked and trimmed to the speech.
    Enter keeps a good take, r repeats it; without a keyboard good takes are
    kept and bad ones repeated. Run the same command again to continue where it
    stopped; existing takes are never overwritten. Without --speaker each run
    counts as a speaker of its own.
    """
    from kws.data.dataset import NEGATIVE
    from kws.recorder.prompts import TEXTS, plan_session, read_texts
    from kws.recorder.take import TakeFolder

    texts = read_texts(text) if text and word == NEGATIVE else TEXTS
    plan = plan_session(word, output, seconds, texts)
    folder = TakeFolder(plan.folder, speaker)
    raise typer.Exit(_run_session(plan.prompts, folder, count or plan.takes, device))


def _run_session(
    prompts: Sequence[Prompt], folder: TakeFolder, count: int, device: str | None
) -> int:
    """Record until the folder has `count` takes; return the exit status, 130 for Ctrl-C."""
    from kws.recorder.session import Session

    if folder.kept:
        print(f"{folder.kept} of {count} takes are there already")
    if folder.kept >= count:
        return 0
    try:
        Session(prompts, folder, count, device).run()
    except KeyboardInterrupt:
        return 130
    finally:
        folder.remove_if_empty()
        hint = "" if folder.kept >= count else "; run the same command again to continue"
        print(f"{folder.kept} of {count} takes are in {folder.folder}{hint}", flush=True)
    return 0
