"""The exported folder: the engine's own sources beside the model as C."""

from __future__ import annotations

import hashlib
from pathlib import Path

from kws.errors import KwsError
from kws.export.model_source import detector_source, header, network_source
from kws.model_file import CONFIG_ENTRY, ModelFile, find, metadata
from kws.network_file import read

_PACKAGE = Path(__file__).parents[1]
ENGINE_FOLDERS = (_PACKAGE / "firmware", _PACKAGE.parent / "firmware_export" / "src")


def export(model: str | Path, output: Path) -> list[Path]:
    """Write the engine and a model, by name or path, into folder `output`; what was written.

    A model made by kws gives a whole detector. Any other int8 .tflite of the supported operators
    gives its network alone. The same model gives the same bytes.
    """
    path = find(model)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KwsError(f"{path}: {error.strerror or error}") from error
    files = {source.name: source.read_text("utf-8") for source in engine_sources()}
    files |= model_files(content, path)
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (output / name).write_text(text, "utf-8", newline="\n")
    except OSError as error:
        raise KwsError(f"{output}: {error.strerror or error}") from error
    return [output / name for name in sorted(files)]


def model_files(content: bytes, path: Path) -> dict[str, str]:
    """The generated files by name, for a model file's bytes."""
    network = read(content, str(path))
    digest = hashlib.sha256(content).hexdigest()
    if CONFIG_ENTRY in metadata(content, str(path)):
        model = ModelFile.parse(content, str(path))
        sizes, source = detector_source(model, network)
    else:
        sizes, source = network_source(network)
    top = header(path.name, digest)
    return {"kws_model.h": top + sizes, "kws_model.c": top + source}


def engine_sources() -> list[Path]:
    """The C engine's files, of the installed package or of the checkout."""
    for folder in ENGINE_FOLDERS:
        sources = sorted(folder.glob("*.[chS]"))
        if sources:
            return sources
    raise KwsError("the C engine's sources are not installed with kws")
