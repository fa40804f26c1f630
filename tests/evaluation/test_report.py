"""Test kws evaluate --report: the JSON, the page, folders that cannot be written."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from base64 import b64decode
from html.parser import HTMLParser
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from command_line import kws
from conftest import skip_without
from evaluation_samples import POSITIVES, write_samples

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE
from kws.evaluation.report import prepare_report_folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_samples(tmp_path_factory.mktemp("set"))


def options(folders: Path) -> tuple[object, ...]:
    sides = ("--positives", folders / "positives", "--negatives", folders / "negatives")
    return ("evaluate", "home", *sides)


class Page(HTMLParser):
    """Collect what a page would fetch or play."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.sources: dict[str, list[str]] = {"img": [], "audio": []}
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        assert "href" not in values
        if "src" in values:
            self.sources[tag].append(values["src"] or "")


@pytest.mark.slow
def test_the_report_of_real_recordings(folders: Path, tmp_path: Path) -> None:
    skip_without("matplotlib", find_spec("matplotlib"))
    done = kws(*options(folders), "--json", "--report", tmp_path / "new" / "report")
    assert done.returncode == 0, done.stderr
    written = [line.split(" wrote ")[1] for line in done.stderr.splitlines() if " wrote " in line]
    assert [Path(path).name for path in written] == ["report.json", "report.html", "det.svg"]
    values = json.loads(Path(written[0]).read_text())
    printed = json.loads(done.stdout)
    assert {name: values[name] for name in printed} == printed
    missed = {Path(miss["file"]).name: miss["keyword"] for miss in values["worst_misses"]}
    assert missed["unsaid.wav"] == "jarvis"
    alarms = [(Path(a["file"]).name, a["keyword"]) for a in values["worst_false_alarms"]]
    assert ("jarring.flac", "alexa") in alarms
    for summary in values["latency_seconds"].values():
        assert -0.4 < summary["median"] <= summary["90%"] <= summary["most"] < 0.6
    content = Path(written[1]).read_text()
    page = Page(content)
    clips = len(missed) + len(alarms) + len(values["least_confident"])
    assert len(page.sources["audio"]) == clips
    assert len(page.sources["img"]) == clips + 2
    for source in page.sources["img"]:
        assert source.startswith(("data:image/png;base64,", "data:image/svg+xml;base64,"))
    for keyword in (*POSITIVES, "smart mirror"):
        assert keyword in content
    assert "nan" not in re.sub(r"base64,[^\"]*", "", content)
    assert ElementTree.parse(written[2]).getroot().tag.endswith("svg")
    clip = b64decode(page.sources["audio"][0].removeprefix("data:audio/flac;base64,"))
    samples, rate = soundfile.read(BytesIO(clip), dtype="int16")
    first = values["worst_misses"][0]["file"]
    assert rate == SAMPLE_RATE
    assert np.array_equal(samples, read_audio(Path(first)))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="folders are closed in another way")
@pytest.mark.parametrize("obstacle", ["file", "closed folder", "folder in a file"])
def test_a_folder_that_cannot_be_written_is_reported_at_once(
    folders: Path, tmp_path: Path, obstacle: str
) -> None:
    path = tmp_path / "report"
    if obstacle == "closed folder":
        if os.geteuid() == 0:
            pytest.skip("nothing is closed to root")
        path.mkdir(mode=0o500)
    else:
        path.write_text("in the way")
    target = path / "deeper" if obstacle == "folder in a file" else path
    done = kws(*options(folders), "--report", target)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"kws: error: \S+: the report cannot be written: [\w ]+\n", done.stderr), (
        done.stderr
    )


def test_without_matplotlib_one_line_says_what_to_install(folders: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from importlib.machinery import PathFinder as P\n"
        "real = P.find_spec\n"
        "P.find_spec = classmethod("
        "lambda c, name, *a: None if name == 'matplotlib' else real(name, *a))\n"
        "from kws.cli import main; sys.argv[0] = 'kws'; main()\n"
    )
    words = [sys.executable, "-c", code, *map(str, options(folders)), "--report", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "kws: error: kws evaluate --report needs matplotlib: pip install 'kws[report]'\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
@pytest.mark.parametrize("limit", [0, 4_000, 60_000])  # bytes of a file: in the JSON, in the page
def test_a_disk_that_is_full_at_any_byte_leaves_no_cut_report(
    folders: Path, tmp_path: Path, limit: int
) -> None:
    import resource

    former = {"report.json": "former JSON", "report.html": "former page", "det.svg": "former curve"}
    for name, text in former.items():
        (tmp_path / name).write_text(text)
    done = kws(
        *(*options(folders), "--report", tmp_path),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        env=os.environ | {"MPLCONFIGDIR": str(tmp_path.parent)},
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"kws: error: {tmp_path}: the report cannot be written: File too large"
    )
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == former


def test_a_folder_is_tried_without_leaving_a_file(tmp_path: Path) -> None:
    prepare_report_folder(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
