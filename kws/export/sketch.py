"""The exported folder: a model as C and the engine's own sources, for a detector as a sketch."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from kws.engine.lowering import read
from kws.errors import KwsError
from kws.export.c_source import detector_source, header, network_source
from kws.export.own_files import write
from kws.export.report import report
from kws.model_file import CONFIG_ENTRY, ModelFile, find, metadata

_PACKAGE = Path(__file__).parents[1]
FIRMWARE_FOLDERS = (_PACKAGE / "firmware", _PACKAGE.parent / "firmware_export")
MODEL_FILES = ("kws_model.h", "kws_model.c")
NAME_LENGTH = 63  # that Arduino's tools allow
SETTINGS = "settings.h"  # the user's to change


def export(model: str | Path, output: Path, count: bool = False) -> list[Path]:
    """Write the engine and a model, by name or path, into folder `output`; what was written.

    A model made by kws gives an Arduino sketch, output/kws_<name>/, that is opened and flashed as
    it is; its src/ is the whole detector in C, its report.txt and report.html tell what that costs
    (count: counted where an emulator and compilers are installed). Any other int8 .tflite of the
    supported operators gives its network alone, in `output` itself. The same model gives the same
    bytes.

    Raises KwsError, with nothing written, for a model that cannot be exported and for files in the
    way that are not an export's own.
    """
    path = find(model)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KwsError(f"{path}: {error.strerror or error}") from error
    sources = {source.name: source.read_text("utf-8") for source in engine_sources()}
    network = read(content, str(path))
    top = header(path.name, hashlib.sha256(content).hexdigest())
    if CONFIG_ENTRY not in metadata(content, str(path)):
        return write(output, sources | model_files(network_source(network), top))
    detector = ModelFile.parse(content, str(path))
    sources |= model_files(detector_source(detector, network), top)
    name = sketch_name(detector.name)
    files = sketch_files(name, sources)
    files |= report(detector, network, files, count)
    return write(output / name, files, may_be_changed=SETTINGS)


def sketch_name(model: str) -> str:
    """Name of a model's sketch: letters, digits and underscores."""
    return ("kws_" + re.sub(r"\W", "_", model, flags=re.ASCII))[:NAME_LENGTH]


def sketch_files(name: str, sources: dict[str, str]) -> dict[str, str]:
    """A sketch's files by path: what runs on the board, and the sources in src/."""
    folder = _firmware()
    files = {
        file.name: file.read_text("utf-8")
        for file in folder.iterdir()
        if file.suffix in {".h", ".yaml"}
    }
    files[f"{name}.ino"] = (folder / "firmware_export.ino").read_text("utf-8")
    return files | {f"src/{source}": text for source, text in sources.items()}


def model_files(code: tuple[str, str], top: str = "") -> dict[str, str]:
    """The generated files by name: a header and a source, each below its first lines."""
    return {name: top + text for name, text in zip(MODEL_FILES, code, strict=True)}


def engine_sources() -> list[Path]:
    """The C engine's files, of the installed package or of the checkout."""
    files = sorted((_firmware() / "src").glob("*.[chS]"))
    return [file for file in files if file.name not in MODEL_FILES]


def _firmware() -> Path:
    """Where the sketch and the engine lie."""
    for folder in FIRMWARE_FOLDERS:
        if (folder / "firmware_export.ino").is_file():
            return folder
    raise KwsError("the sketch and the engine's sources are not installed with kws")
