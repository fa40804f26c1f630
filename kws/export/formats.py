"""Export models in one of several formats: the one table of what `kws export --format` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from kws.errors import KwsError
from kws.export.esphome import esphome
from kws.export.library import arduino_library, c_library, esp_idf, platformio, zephyr
from kws.export.library_models import Chosen
from kws.export.sketch import export as export_sketch
from kws.export.web_folder import export as export_web

Format = Callable[[Sequence[Chosen], Path], list[Path]]


def sketch(chosen: Sequence[Chosen], output: Path) -> list[Path]:
    """Write an Arduino sketch that is opened and flashed as it is; return the paths written.

    Raises:
        KwsError: If there are several models, or if the model cannot be exported.
    """
    if len(chosen) > 1:
        raise KwsError(
            "--format arduino-sketch: a sketch has one model, a library may have several"
        )
    (one,) = chosen
    return export_sketch(one.model, output, one.name, one.arithmetic)


def web(chosen: Sequence[Chosen], output: Path) -> list[Path]:
    """Write a folder for browsers: a page and a JavaScript module; return the paths written.

    Raises:
        KwsError: If there are several models, or if the model cannot be exported.
    """
    if len(chosen) > 1:
        raise KwsError("--format web: a page has one model; export each into a folder")
    (one,) = chosen
    return export_web(one.model, output, one.name, one.arithmetic)


# A format takes the models in order and the folder to write to, and returns the paths written.
FORMATS: dict[str, Format] = {
    "arduino-sketch": sketch,
    "arduino-library": arduino_library,
    "platformio": platformio,
    "esp-idf": esp_idf,
    "zephyr": zephyr,
    "c": c_library,
    "web": web,
    "esphome": esphome,
}


def export_as(
    format_name: str,
    models: Sequence[str],
    names: Sequence[str],
    output: Path,
    arithmetic: str | None = None,
) -> list[Path]:
    """Export models in a format; return the paths written.

    Args:
        format_name: A key of FORMATS.
        models: Names of shipped models or paths.
        names: What they are called in the export, in the order of the models; none: as they are.
        output: The folder to write to.
        arithmetic: Of the models' front ends, "float" or "fixed"; None: as each model says.

    Raises:
        KwsError: If the format is unknown, if names are missing, or if a model cannot be exported
            or has no such arithmetic.
    """
    if format_name not in FORMATS:
        raise KwsError(f"--format {format_name}: not one of {', '.join(FORMATS)}")
    if names and len(names) != len(models):
        raise KwsError(f"--name: {len(names)} given for {len(models)} models; give one for each")
    if not all(name.strip() for name in names):
        raise KwsError("--name: a name is empty")
    given = names or (None,) * len(models)
    pairs = zip(models, given, strict=True)
    chosen = [Chosen(model, name, arithmetic) for model, name in pairs]
    return FORMATS[format_name](chosen, output)
