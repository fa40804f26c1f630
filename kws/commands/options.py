"""Define the options that several commands take, and check for optional dependencies (extras)."""

from __future__ import annotations

from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from kws.errors import KwsError


def finite(value: float | None) -> float | None:
    """Refuse NaN, which ranges let through, and infinity; for the callback of each such option."""
    if value is not None and not isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number")
    return value


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Name of a shipped model, or path of a .tflite file.")
]
NoGate = Annotated[
    bool,
    typer.Option("--no-gate", help="Turn the energy gate off: run the network on silence too."),
]
Arithmetic = Annotated[
    str | None,
    typer.Option(
        metavar="float|fixed",
        help="Arithmetic of the front end: fixed is that of boards without a floating-point unit.",
        show_default="as the model says",
    ),
]
ModelToWrite = Annotated[Path, typer.Option(metavar="MODEL.tflite", help="Model to write.")]
Work = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder that keeps what an interrupted run made.",
        show_default="MODEL.work",
    ),
]
Kokoro = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of Kokoro's network and voices, if you have it."),
]
Language = Annotated[
    str | None,
    typer.Option(
        metavar="CODE",
        help="Language of the keyword, as de, fr, es or nl; espeak-ng knows a hundred.",
        show_default="that of its letters; English for a to z",
    ),
]
ClusterAddress = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Dask cluster that does the work, as tcp://host:8786.",
        show_default="processes of this machine",
    ),
]


def require_training_extras(
    command: str, report: Path | None, kokoro: Path | None, cluster: str | None
) -> None:
    """Raise KwsError that says what to install where a training with these options needs it."""
    require_extra(command, "train", "TensorFlow", "SciPy", "soxr")
    if report is not None:
        require_extra(f"{command} --report", "report", "matplotlib")
    if kokoro is not None:
        require_extra(f"{command} --kokoro", "synth", "onnxruntime")
    if cluster is not None:
        require_extra(f"{command} --cluster", "cluster", "distributed")


def require_extra(command: str, extra: str, *libraries: str) -> None:
    """Raise KwsError that says what to install where a library of an extra is missing.

    No library is loaded: its module is looked up, named as the library but in lower case.
    """
    for library in libraries:
        if find_spec(library.lower()) is None:
            raise KwsError(f"{command} needs {library}: pip install 'kws[{extra}]'")
