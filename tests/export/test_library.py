"""Test what an exported library consists of, its manifests and names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml
from command_line import ROOT
from conftest import skip_without

from kws.errors import KwsError
from kws.export.formats import export_as
from kws.export.library import joined
from kws.export.library_boards import BOARDS
from kws.export.sketch import engine_sources
from kws.model_file import CHECKSUM_ENTRY, CONFIG_ENTRY, find

PROPERTIES = {
    *("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url"),
    *("architectures", "includes"),
}
CATEGORIES = "Signal Input/Output"


def export(name: str, folder: Path, *names: str) -> Path:
    """Export home under one or more names; return the library's folder."""
    written = export_as(name, ["home"] * (len(names) or 1), names, folder)
    (library,) = {path.relative_to(folder).parts[0] for path in written if path.suffix != ".zip"}
    return folder / library


def test_an_arduino_library_keeps_the_rules_of_its_manager(tmp_path: Path) -> None:
    """Check what arduino-lint would: names, fields, folders, no link."""
    library = export("arduino-library", tmp_path)
    lines = (library / "library.properties").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    assert set(fields) == PROPERTIES
    assert all(fields.values())
    assert re.fullmatch(r"[A-Za-z][\w .-]{0,62}", fields["name"])
    assert "arduino" not in fields["name"].lower()
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[\w.]+)?", fields["version"])
    assert fields["category"] == CATEGORIES
    assert fields["sentence"].endswith(".")
    assert (library / "src" / fields["includes"]).is_file()
    assert (library / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert not [path for path in library.rglob("*") if path.is_symlink()]
    for line in (library / "keywords.txt").read_text().splitlines():
        assert re.fullmatch(r"\w+\t(KEYWORD[12]|LITERAL1)", line)
    for sketch in (library / "examples").iterdir():
        assert (sketch / f"{sketch.name}.ino").is_file()
    assert {path.name for path in (library / "examples").iterdir()} == {b.example for b in BOARDS}


def test_the_zip_holds_the_library_and_is_the_same_every_time(tmp_path: Path) -> None:
    library = export("arduino-library", tmp_path)
    archive = tmp_path / f"{library.name}.zip"
    first = archive.read_bytes()
    with zipfile.ZipFile(archive) as opened:
        held = {name: opened.read(name) for name in opened.namelist()}
    files = [path for path in library.rglob("*") if path.is_file()]
    on_disk = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in files}
    del on_disk[f"{library.name}/kws_export.sha256"]
    assert held == on_disk
    export("arduino-library", tmp_path)
    assert archive.read_bytes() == first


def test_another_zip_in_the_way_is_kept(tmp_path: Path) -> None:
    mine = tmp_path / "kws_home.zip"
    mine.write_bytes(b"mine")
    with pytest.raises(KwsError, match=r"kws_home\.zip: not of kws export"):
        export("arduino-library", tmp_path)
    assert mine.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [mine]


def test_the_sketch_of_ten_lines_is_in_the_library(tmp_path: Path) -> None:
    library = export("arduino-library", tmp_path)
    text = (library / "README.md").read_text()
    sketch = [line for line in text.splitlines() if line.startswith("    ") and line.strip()]
    assert len(sketch) <= 12
    assert "    #include <KwsHome.h>" in sketch


def test_platformio_reads_its_manifest_and_has_a_project_per_board(tmp_path: Path) -> None:
    library = export("platformio", tmp_path)
    manifest = json.loads((library / "library.json").read_text())
    assert manifest["name"] == "kws_home"
    assert manifest["headers"] == ["KwsHome.h"]
    assert not (library / "library.properties").exists()
    for board in BOARDS:
        project = (library / "examples" / board.example / "platformio.ini").read_text()
        assert f"board = {board.platform_board}\n" in project
        assert "@" not in project


def test_esp_idf_and_zephyr_read_their_manifests(tmp_path: Path) -> None:
    component = yaml.safe_load(
        (export("esp-idf", tmp_path / "a") / "idf_component.yml").read_text()
    )
    assert component["dependencies"]["idf"] == ">=5.0"
    module = yaml.safe_load((export("zephyr", tmp_path / "b") / "zephyr/module.yml").read_text())
    assert module["build"] == {"cmake": "zephyr", "kconfig": "zephyr/Kconfig"}


@pytest.mark.parametrize("name", ["arduino-library", "platformio", "esp-idf", "zephyr", "c"])
def test_no_word_of_a_template_is_left(tmp_path: Path, name: str) -> None:
    library = export(name, tmp_path, "lamp", "door")
    assert library.name == "kws_lamp_door"
    for path in library.rglob("*"):
        if path.is_file():
            assert not re.search(r"@[A-Z_]{3,}@", path.read_text()), path


def test_names_that_meet_in_code_are_refused(tmp_path: Path) -> None:
    for names in (["home", "home"], ["a_b", "AB"], ["pdm", "home"], ["kinds"], ["ring", "home"]):
        with pytest.raises(KwsError, match="give each model another name"):
            export("c", tmp_path / "x", *names)
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_models_may_be_called_as_headers_of_the_engine(model: Path, tmp_path: Path) -> None:
    skip_without("gcc", shutil.which("gcc"))
    names = sorted({path.stem for path in engine_sources() if path.suffix == ".h"} - {"spotter"})
    export_as("c", [str(model)] * len(names), names, tmp_path / "all")
    (source,) = tmp_path.glob("all/*/src")
    text = "".join(f'#include "{path.name}"\n' for path in sorted(source.glob("*.h")))
    sizes = " + ".join(f"KWS_{name.upper()}_HOP" for name in names)
    (tmp_path / "main.c").write_text(f"{text}int main(void) {{ return {sizes}; }}\n")
    command = ["gcc", "-std=c99", "-fsyntax-only", f"-I{source}", "main.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with pytest.raises(KwsError, match="spotter is called KwsSpotter in code, as the library"):
        export_as("c", [str(model)], ["spotter"], tmp_path / "one")


def test_no_file_is_written_twice() -> None:
    assert joined({"a.h": "1"}, {"b.h": "2"}) == {"a.h": "1", "b.h": "2"}
    with pytest.raises(KwsError, match=r"--name: A\.h would be written twice"):
        joined({"a.h": "1"}, {"A.h": "2"})


def test_a_network_without_settings_is_no_library(tmp_path: Path) -> None:
    content = find("home").read_bytes()
    for entry in (CONFIG_ENTRY, CHECKSUM_ENTRY):
        content = content.replace(entry.encode(), b"?" * len(entry))
    path = tmp_path / "network.tflite"
    path.write_bytes(content)
    with pytest.raises(KwsError, match=r"network\.tflite: without settings of kws"):
        export_as("c", [str(path)], (), tmp_path / "x")
    assert not (tmp_path / "x").exists()
