"""Test the Review page's routes: clips that were kept, their marks, and wrong names."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from studio_client import StudioClient

from kws.audio.keep import KeptClip
from kws.audio.kept_files import INDEX, KeptFiles
from kws.posterior import Detection
from kws.studio.review_page import REVIEWED


def keep(folder: Path, keyword: str, near_miss: bool = False, value: int = 0) -> str:
    """Keep a clip as kws listen --keep does; return its file's name."""
    before = set(folder.glob("*.flac")) if folder.exists() else set()
    files = KeptFiles(folder, "home")
    samples = np.full(4000, value, np.int16)
    files.keep(KeptClip(samples, Detection(4000, keyword, 0.75), 0.8, near_miss))
    files.close()
    (new,) = set(folder.glob("*.flac")) - before
    return new.name


def clips(studio: StudioClient) -> dict[str, dict]:
    return {clip["file"]: clip for clip in studio.get("/api/review")["clips"]}


def test_a_mark_moves_a_clip_to_where_training_takes_it(studio, workspace: Path) -> None:
    kept = workspace / "kept"
    names = [keep(kept, "smart mirror", near_miss=n > 0, value=n) for n in range(3)]
    found = clips(studio)
    assert list(found) == sorted(names, reverse=True)
    first = found[names[0]]
    assert (first["mark"], first["keyword"], first["kind"]) == ("open", "smart mirror", "detection")
    assert (found[names[1]]["kind"], first["confidence"]) == ("near miss", 0.75)
    mark = "PUT", "/api/review"
    assert studio.send(*mark, file=names[0], mark="false alarm")[0] == 200
    assert studio.send(*mark, file=names[1], mark="said", keyword="smart mirror")[0] == 200
    assert studio.send(*mark, file=names[2], mark="neither")[0] == 200
    for folder, name in zip(("_negative_", "smart_mirror", "_neither_"), names, strict=True):
        assert [p.name for p in (kept / folder).iterdir()] == [name]
    assert not list(kept.glob("*.flac"))
    found = clips(studio)
    assert [found[name]["mark"] for name in names] == ["false alarm", "said", "neither"]
    assert found[names[1]]["said"] == found[names[1]]["keyword"] == "smart mirror"
    samples, _ = soundfile.read(
        io.BytesIO(studio.ask("GET", f"/api/review/{names[2]}")[2]), dtype="int16"
    )
    assert (samples == 2).all()
    for again in range(2):  # the second time nothing is left to do
        assert studio.send(*mark, file=names[0], mark="open")[0] == 200, again
    assert (kept / names[0]).is_file()


def test_the_keyword_of_a_marked_clip_is_known_when_others_are_kept(studio, workspace) -> None:
    kept, mark = workspace / "kept", ("PUT", "/api/review")
    name = keep(kept, "jarvis")
    assert studio.send(*mark, file=name, mark="false alarm")[0] == 200
    keep(kept, "computer")
    assert name not in (kept / INDEX).read_text()
    assert (clips(studio)[name]["mark"], clips(studio)[name]["keyword"]) == (
        "false alarm",
        "jarvis",
    )
    for again in ("open", "neither", "open"):
        assert studio.send(*mark, file=name, mark=again)[0] == 200
    assert clips(studio)[name]["keyword"] == "jarvis"
    assert (kept / REVIEWED).read_text().count(name) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"file": "../secret.flac", "mark": "neither"},
        {"file": "no such.flac", "mark": "neither"},
        {"file": INDEX, "mark": "neither"},
        {"file": "CLIP", "mark": "wonderful"},
        {"file": "CLIP", "mark": "said"},
        {"file": "CLIP", "mark": "said", "keyword": "../../up"},
        {"file": "CLIP", "mark": "said", "keyword": "_noise_"},
        {"file": "CLIP", "mark": "said", "keyword": 7},
        {"file": "CLIP"},
    ],
)
def test_what_is_no_clip_and_no_mark_moves_nothing(studio, workspace: Path, values) -> None:
    kept = workspace / "kept"
    open_clips = sorted(kept.glob("*.flac"))
    name = open_clips[0].name if open_clips else keep(kept, "computer")
    (workspace / "secret.flac").write_bytes(b"secret")
    before = sorted(workspace.rglob("*"))
    values = {key: name if value == "CLIP" else value for key, value in values.items()}
    status, answer = studio.send("PUT", "/api/review", **values)
    assert status in (400, 404)
    assert answer["error"]
    assert sorted(workspace.rglob("*")) == before


def test_an_index_of_another_is_no_harm(studio, workspace: Path) -> None:
    index = workspace / "kept" / INDEX
    name = keep(workspace / "kept", "computer")
    lines = ["7", "[" * 5000, '{"file": 3}', f'{{"file": "{name}", "keyword": ["<b>"]}}', "\xff"]
    index.write_text("\n".join(lines), "latin-1")
    assert "keyword" not in clips(studio)[name]
    assert studio.ask("GET", f"/api/review/{INDEX}")[0] == 404
