"""Load the models of a library, and give them names in code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kws.engine.c_headers import engine_folder
from kws.engine.lowering import read_all
from kws.engine.network import Network
from kws.errors import KwsError
from kws.export.c_source import detector_source, header
from kws.export.sketch import KINDS, detector_at, sketch_name
from kws.model_file import ModelFile, find

TEMPLATE = "KwsModel.h"  # of a model's class
TYPE = re.compile(r"^(?:class|struct) (Kws\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Chosen:
    """Hold a model to export, by name or path, and the name that it was given, if any."""

    model: str
    name: str | None = None
    arithmetic: str | None = None  # of its front end; None: as the model says


@dataclass(frozen=True)
class LibraryModel:
    """Hold a model of a library and what it is called there."""

    name: str  # of its files and data in C: kws_home
    detector: ModelFile
    networks: tuple[Network, ...]
    top: str  # the first lines of its files
    header: str
    source: str

    @property
    def macro(self) -> str:
        """Return what the names of its macros begin with: KWS_HOME."""
        return self.name.upper()

    @property
    def class_name(self) -> str:
        """Return the name of its class in C++: KwsHome."""
        return "".join(part[:1].upper() + part[1:] for part in self.name.split("_"))

    @property
    def variable(self) -> str:
        """Return what examples call its spotter: spotter_home."""
        return f"spotter_{self.name.removeprefix('kws_')}"


def load(chosen: Sequence[Chosen]) -> list[LibraryModel]:
    """Load models; return them with their sources.

    Raises:
        KwsError: If one is no model of kws, or if two have the same name in code.
    """
    models = [_load(one) for one in chosen]
    known = dict.fromkeys(_taken(), "the library itself")
    for model in models:
        key = model.class_name.lower()
        if key in known:
            raise KwsError(
                f"--name: {model.detector.name} is called {model.class_name} in code, as"
                f" {known[key]} is; give each model another name"
            )
        known[key] = model.detector.name
    return models


def _taken() -> set[str]:
    """Return what libraries call their own classes and files, as classes in lower case."""
    top = engine_folder().parent
    paths = [*top.glob("Kws*.h"), *(top / "library" / "src").glob("Kws*.h")]
    types = {name for path in paths for name in TYPE.findall(path.read_text("utf-8"))}
    files = {path.stem for path in paths if path.name != TEMPLATE}
    return {name.replace("_", "").lower() for name in {Path(KINDS).stem, *types, *files}}


def _load(one: Chosen) -> LibraryModel:
    """Load a model and write its sources."""
    path = find(one.model)
    detector = detector_at(path)
    if detector is None:
        raise KwsError(f"{path}: without settings of kws; a library takes models that kws made")
    digest = detector.sha256
    detector = replace(detector, name=one.name or detector.name)
    detector = detector.with_arithmetic(one.arithmetic)
    network, *others = read_all(detector)
    name = sketch_name(detector.name)
    top = header(path.name, digest)
    sizes, source = detector_source(detector, network, others, name)
    return LibraryModel(name, detector, (network, *others), top, top + sizes, top + source)
