"""Test that an export writes the same bytes every time, and only over its own files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import ROOT
from conftest import skip_without

from kws.errors import KwsError
from kws.export.sketch import export, sketch_name
from kws.model_file import ModelFile

FIRMWARE = ROOT / "firmware_export"
SOURCES = FIRMWARE / "src"
SKETCH = "kws_small"  # of the model "small"


def test_the_same_model_gives_the_same_bytes(model: Path, tmp_path: Path) -> None:
    first, second = export(model, tmp_path / "a"), export(model, tmp_path / "b")
    assert [path.name for path in first] == [path.name for path in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))


def test_generated_files_name_their_maker(model: Path, tmp_path: Path) -> None:
    written = export(model, tmp_path / "c")
    for name in ("kws_model.c", "kws_model.h"):
        top = (tmp_path / "c" / SKETCH / "src" / name).read_text()[:300]
        assert "kws export" in top
        assert model.name in top
        assert ModelFile.load(model).sha256 in top
    sketch = {path.name for path in FIRMWARE.iterdir() if path.suffix in {".h", ".yaml"}}
    engine = {f"src/{path.name}" for path in SOURCES.glob("*.[chS]")}
    assert {path.relative_to(tmp_path / "c" / SKETCH).as_posix() for path in written} == {
        *(f"{SKETCH}.ino", "kws_export.sha256", "src/kws_model.c", "src/kws_model.h"),
        *("report.txt", "report.html"),
        *sketch,
        *engine,
    }
    assert (
        (tmp_path / "c" / SKETCH / "kws_export.sha256").read_text().startswith("# Written by kws")
    )


def test_sha256sum_reads_the_digests(model: Path, tmp_path: Path) -> None:
    folder = export(model, tmp_path / "c")[0].parent
    skip_without("sha256sum", shutil.which("sha256sum"))
    command = ["sha256sum", "--check", "--quiet", "--strict", "kws_export.sha256"]
    subprocess.run(command, cwd=folder, check=True)


def test_a_second_export_replaces_only_exported_files(model: Path, tmp_path: Path) -> None:
    folder = export(model, tmp_path / "c")[0].parent
    (folder / "notes.txt").write_text("mine")
    settings = (folder / "settings.h").read_text().replace("KWS_BLE 1", "KWS_BLE 0")
    (folder / "settings.h").write_text(settings)
    written = export(model, tmp_path / "c")
    assert (folder / "settings.h").read_text() == settings
    assert folder / "settings.h" not in written
    assert (folder / "notes.txt").read_text() == "mine"
    export(model, tmp_path / "c")
    assert (folder / "settings.h").read_text() == settings


@pytest.mark.parametrize("name", [f"{SKETCH}.ino", "src/mfcc.c", "settings.h"])
def test_foreign_files_are_named_and_nothing_is_written(
    model: Path, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "c" / SKETCH / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    with pytest.raises(KwsError, match=f"{name}: changed since, or not of kws export"):
        export(model, tmp_path / "c")
    assert [path for path in (tmp_path / "c").rglob("*") if path.is_file()] == [file]
    assert file.read_text() == "mine"


def test_a_changed_source_is_not_overwritten(model: Path, tmp_path: Path) -> None:
    folder = export(model, tmp_path / "c")[0].parent
    sketch = folder / f"{SKETCH}.ino"
    sketch.write_text(sketch.read_text() + "// mine\n")
    with pytest.raises(KwsError, match="changed since"):
        export(model, tmp_path / "c")
    assert sketch.read_text().endswith("// mine\n")


def test_sketch_names_follow_arduinos_rules() -> None:
    assert sketch_name("home") == "kws_home"
    assert sketch_name("my-words 2.x") == "kws_my_words_2_x"
    assert sketch_name("my-words 2.über") == "kws_my_words_2__ber_0c2bc558"
    assert len(sketch_name("a" * 100)) == 63


def test_export_needs_no_tensorflow(model: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from kws.export.sketch import export;"
        f"export({str(model)!r}, Path({str(tmp_path / 'c')!r}));"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
