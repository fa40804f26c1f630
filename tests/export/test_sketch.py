"""Test that an export writes the same bytes every time, and only over its own files."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import ROOT
from conftest import skip_without

from kws.errors import KwsError
from kws.export.exported_folder import write
from kws.export.formats import export_as
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


def test_an_export_leaves_nothing_of_another_format_in_its_folder(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Which a compiler would take; what the user wrote or changed stays."""
    export_as("c", [str(model)], (), tmp_path / "there and back")
    folder = tmp_path / "there and back" / SKETCH
    (folder / "examples" / "mine.c").write_text("mine")
    export_as("arduino-sketch", [str(model)], (), tmp_path / "there and back")
    assert not (folder / "Makefile").exists()
    (folder / "settings.h").write_text("mine")
    export_as("c", [str(model)], (), tmp_path / "there and back")
    assert (folder / "examples" / "mine.c").read_text() == "mine"
    assert (folder / "settings.h").read_text() == "mine"
    assert "settings.h: of the export before, and changed since; it stays" in caplog.text
    for name in ("examples/mine.c", "settings.h"):
        (folder / name).unlink()
    export_as("c", [str(model)], (), tmp_path / "at once")
    trees = (
        {path.relative_to(top): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        for top in (folder, tmp_path / "at once" / SKETCH)
    )
    assert next(trees) == next(trees)
    assert all(path.is_file() or any(path.iterdir()) for path in folder.rglob("*"))


def test_a_list_of_digests_removes_nothing_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine\n")
    digest = hashlib.sha256(b"mine\n").hexdigest()
    folder = tmp_path / "export"
    folder.mkdir()
    names = ("../mine.txt", str(tmp_path / "mine.txt"))
    (folder / "kws_export.sha256").write_text("".join(f"{digest}  {n}\n" for n in names))
    write(folder, {"a.h": "1\n"})
    assert (tmp_path / "mine.txt").read_text() == "mine\n"


def test_exports_that_share_a_folder_stay_and_are_known(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path, {f"{name}.json": "1\n"}, shared=True)
    write(tmp_path, {"one.json": "2\n"}, shared=True)
    assert [(tmp_path / f"{name}.json").read_text() for name in ("one", "two")] == ["2\n", "1\n"]


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
