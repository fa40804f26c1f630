"""`kws record`: takes of a keyword, of `_noise_` or of `_negative_`, into a dataset folder."""

from __future__ import annotations

from pathlib import Path

from kws.data.dataset import NEGATIVE, NOISE, keyword_of
from kws.data.keyword_names import folder_name
from kws.recorder import prompts
from kws.recorder.folder import TakeFolder
from kws.recorder.session import Session

TAKES = 50  # of a keyword
ROOM_TAKES = 6  # a minute


def run(
    word: str,
    output: Path,
    count: int | None,
    speaker: str,
    device: str | None,
    seconds: float,
    text: Path | None,
) -> int:
    """Record until there are `count` takes of the speaker; the exit status, 130 for Ctrl-C.

    count: None for TAKES, for a minute of the room, or for all of the text once.
    """
    if word == NOISE:
        name, asked, usual = NOISE, prompts.room(), ROOM_TAKES
    elif word == NEGATIVE:
        keywords = [keyword_of(path) for path in output.glob("[!_.]*") if path.is_dir()]
        asked = prompts.reading(prompts.read_texts(text) if text else prompts.TEXTS, keywords)
        name, usual = NEGATIVE, len(asked)
    else:
        name, usual = folder_name(word), TAKES
        asked = prompts.word(name.replace("_", " "), seconds)
    wanted = count or usual
    folder = TakeFolder(output / name, speaker)
    if folder.kept:
        print(f"{folder.kept} of {wanted} takes are there already")
    status = 0
    if folder.kept < wanted:
        try:
            Session(asked, folder, wanted, device).run()
        except KeyboardInterrupt:
            status = 130
        finally:
            folder.leave()
            goes_on = "" if folder.kept >= wanted else "; the same command goes on there"
            print(f"{folder.kept} of {wanted} takes are in {folder.folder}{goes_on}", flush=True)
    return status
