"""Implement `kws record`: record a keyword, other speech or background noise into a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kws.recorder.prompts import Prompt
    from kws.recorder.take import TakeFolder

KEYWORD_TAKES = 50
NOISE_TAKES = 6  # a minute

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
    float, typer.Option(min=1, max=10, help="Length of a take in s, before it is trimmed.")
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
    from kws.recorder.take import TakeFolder

    name, prompts, default = _plan(word, output, seconds, text)
    folder = TakeFolder(output / name, speaker)
    raise typer.Exit(_run_session(prompts, folder, count or default, device))


def _plan(
    word: str, output: Path, seconds: float, text: Path | None
) -> tuple[str, Sequence[Prompt], int]:
    """Return the name of the folder, the prompts, and how many takes to record by default."""
    from kws.data.dataset import NEGATIVE, NOISE
    from kws.data.keywords import keyword_folder, keyword_of
    from kws.recorder import prompts

    if word == NOISE:
        return NOISE, prompts.noise_prompts(), NOISE_TAKES
    if word == NEGATIVE:
        keywords = [keyword_of(path) for path in output.glob("[!_.]*") if path.is_dir()]
        texts = prompts.read_texts(text) if text else prompts.TEXTS
        reading = prompts.reading_prompts(texts, keywords)
        return NEGATIVE, reading, len(reading)
    folder = keyword_folder(output, word)
    return folder.name, prompts.keyword_prompts(keyword_of(folder), seconds), KEYWORD_TAKES


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
