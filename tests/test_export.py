"""kws export: the same bytes every time, C that compiles by itself, errors that name the fault."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from c_programs import CORTEX_M4F, HOST, M4_ARDUINO, Target
from conftest import skip_without, tensorflow
from small_models import temporal

from kws.errors import KwsError
from kws.export import export
from kws.export.sketch import sketch_name
from kws.model_file import ModelFile

FIRMWARE = Path(__file__).parents[1] / "firmware_export"
SOURCES = FIRMWARE / "src"
SKETCH = "kws_small"  # of the model "small"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "small.tflite"
    path.write_bytes(temporal().content)
    return path


def test_the_same_model_gives_the_same_bytes(model: Path, tmp_path: Path) -> None:
    first, second = export(model, tmp_path / "a"), export(model, tmp_path / "b")
    assert [path.name for path in first] == [path.name for path in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))


def test_generated_files_say_what_made_them(model: Path, tmp_path: Path) -> None:
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


def test_a_list_of_digests_that_sha256sum_reads(model: Path, tmp_path: Path) -> None:
    folder = export(model, tmp_path / "c")[0].parent
    skip_without("sha256sum", shutil.which("sha256sum"))
    words = ["sha256sum", "--check", "--quiet", "--strict", "kws_export.sha256"]
    subprocess.run(words, cwd=folder, check=True)


def test_another_export_replaces_its_own_files_alone(model: Path, tmp_path: Path) -> None:
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
def test_files_in_the_way_are_named_and_nothing_is_written(
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


def test_a_sketch_is_named_as_arduino_wants_it() -> None:
    assert sketch_name("home") == "kws_home"
    assert sketch_name("my-words 2.über") == "kws_my_words_2__ber"
    assert len(sketch_name("a" * 100)) == 63


@pytest.mark.parametrize("target", [HOST, M4_ARDUINO], ids=lambda target: target.name)
def test_every_file_compiles_by_itself(target: Target, model: Path, tmp_path: Path) -> None:
    for path in export(model, tmp_path / "c"):
        if path.parent.name == "src":  # the rest is C++: tests/test_sketch.py
            target.compile(path, tmp_path / "object.o")


def test_assembly_with_the_flags_of_the_arduino_core(tmp_path: Path) -> None:
    """Its rule for .S files says neither -mthumb nor -mfloat-abi."""
    skip_without("arm-none-eabi-gcc", shutil.which("arm-none-eabi-gcc"))
    source, result = SOURCES / "kernels_m4.S", tmp_path / "kernels_m4.o"
    flags = ["-x", "assembler-with-cpp", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"]
    words = ["arm-none-eabi-g++", "-c", *flags, str(source), "-o", str(result)]
    subprocess.run(words, check=True)
    symbols = subprocess.run(["arm-none-eabi-nm", str(result)], capture_output=True, check=True)
    assert b"T kws_m4_five_cells" in symbols.stdout


def test_headers_serve_cxx(model: Path, tmp_path: Path) -> None:
    compiler = "arm-none-eabi-g++"
    skip_without(compiler, shutil.which(compiler))
    export(model, tmp_path / "c")
    program = tmp_path / "c" / SKETCH / "src" / "sketch.cpp"
    program.write_text('#include "kws.h"\n#include "kws_model.h"\nint main() { return 0; }\n')
    words = [compiler, *CORTEX_M4F, "-Wall", "-Wextra", "-Werror", "-c", str(program)]
    subprocess.run([*words, "-o", str(tmp_path / "sketch.o")], check=True)


def test_export_needs_no_tensorflow(model: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from kws.export import export;"
        f"export({str(model)!r}, Path({str(tmp_path / 'c')!r}));"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def convert(build: object, shape: tuple[int, ...]) -> bytes:
    """An int8 .tflite of a TensorFlow function."""
    tf = tensorflow()
    random = np.random.default_rng(0)
    function = tf.function(build, input_signature=[tf.TensorSpec(shape, tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], function
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [random.standard_normal(shape).astype(np.float32)] for _ in range(20)
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    content: bytes = converter.convert()
    return content


def test_an_unsupported_operator_is_named(tmp_path: Path) -> None:
    tf = tensorflow()
    path = tmp_path / "tanh.tflite"
    path.write_bytes(convert(lambda x: tf.tanh(x), (1, 10, 4, 1)))
    with pytest.raises(KwsError, match=r"tanh\.tflite: operator TANH is not supported"):
        export(path, tmp_path / "c")


def test_dilation_is_refused(tmp_path: Path) -> None:
    tf = tensorflow()
    kernel = tf.constant(np.random.default_rng(1).standard_normal((3, 1, 1, 4)), tf.float32)
    path = tmp_path / "dilated.tflite"
    path.write_bytes(
        convert(
            lambda x: tf.nn.conv2d(x, kernel, 1, "VALID", dilations=[1, 2, 1, 1]), (1, 10, 4, 1)
        )
    )
    with pytest.raises(KwsError, match=r"dilated\.tflite: .*(dilation|SPACE_TO_BATCH_ND)"):
        export(path, tmp_path / "c")


def test_damaged_files_are_refused_in_one_line(model: Path, tmp_path: Path) -> None:
    content, random = model.read_bytes(), np.random.default_rng(3)
    path = tmp_path / "damaged.tflite"
    for _ in range(60):
        damaged = bytearray(content)
        for at in random.integers(len(damaged), size=8):
            damaged[at] = random.integers(256)
        path.write_bytes(damaged[: random.integers(len(damaged))])
        with pytest.raises(KwsError) as raised:
            export(path, tmp_path / "c")
        assert "\n" not in str(raised.value)
