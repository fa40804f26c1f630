"""Export a model for browsers: a folder that is a web page and a package of npm.

Nothing is compiled: the engine comes with kws as WebAssembly, and the model becomes the bytes that
it runs in place.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import kws.web
from kws import __version__
from kws.engine.c_layout import model_values
from kws.engine.image import image, layout
from kws.engine.lowering import read_all
from kws.engine.network_values import Values
from kws.engine.plan_check import check_plan
from kws.export.exported_folder import Content, write
from kws.export.sketch import sketch_name
from kws.model_file import ModelFile
from kws.sensitivity import NORMAL, operating_points, threshold_range

SOURCES = Path(kws.web.__file__).parent
SUFFIXES = {".js", ".ts", ".css", ".html", ".md"}
ENGINE = "kws.wasm"
MODEL = "model.bin"
MAGIC, FORMAT = b"KWSM", 1  # read by kws/web/detector.js
BLOCK = 16000  # samples that the engine takes at once, at most


def export(
    model: str | Path,
    output: Path,
    given_name: str | None = None,
    arithmetic: str | None = None,
) -> list[Path]:
    """Write a model, given by name or path, as output/kws_<name>_web/; return the paths written.

    given_name takes the place of the model's name, arithmetic that of its front end. The same
    model gives the same bytes.

    Raises:
        KwsError: If the model cannot be exported, or if files are in the way that an export did
            not write. Nothing is written then.
    """
    detector = ModelFile.load(model)
    detector = replace(detector, name=given_name or detector.name).with_arithmetic(arithmetic)
    name = f"{sketch_name(detector.name)}_web"
    return write(output / name, web_files(detector))


def web_files(model: ModelFile) -> dict[str, Content]:
    """Return the files of the folder by name."""
    files: dict[str, Content] = {
        path.name: path.read_text("utf-8")
        for path in sorted(SOURCES.iterdir())
        if path.suffix in SUFFIXES
    }
    files[ENGINE] = (SOURCES / ENGINE).read_bytes()
    files[MODEL] = model_bytes(model)
    files["package.json"] = json.dumps(_package(model, sorted(files)), indent=2) + "\n"
    return files


def model_bytes(model: ModelFile) -> bytes:
    """Return a model as detector.js reads it.

    The format: MAGIC, then the format's number, the length of the description and the number of
    pointers, 32 bits each; the description, JSON in ASCII; where in the image the pointers lie, 32
    bits each; the image of kws_model.
    """
    networks = read_all(model)
    values = model_values(model.name, model.config, networks[0], networks[1:])
    check_plan("kws_model", values)
    laid_out = image("kws_model", values)
    text = json.dumps(_description(model, values)).encode("ascii")
    text += b" " * (-len(text) % 4)
    pointers = laid_out.pointers
    return b"".join(
        (
            struct.pack("<4sIII", MAGIC, FORMAT, len(text), len(pointers)),
            text,
            struct.pack(f"<{len(pointers)}I", *pointers),
            laid_out.content,
        )
    )


def _description(model: ModelFile, values: Values) -> dict[str, Any]:
    """Return what JavaScript has to know of a model: ModelInfo of kws.d.ts."""
    config = model.config
    points = {name: point.thresholds for name, point in operating_points(config).items()}
    ranges = [threshold_range(config, index) for index in range(len(config.keywords))]
    # A push completes at most so many steps, with at most a detection each.
    steps = BLOCK // config.front_end.hop + values["gate"]["pre_roll"] + 2
    return {
        "name": model.name,
        "keywords": config.keywords,
        "sensitivities": points | {NORMAL: config.thresholds},
        "range": [[low for low, _, _ in ranges], [high for _, _, high in ranges]],
        "sha256": model.sha256,
        "kws": __version__,
        "layout": layout(),
        "memory": values["memory_bytes"],
        "block": BLOCK,
        "capacity": steps,
    }


def _package(model: ModelFile, files: list[str]) -> dict[str, Any]:
    """Return the package.json of the folder."""
    name = re.sub(r"[^a-z0-9]+", "-", sketch_name(model.name).lower()).strip("-")
    return {
        "name": name,
        "version": __version__,
        "description": "Wake words in the browser: the detector of kws, without a server",
        "license": "Apache-2.0",
        "type": "module",
        "main": "./kws.js",
        "types": "./kws.d.ts",
        "exports": {
            ".": {"types": "./kws.d.ts", "default": "./kws.js"},
            **{f"./{name}": f"./{name}" for name in (ENGINE, MODEL)},
        },
        "sideEffects": ["./worklet.js", "./page.js", "./offline.js"],
        "files": files,
    }
