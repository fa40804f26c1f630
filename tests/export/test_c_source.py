"""Test that the exported C compiles by itself, and that faulty models are refused by name."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from c_programs import CORTEX_M4F, HOST, M4_ARDUINO, Target
from command_line import ROOT
from conftest import skip_without, tensorflow

from kws.errors import KwsError
from kws.export.sketch import export

SKETCH = "kws_small"  # of the model "small"


@pytest.mark.slow
@pytest.mark.parametrize("target", [HOST, M4_ARDUINO], ids=lambda target: target.name)
def test_every_file_compiles_by_itself(target: Target, model: Path, tmp_path: Path) -> None:
    for path in export(model, tmp_path / "c"):
        if path.parent.name == "src":  # the rest is C++: tests/firmware/test_arduino_sketch.py
            target.compile(path, tmp_path / "object.o")


@pytest.mark.parametrize(
    ("macro", "kinds", "front_ends", "committee"),
    [
        ("KWS_KINDS", 4, 1, 1),
        ("KWS_FRONT_ENDS", 0xFFFF, 2, 1),
        ("KWS_COMMITTEE", 0xFFFF, 1, 0),
    ],
)
def test_a_model_does_not_compile_without_what_it_needs(
    macro: str, kinds: int, front_ends: int, committee: int, model: Path, tmp_path: Path
) -> None:
    """A layer, front end or committee that is not compiled would be skipped without a word."""
    exported = "home" if macro == "KWS_COMMITTEE" else model
    (source,) = (path for path in export(exported, tmp_path / "c") if path.name == "kws_model.c")
    folder = source.parent
    command = ["gcc", "-fsyntax-only", str(folder / "kws_model.c")]
    subprocess.run(command, check=True)
    (folder / "kws_kinds.h").write_text(
        f"#define KWS_KINDS {kinds}u\n#define KWS_FRONT_ENDS {front_ends}u\n"
        f"#define KWS_COMMITTEE {committee}\n"
    )
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert macro in done.stderr
    assert "not compiled" in done.stderr


def test_assembly_with_the_flags_of_the_arduino_core(tmp_path: Path) -> None:
    """Pass the flags of the core's rule for .S files: neither -mthumb nor -mfloat-abi."""
    skip_without("arm-none-eabi-gcc", shutil.which("arm-none-eabi-gcc"))
    source = ROOT / "firmware_export" / "src" / "kernels_m4.S"
    result = tmp_path / "kernels_m4.o"
    flags = ["-x", "assembler-with-cpp", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"]
    command = ["arm-none-eabi-g++", "-c", *flags, str(source), "-o", str(result)]
    subprocess.run(command, check=True)
    symbols = subprocess.run(["arm-none-eabi-nm", str(result)], capture_output=True, check=True)
    assert b"T kws_m4_five_bins" in symbols.stdout


def test_headers_serve_cxx(model: Path, tmp_path: Path) -> None:
    compiler = "arm-none-eabi-g++"
    skip_without(compiler, shutil.which(compiler))
    export(model, tmp_path / "c")
    program = tmp_path / "c" / SKETCH / "src" / "sketch.cpp"
    program.write_text('#include "kws.h"\n#include "kws_model.h"\nint main() { return 0; }\n')
    command = [compiler, *CORTEX_M4F, "-Wall", "-Wextra", "-Werror", "-c", str(program)]
    subprocess.run([*command, "-o", str(tmp_path / "sketch.o")], check=True)


def convert(build: object, shape: tuple[int, ...]) -> bytes:
    """Convert a TensorFlow function to an int8 .tflite."""
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
