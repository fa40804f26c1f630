"""Answer the Review page: clips that were kept while listening, and what a person says of them.

A clip is marked by moving it, as `kws train --add` takes them: into the folder of the keyword that
was said, into _negative_ for a false alarm, or into _neither_, which no training takes.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kws.audio.kept_files import INDEX
from kws.data.dataset import NEGATIVE
from kws.data.keywords import folder_name, keyword_of
from kws.errors import KwsError
from kws.studio.request_body import read_json, text_of
from kws.studio.workspace import Workspace, is_name

SAID, FALSE_ALARM, NEITHER, OPEN = "said", "false alarm", "neither", "open"
NEITHER_FOLDER = "_neither_"
SUFFIX = ".flac"
SHOWN = 300  # clips
MAX_INDEX = 4_000_000  # bytes of the index that are read
REVIEWED = "reviewed.jsonl"  # what was known of the clips that have had a mark
ABOUT = ("keyword", "kind", "confidence", "threshold", "clock", "model")  # what the index knows


class ReviewPage:
    """Hold the routes of the Review page."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()  # one clip is moved at a time

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route("/api/review", self.clips),
            Route("/api/review", self.mark, methods=["PUT"]),
            Route("/api/review/{file}", self.audio),
        ]

    async def clips(self, request: Request) -> Response:
        """Return the clips with their marks, the latest first."""
        return JSONResponse(await run_in_threadpool(self._clips))

    def _clips(self) -> dict[str, Any]:
        entries = self._entries()
        found = sorted(self._files(), key=lambda file: file.name, reverse=True)
        clips = [
            {"file": file.name, **self._mark_of(file), **entries.get(file.name, {})}
            for file in found[:SHOWN]
        ]
        return {"clips": clips, "more": max(0, len(found) - SHOWN)}

    async def mark(self, request: Request) -> Response:
        """Mark a clip: as a keyword that was said, a false alarm, neither, or as open again."""
        values = await read_json(request)
        file, mark = text_of(values, "file"), text_of(values, "mark")
        folder = self._folder(mark, text_of(values, "keyword", ""))
        await run_in_threadpool(self._move, file, folder)
        return JSONResponse({})

    async def audio(self, request: Request) -> Response:
        """Return the audio of a clip."""
        return FileResponse(self._find(request.path_params["file"]), media_type="audio/flac")

    def _folder(self, mark: str, keyword: str) -> Path:
        """Return the folder of the clips with a mark."""
        kept = self._workspace.kept
        if mark == SAID:
            return self._workspace.path(kept, folder_name(keyword))
        folders = {FALSE_ALARM: NEGATIVE, NEITHER: NEITHER_FOLDER}
        if mark == OPEN:
            return kept
        if mark not in folders:
            raise KwsError(f"a mark is {SAID}, {FALSE_ALARM}, {NEITHER} or {OPEN}")
        return self._workspace.path(kept, folders[mark])

    def _move(self, name: str, folder: Path) -> None:
        with self._lock:
            file, target = self._find(name), folder / name
            if file == target:
                return
            if target.exists():
                raise KwsError(f"{name}: another clip of this name has that mark")
            try:
                folder.mkdir(exist_ok=True)
                self._remember(name)
                file.rename(target)
            except OSError as error:
                raise KwsError(f"{name}: {error.strerror}") from error

    def _entries(self) -> dict[str, dict[str, Any]]:
        """Return what is known of the clips."""
        kept = self._workspace.kept
        return {**_index(kept / REVIEWED), **_index(kept / INDEX)}

    def _remember(self, name: str) -> None:
        """Note what is known of a clip, since the index forgets one that is moved."""
        path, about = self._workspace.kept / REVIEWED, self._entries().get(name)
        if about and name not in _index(path):
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"file": name, **about}) + "\n")

    def _find(self, name: str) -> Path:
        """Return the path of a clip, wherever its mark has moved it."""
        file = next((file for file in self._files() if file.name == name), None)
        if file is None:
            raise HTTPException(404, "there is no such clip")
        return file

    def _files(self) -> Iterator[Path]:
        """Yield the clips of the folder and of the folders of its marks; no links."""
        kept = self._workspace.kept
        folders = [kept, *(p for p in kept.iterdir() if p.is_dir() and not p.is_symlink())]
        for folder in folders:
            for file in folder.glob(f"*{SUFFIX}"):
                if is_name(file.name) and file.is_file() and not file.is_symlink():
                    yield file

    def _mark_of(self, file: Path) -> dict[str, str]:
        """Return the mark of a clip, and the keyword that was said if one was."""
        if file.parent == self._workspace.kept:
            return {"mark": OPEN}
        special = {NEGATIVE: FALSE_ALARM, NEITHER_FOLDER: NEITHER}
        if file.parent.name in special:
            return {"mark": special[file.parent.name]}
        return {"mark": SAID, "said": keyword_of(file.parent)}


def _index(path: Path) -> dict[str, dict[str, Any]]:
    """Return what the index knows of its files; pass over lines that kws did not write."""
    try:
        with path.open("rb") as file:
            lines = file.read(MAX_INDEX).splitlines()
    except OSError:
        return {}
    entries = {}
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and isinstance(entry.get("file"), str):
            entries[entry["file"]] = {
                key: entry[key] for key in ABOUT if isinstance(entry.get(key), str | float | int)
            }
    return entries
