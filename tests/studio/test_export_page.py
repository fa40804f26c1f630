"""Test the Export page's routes: archives of what kws export writes, and wrong names."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from command_line import ROOT
from studio_client import StudioClient

from kws.export.formats import FORMATS, export_as


@pytest.mark.parametrize("name", ["arduino-sketch", "web"])
def test_an_archive_has_what_the_command_writes(studio, tmp_path: Path, name: str) -> None:
    assert name in studio.get("/api/export")["formats"] == list(FORMATS)
    status, made = studio.send("POST", "/api/export", model="home", format=name)
    assert (status, made["archive"]) == (200, f"home-{name}.zip")
    export_as(name, ["home"], [], tmp_path)
    expected = {
        path.relative_to(tmp_path).as_posix(): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    status, headers, body = studio.ask("GET", f"/api/export/{made['archive']}")
    assert (status, headers["content-type"]) == (200, "application/zip")
    assert headers["content-disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert {file: archive.read(file) for file in archive.namelist()} == expected
    assert {file["name"]: file["bytes"] for file in made["files"]} == {
        file: len(content) for file, content in expected.items()
    }
    assert ("flash" in made["report"].lower()) == (name == "arduino-sketch")
    assert 10_000 < made["compressed"] < sum(map(len, expected.values()))


def test_a_model_file_can_be_taken_along(studio: StudioClient) -> None:
    status, headers, body = studio.ask("GET", "/api/models/home.tflite")
    assert (status, body) == (200, (ROOT / "models" / "home.tflite").read_bytes())
    assert headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "values",
    [
        {"model": "home"},
        {"model": "home", "format": "../web"},
        {"model": "../home", "format": "web"},
        {"model": "sponge", "format": "web"},
    ],
)
def test_wrong_requests_write_nothing(studio, workspace: Path, values) -> None:
    before = sorted(workspace.rglob("*"))
    assert studio.send("POST", "/api/export", **values)[0] == 400
    assert sorted(workspace.rglob("*")) == before


@pytest.mark.parametrize("path", ["export/none.zip", "export/..%2fsecret.zip", "models/x.tflite"])
def test_nothing_else_can_be_downloaded(studio, workspace: Path, path: str) -> None:
    (workspace / "secret.zip").write_text("secret")
    assert studio.ask("GET", f"/api/{path}")[0] in (400, 404)
