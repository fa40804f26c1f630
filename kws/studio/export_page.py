"""Answer the Export page: a model as an archive for a board or a page, and what it costs there."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from kws.atomic_write import write_atomically
from kws.errors import KwsError
from kws.export.formats import FORMATS, export_as
from kws.studio.request_body import read_json, text_of
from kws.studio.workspace import SUFFIX, Workspace

REPORT = "report.txt"  # of what a board needs
ARCHIVE = ".zip"
EPOCH = (1980, 1, 1, 0, 0, 0)  # of the files in an archive: equal exports give equal archives


class ExportPage:
    """Hold the routes of the Export page."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route("/api/export", self.formats),
            Route("/api/export", self.export, methods=["POST"]),
            Route("/api/export/{file}", self.archive),
            Route("/api/models/{name}" + SUFFIX, self.model),
        ]

    async def formats(self, request: Request) -> Response:
        """Return the names of the formats."""
        return JSONResponse({"formats": list(FORMATS)})

    async def export(self, request: Request) -> Response:
        """Write an archive of a model in a format; return its name and what the export costs."""
        values = await read_json(request)
        model, format_name = text_of(values, "model"), text_of(values, "format")
        return JSONResponse(await run_in_threadpool(self._export, model, format_name))

    def _export(self, model: str, format_name: str) -> dict[str, Any]:
        path = self._workspace.model_path(model)
        with TemporaryDirectory(prefix="kws-export-") as made:
            folder = Path(made)
            export_as(format_name, [str(path)], [], folder)
            files = {
                file.relative_to(folder).as_posix(): file.read_bytes()
                for file in sorted(folder.rglob("*"))
                if file.is_file()
            }
        target = self._workspace.path(self._workspace.exports, f"{model}-{format_name}{ARCHIVE}")
        try:
            write_atomically(target, _zipped(files))
        except OSError as error:
            raise KwsError(f"{target}: {error.strerror or error}") from error
        reports = [text for name, text in files.items() if Path(name).name == REPORT]
        return {
            "archive": target.name,
            "files": [{"name": name, "bytes": len(content)} for name, content in files.items()],
            "compressed": sum(len(gzip.compress(content)) for content in files.values()),
            "report": reports[0].decode("utf-8") if reports else "",
        }

    async def archive(self, request: Request) -> Response:
        """Return an archive that was written."""
        path = self._workspace.path(self._workspace.exports, request.path_params["file"])
        if path.suffix != ARCHIVE or not path.is_file():
            raise HTTPException(404, "there is no such export")
        return FileResponse(path, media_type="application/zip", filename=path.name)

    async def model(self, request: Request) -> Response:
        """Return a model file."""
        path = self._workspace.model_path(request.path_params["name"])
        return FileResponse(path, media_type="application/octet-stream", filename=path.name)


def _zipped(files: dict[str, bytes]) -> bytes:
    """Return an archive of files by name."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED)
    return content.getvalue()
