"""Write a model as C and the engine's sources; for a detector, an Arduino sketch."""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kws.config import FRONT_ENDS
from kws.engine.c_headers import engine_folder
from kws.engine.lowering import read, read_all
from kws.engine.network import Network
from kws.errors import KwsError
from kws.export.board_report import report
from kws.export.c_kinds import kinds_source
from kws.export.c_source import detector_source, header, network_source
from kws.export.exported_folder import write
from kws.micro_wake_word import MANIFEST_SUFFIX
from kws.model_file import CONFIG_ENTRY, ModelFile, find, metadata, read_file

MODEL_FILES = ("kws_model.h", "kws_model.c")
KINDS = "kws_kinds.h"  # of layers, which the models have
NAME_LENGTH = 63  # that Arduino's tools allow
HASH_LENGTH = 8  # digits
SETTINGS = "settings.h"  # for the user to change

log = logging.getLogger(__name__)


def export(
    model: str | Path,
    output: Path,
    given_name: str | None = None,
    arithmetic: str | None = None,
) -> list[Path]:
    """Write the engine and a model, given by name or path, into a folder; return the paths written.

    A model made by kws, or one of microWakeWord, gives an Arduino sketch, output/kws_<name>/, that
    is opened and flashed as it is; its src/ is the whole detector in C, its report.txt and
    report.html say what that costs.
    given_name takes the place of the model's name, arithmetic that of its front end.
    Any other int8 .tflite of the supported operators gives its network alone, in `output` itself.
    The same model gives the same bytes.

    Raises:
        KwsError: If the model cannot be exported, or if files are in the way that an export did
            not write. Nothing is written then.
    """
    path = find(model)
    detector = detector_at(path)
    if detector is None:
        if given_name is not None:
            raise KwsError(f"--name: {path} is a network alone, whose files have fixed names")
        if arithmetic is not None:
            raise KwsError(f"--arithmetic: {path} is a network alone, without a front end")
        return _export_network(path, output)
    top = header(path.name, detector.sha256)
    detector = replace(detector, name=given_name or detector.name).with_arithmetic(arithmetic)
    network, *others = read_all(detector)
    config = detector.config
    used = [config.front_end.implementation], config.committee is not None
    sources = engine_files([network, *others], *used) | model_files(
        detector_source(detector, network, others), top
    )
    name = sketch_name(detector.name)
    files = sketch_files(name, sources)
    files |= report(detector, network, others)
    return write(output / name, files, may_be_changed=SETTINGS)


def _export_network(path: Path, output: Path) -> list[Path]:
    """Write the engine and a network without settings into a folder; return the paths written."""
    content = read_file(path)
    network = read(content, str(path))
    files = engine_files([network], FRONT_ENDS, committee=False)
    top = header(path.name, hashlib.sha256(content).hexdigest())
    return write(output, files | model_files(network_source(network), top), shared=True)


def detector_at(path: Path) -> ModelFile | None:
    """Return the model of a path, one of kws or of microWakeWord; None: it is a network alone.

    Raises:
        KwsError: It cannot be read, or is not a model.
    """
    if path.suffix == MANIFEST_SUFFIX or CONFIG_ENTRY in metadata(read_file(path), str(path)):
        return ModelFile.load(path)
    if not path.with_suffix(MANIFEST_SUFFIX).is_file():
        return None
    try:
        return ModelFile.load(path)
    except KwsError as error:
        log.warning("%s is taken as a network alone: %s", path, error)
        return None


def sketch_name(model: str) -> str:
    """Return the name of a model's sketch: ASCII letters, digits and underscores.

    Arduino's tools take no others. Where letters of other scripts or the end of a long name are
    lost, a hash of the whole name keeps models apart.
    """
    composed = unicodedata.normalize("NFC", model)
    name = "kws_" + re.sub(r"\W", "_", composed, flags=re.ASCII)
    if len(name) <= NAME_LENGTH and composed.isascii():
        return name
    content = composed.encode("utf-8", "surrogateescape")
    ending = "_" + hashlib.sha256(content).hexdigest()[:HASH_LENGTH]
    return name[: NAME_LENGTH - len(ending)] + ending


def sketch_files(name: str, sources: dict[str, str]) -> dict[str, str]:
    """Return a sketch's files by path: the sketch itself, and the C sources in src/."""
    folder = engine_folder().parent
    files = {
        file.name: file.read_text("utf-8")
        for file in folder.iterdir()
        if file.suffix in {".h", ".yaml"}
    }
    files[f"{name}.ino"] = (folder / "firmware_export.ino").read_text("utf-8")
    return files | {f"src/{source}": text for source, text in sources.items()}


def model_files(code: tuple[str, str], top: str = "") -> dict[str, str]:
    """Return the model's header and source by name, each below the given first lines."""
    return {name: top + text for name, text in zip(MODEL_FILES, code, strict=True)}


def engine_files(
    networks: Sequence[Network], front_ends: Sequence[str], committee: bool
) -> dict[str, str]:
    """Return the C engine's files by name, with what some models use.

    Args:
        networks: Of the models, whose kinds of layers are compiled.
        front_ends: The FRONT_ENDS that they have.
        committee: Whether one of them is a committee.
    """
    files = {source.name: source.read_text("utf-8") for source in engine_sources()}
    return files | {KINDS: kinds_source(networks, front_ends, committee)}


def engine_sources() -> list[Path]:
    """Return the C engine's files, of the installed package or of the checkout."""
    files = sorted(engine_folder().glob("*.[chS]"))
    return [file for file in files if file.name not in (*MODEL_FILES, KINDS)]
