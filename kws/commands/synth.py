"""Run `kws synth`: a keyword by every voice there is, confusable phrases and other speech."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws.commands.options import Language, require_extra
from kws.errors import KwsError

if TYPE_CHECKING:
    from kws.tts.voices import Voice

CONFUSABLE = 300  # phrases, where the user does not say how many

_log = logging.getLogger(__name__)


Count = Annotated[int, typer.Option(min=1, max=100_000, help="Utterances of it.")]
Confusable = Annotated[
    int | None,
    typer.Option(
        "--confusable",
        "--near",
        min=0,
        max=100_000,
        help="Phrases that sound like it, for _negative_.",
        show_default=str(CONFUSABLE),
    ),
]
Sentences = Annotated[
    int, typer.Option(min=0, max=100_000, help="Sentences of random words, for _negative_.")
]
Seed = Annotated[
    int,
    typer.Option(min=0, help="Another one draws other voices for what is not there yet."),
]
Piper = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of Piper's voices, to be used as well.")
]
Kokoro = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of Kokoro's network and voices, likewise."),
]


def synth(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The keyword, a word or a phrase.")],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Dataset folder to write into.")],
    count: Count = 200,
    confusable: Confusable = None,
    sentences: Sentences = 0,
    seed: Seed = 1,
    piper: Piper = None,
    kokoro: Kokoro = None,
    language: Language = None,
) -> None:
    """Synthesise a keyword and phrases that sound like it, by all installed voices.

    espeak-ng, flite and festival speak with all their English voices, at many
    rates and pitches; other languages are said by espeak-ng and Piper. The same
    command again makes only what is missing.
    Needs the extra named soxr.
    """
    require_extra("kws synth", "soxr", "soxr")
    if kokoro is not None:
        require_extra("kws synth --kokoro", "synth", "onnxruntime")
    from kws.data.dataset import NEGATIVE
    from kws.data.keywords import keyword_folder, keyword_of
    from kws.tts.languages import ENGLISH
    from kws.tts.voices import installed_voices

    folder = keyword_folder(output, text)
    keyword = keyword_of(folder)
    others = [keyword_of(path) for path in sorted(output.glob("[!_.]*")) if path.is_dir()]
    spoken, able = _language_and_voices(keyword, language, installed_voices(piper, kokoro))
    negatives = output / NEGATIVE
    phrases = _confusable_phrases(keyword, others, confusable, seed, spoken)
    random_sentences = _random_sentences([keyword, *others], sentences, seed, spoken)
    label = f"utterances of {keyword!r}"
    label += "" if spoken == ENGLISH else f" in the language {spoken!r}"
    _synthesise(label, [keyword], count, folder, seed, able)
    for label, texts in (("confusable phrases", phrases), ("sentences", random_sentences)):
        if texts:
            _synthesise(label, texts, 1, negatives, seed, able)


def _language_and_voices(
    keyword: str, language: str | None, voices: list[Voice]
) -> tuple[str, list[Voice]]:
    """Return a keyword's language and the voices that can say it; KwsError where none can."""
    from kws.tts.language_hint import language_hint
    from kws.tts.languages import language_of
    from kws.tts.voices import known_language, voices_for

    spoken = known_language(language) if language else language_of(keyword)
    if not language and (hint := language_hint(keyword)):
        _log.warning(hint)
    able = voices_for(spoken, voices)
    if spoken is None or not able:
        raise KwsError(f"{keyword!r}: no installed voice can say it; Piper has more voices")
    return spoken, able


def _synthesise(
    label: str, texts: list[str], count: int, folder: Path, seed: int, voices: list[Voice]
) -> None:
    """Make the missing utterances of some texts, with a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from kws.console.plain_line import print_line
    from kws.data.clips import SYNTHETIC
    from kws.tts.utterances import require_voices, synthesise

    require_voices(texts, count, folder, SYNTHETIC, voices)
    new = 0
    console = Console()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(label, total=None)

        def show(done: int, total: int) -> None:
            nonlocal new
            new = done
            bar.update(task, completed=done, total=total)

        files = synthesise(
            texts, count, folder, seed, prefix=SYNTHETIC, voices=voices, progress=show
        )
    print_line(f"{label}: {len(files)} in {folder}, {new} of them new", console)


def _confusable_phrases(
    keyword: str, others: list[str], count: int | None, seed: int, language: str
) -> list[str]:
    """Return confusable phrases in which no other keyword of the dataset is heard.

    count: None for CONFUSABLE of them, or for none and a warning where the keyword cannot be
    pronounced or there is no dictionary.
    """
    import numpy as np

    from kws.tts.confusable_phrases import find_confusable_phrases, without_keywords

    if count == 0:
        return []
    try:
        random = np.random.default_rng(seed)
        phrases = find_confusable_phrases(keyword, count or CONFUSABLE, random, language)
    except KwsError as error:
        if count is not None:
            raise
        _log.warning("no confusable phrases of %r are made: %s", keyword, error)
        return []
    return without_keywords(phrases, others, language)


def _random_sentences(keywords: list[str], count: int, seed: int, language: str) -> list[str]:
    """Return sentences that contain no keyword of the dataset."""
    import numpy as np

    from kws.tts.confusable_phrases import random_sentences

    if not count:
        return []
    random = np.random.default_rng(seed)
    return random_sentences(sorted(set(keywords)), count, random, language)
