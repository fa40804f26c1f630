"""Answer what the Train page asks of synthetic speech: voices, phrases, and what is chosen of them.

The choice is a file of the workspace, so that it outlives the studio; a training gets it as the
[synthesis] of a recipe.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kws.atomic_write import write_atomically
from kws.audio.encode import encode
from kws.data.dataset import Dataset, folders_in
from kws.data.keywords import choose_keywords, keyword_folders
from kws.errors import KwsError
from kws.foreign_text import is_printable, shortened
from kws.studio.request_body import read_json, text_of
from kws.studio.workspace import Workspace

CHOICE = "synthesis.json"
VOICES, EXCLUDED = "voices", "excluded_phrases"  # its keys, and those of a recipe
MOST, LENGTH = 2000, 100  # phrases that are struck out, characters of each


class SynthesisPage:
    """Hold the routes of the Train page's synthetic speech."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()  # one change at a time

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route("/api/voices", self.voices),
            Route("/api/phrases", self.phrases),
            Route("/api/synthesis", self.choose, methods=["PUT"]),
            Route("/api/said.flac", self.said),
        ]

    async def voices(self, request: Request) -> Response:
        """Return the installed voices, whether each speaks, or why there are none."""
        return JSONResponse(await run_in_threadpool(self._voices))

    def _voices(self) -> dict[str, Any]:
        from kws.tts.voices import installed_voices

        try:
            installed = installed_voices()
        except KwsError as error:
            return {"voices": [], "problem": str(error)}
        chosen = read_choice(self._workspace)[VOICES]
        voices = [
            {
                "name": str(voice),
                "synthesiser": voice.synthesiser,
                "speaks": not chosen or voice.is_one_of(chosen),
            }
            for voice in installed
        ]
        return {"voices": voices, "problem": ""}

    async def phrases(self, request: Request) -> Response:
        """Return the confusable phrases of a dataset's keywords, whether each is struck out."""
        query = request.query_params
        asked = query.get("dataset", ""), query.get("keywords", "")
        return JSONResponse(await run_in_threadpool(self._phrases, *asked))

    def _phrases(self, dataset: str, words: str) -> dict[str, Any]:
        from kws.training.synthetic_speech import confusable_phrases, with_synthesis

        folder = self._workspace.dataset(dataset)
        if dataset not in self._workspace.dataset_names():
            raise KwsError("choose a dataset")
        asked = [word.strip() for word in words.split(",") if word.strip()]
        keywords = choose_keywords(folder, keyword_folders(folders_in(folder)), asked)
        wanted = with_synthesis(Dataset({keyword: [] for keyword in keywords})).synthesis
        found = confusable_phrases(wanted, keywords, wanted.generated_confusables)
        excluded = read_choice(self._workspace)[EXCLUDED]
        texts = dict.fromkeys((*found, *excluded))
        return {"phrases": [{"text": text, "excluded": text in excluded} for text in texts]}

    async def choose(self, request: Request) -> Response:
        """Choose the voices that speak, or strike a phrase out or in again."""
        values = await read_json(request)
        await run_in_threadpool(self._choose, values)
        return JSONResponse({})

    def _choose(self, values: dict[str, Any]) -> None:
        with self._lock:
            choice = read_choice(self._workspace)
            if VOICES in values:
                choice[VOICES] = _names(values[VOICES])
            else:
                phrase, excluded = text_of(values, "phrase"), values.get("excluded") is True
                if not _is_phrase(phrase):
                    raise KwsError(f"{shortened(phrase)}: not a phrase")
                others = [text for text in choice[EXCLUDED] if text != phrase]
                choice[EXCLUDED] = [*others, phrase] if excluded else others
                if len(choice[EXCLUDED]) > MOST:
                    raise KwsError(f"more than {MOST} phrases are struck out")
            path = self._workspace.root / CHOICE
            try:
                write_atomically(path, json.dumps(choice, indent=1, ensure_ascii=False) + "\n")
            except OSError as error:
                raise KwsError(f"{path}: {error.strerror or error}") from error

    async def said(self, request: Request) -> Response:
        """Return a text as a voice says it: the one that is asked for, or the first that speaks."""
        query = request.query_params
        text, voice = query.get("text", ""), query.get("voice", "")
        content = await run_in_threadpool(self._said, text, voice)
        return Response(content, media_type="audio/flac")

    def _said(self, text: str, name: str) -> bytes:
        from kws.tts.languages import language_of
        from kws.tts.voices import chosen_voices, installed_voices, voices_for

        if not _is_phrase(text):
            raise KwsError(f"{shortened(text)}: not a phrase")
        installed = installed_voices()
        chosen = [name] if name else read_choice(self._workspace)[VOICES]
        able = chosen_voices(chosen, installed)
        able = able if name else voices_for(language_of(text), able)
        if not able:
            raise KwsError(f"{shortened(text)}: no chosen voice can say it")
        return encode(able[0].speak(text))


def read_choice(workspace: Workspace) -> dict[str, list[str]]:
    """Return the voices that speak, none for all, and the phrases that are struck out."""
    try:
        values = json.loads((workspace.root / CHOICE).read_text("utf-8"))
    except FileNotFoundError:
        values = {}
    except (OSError, ValueError, RecursionError) as error:
        raise KwsError(f"{CHOICE}: cannot be read: {error}; remove it") from error
    try:
        if not isinstance(values, dict):
            raise KwsError("not an object")
        return {key: _names(values.get(key, [])) for key in (VOICES, EXCLUDED)}
    except KwsError as error:
        raise KwsError(f"{CHOICE}: not written by kws studio: {error}; remove it") from error


def write_recipe(path: Path, choice: dict[str, list[str]], base: Path | None) -> Path | None:
    """Write a recipe with what was chosen of synthetic speech, on top of another one if any.

    Returns its path; that of the other one, or None, where nothing was chosen.
    """
    if not any(choice.values()):
        return base
    lines = [f"extends = {_toml(str(base.resolve()))}"] if base else []
    lines.append("[synthesis]")
    lines += [f"{key} = [{', '.join(map(_toml, of))}]" for key, of in choice.items() if of]
    try:
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, "\n".join(lines) + "\n")
    except OSError as error:
        raise KwsError(f"{path}: {error.strerror or error}") from error
    return path


def _toml(text: str) -> str:
    """Return a printable text as a string of TOML, which JSON's are."""
    return json.dumps(text, ensure_ascii=False)


def _names(value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > MOST or not all(map(_is_phrase, value)):
        raise KwsError("voices and phrases are lists of texts")
    return value


def _is_phrase(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text.strip()) <= LENGTH and is_printable(text)
