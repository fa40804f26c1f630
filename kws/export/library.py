"""Write models and the engine as a library: for Arduino, PlatformIO, ESP-IDF, Zephyr or plain C.

The texts are those of firmware_export/library/, with names in place of words such as @LIBRARY@.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from kws import __version__
from kws.engine.c_headers import engine_folder
from kws.errors import KwsError
from kws.export.c_source import comment
from kws.export.cost import ring_samples
from kws.export.exported_folder import write
from kws.export.library_boards import BOARDS
from kws.export.library_models import TEMPLATE, Chosen, LibraryModel, load
from kws.export.library_zip import check_zip, write_zip
from kws.export.sketch import engine_files, sketch_name

WORD = re.compile("@([A-Z_]+)@")
SHARED = ("KwsAudio.h", "KwsPdm.h", "KwsLowPower.h")  # with the sketch
BLOCK = 160  # samples that microphones of Zephyr record at once: KwsDmic.h

Files = dict[str, str]  # texts by path


def arduino_library(chosen: Sequence[Chosen], output: Path) -> list[Path]:
    """Write an Arduino library, as a folder and as a ZIP; return the paths written."""
    models, words = _prepare(chosen)
    name = words["LIBRARY"]
    files = _arduino_files(models, words)
    check_zip(output / f"{name}.zip")
    written = write(output / name, files)
    return [*written, write_zip(output / f"{name}.zip", files)]


def platformio(chosen: Sequence[Chosen], output: Path) -> list[Path]:
    """Write a PlatformIO library, with a project per board; return the paths written."""
    models, words = _prepare(chosen)
    files = _arduino_files(models, words)
    for name in ("library.properties", "keywords.txt"):
        del files[name]
    headers = json.dumps([f"{model.class_name}.h" for model in models])
    files["library.json"] = _template("platformio/library.json", words | {"HEADERS": headers})
    for board in BOARDS:
        of_board = {"PLATFORM": board.platform, "PLATFORM_BOARD": board.platform_board}
        project = _template("platformio/platformio.ini", words | of_board)
        files[f"examples/{board.example}/platformio.ini"] = project
        del files[f"examples/{board.example}/sketch.yaml"]
    return write(output / words["LIBRARY"], files)


def esp_idf(chosen: Sequence[Chosen], output: Path) -> list[Path]:
    """Write a component for ESP-IDF with an example; return the paths written."""
    models, words = _prepare(chosen)
    files = _sources(models, words, ("KwsAudio.h", "KwsI2s.h")) | _tree("esp-idf", words)
    return write(output / words["LIBRARY"], files)


def zephyr(chosen: Sequence[Chosen], output: Path) -> list[Path]:
    """Write a module for Zephyr with a sample; return the paths written."""
    models, words = _prepare(chosen)
    files = _sources(models, words, ("KwsAudio.h", "KwsDmic.h")) | _tree("zephyr", words)
    return write(output / words["LIBRARY"], files)


def c_library(chosen: Sequence[Chosen], output: Path) -> list[Path]:
    """Write the engine and the models in C with a program; return the paths written."""
    models, words = _prepare(chosen)
    files = {f"src/{name}": text for name, text in _engine(models).items()} | _tree("c", words)
    return write(output / words["LIBRARY"], files)


def _prepare(chosen: Sequence[Chosen]) -> tuple[list[LibraryModel], Files]:
    """Load models; return them, and the words that the templates have."""
    models = load(chosen)
    return models, _words(models)


def _words(models: Sequence[LibraryModel]) -> Files:
    """Return the words of the templates and what stands for them."""
    first, *others = models
    begins = [f"  {model.variable}.onDetection(detected);" for model in models]
    begins += [f"  {first.variable}.begin(microphone);"]
    begins += [f"  {other.variable}.begin({first.variable}); // the same audio" for other in others]
    spotters = [f"{model.class_name} {model.variable};" for model in models]
    keywords = ", ".join(word for model in models for word in model.detector.config.keywords)
    memories = [
        f"static uint32_t memory_{m.name}[({m.macro}_MEMORY_BYTES + 3) / 4];" for m in models
    ]
    ring = ring_samples([(model.networks, model.detector.config) for model in models])
    return {
        "RING": str(ring),
        "BLOCKS": str(ring // BLOCK),
        "LIBRARY": sketch_name("_".join(model.name.removeprefix("kws_") for model in models)),
        "VERSION": __version__,
        "KEYWORDS": _plain(keywords),
        "CLASS": first.class_name,
        "MACRO": first.macro,
        "HEADERS": ",".join(f"{model.class_name}.h" for model in models),
        "INCLUDES": "\n".join(f"#include <{model.class_name}.h>" for model in models),
        "SPOTTERS": "\n".join(spotters),
        "STATIC_SPOTTERS": "\n".join(f"static {line}" for line in spotters),
        "BEGINS": "\n".join(begins),
        "FIRST": first.variable,
        "C_INCLUDES": "\n".join(f'#include "{model.name}.h"' for model in models),
        "C_MODELS": ", ".join(f"&{model.name}_data" for model in models),
        "C_MEMORIES": "\n".join(memories),
        "C_MEMORY_NAMES": ", ".join(f"memory_{model.name}" for model in models),
    }


def _plain(text: str) -> str:
    """Return text that can end neither a comment nor a string or a line of a manifest."""
    return comment(text).translate(dict.fromkeys(map(ord, '"\\'), "'"))


def _arduino_files(models: Sequence[LibraryModel], words: Files) -> Files:
    """Return the files of an Arduino library."""
    files = _sources(models, words, (*SHARED, "KwsI2s.h"))
    for name in ("library.properties", "keywords.txt", "README.md"):
        files[name] = _template(f"arduino/{name}", words)
    files["keywords.txt"] += "".join(f"{model.class_name}\tKEYWORD1\n" for model in models)
    files["LICENSE"] = _template("LICENSE", {})
    for board in BOARDS:
        folder = f"examples/{board.example}"
        text = _template(f"arduino/{board.template}", words | {"BOARD": board.name})
        files[f"{folder}/{board.example}.ino"] = text
        files[f"{folder}/sketch.yaml"] = f"default_fqbn: {board.fqbn}\n"
    return files


def _sources(models: Sequence[LibraryModel], words: Files, headers: Sequence[str]) -> Files:
    """Return src/ of a library in C++: classes in it, the engine in src/engine/."""
    files = {f"src/engine/{name}": text for name, text in _engine(models).items()}
    for name in ("KwsSpotter.h", "KwsSpotter.cpp", *headers):
        files[f"src/{name}"] = _class(name)
    files["src/KwsRing.h"] = _template("src/KwsRing.h", words)
    for model in models:
        names = {
            "NAME": model.name,
            "MACRO": model.macro,
            "CLASS": model.class_name,
            "CLASS_UPPER": model.class_name.upper(),
            "KEYWORDS": _plain(", ".join(model.detector.config.keywords)),
        }
        text = model.top + _template(f"src/{TEMPLATE}", names)
        files = joined(files, {f"src/{model.class_name}.h": text})
    return files


def joined(*parts: Files) -> Files:
    """Return files together; raise KwsError where two have the same name, in any case."""
    files: Files = {}
    for name, text in (named for part in parts for named in part.items()):
        if name.lower() in map(str.lower, files):
            raise KwsError(f"--name: {name} would be written twice; give another name")
        files[name] = text
    return files


def _class(name: str) -> str:
    """Return a file of the classes, of the library's or the sketch's folder."""
    if name not in SHARED:
        return _template(f"src/{name}", {})
    text = (engine_folder().parent / name).read_text("utf-8")
    return text.replace('#include "src/', '#include "engine/')


def _engine(models: Sequence[LibraryModel]) -> Files:
    """Return the engine's files and those of the models."""
    configs = [model.detector.config for model in models]
    files = engine_files(
        [network for model in models for network in model.networks],
        [config.front_end.implementation for config in configs],
        any(config.committee is not None for config in configs),
    )
    sources = [
        {f"{model.name}.h": model.header, f"{model.name}.c": model.source} for model in models
    ]
    return joined(files, *sources)


def _tree(folder: str, words: Mapping[str, str]) -> Files:
    """Return the templates of a folder by path, filled in, and the licence."""
    top = engine_folder().parent / "library" / folder
    paths = [path for path in sorted(top.rglob("*")) if path.is_file()]
    names = [path.relative_to(top).as_posix() for path in paths]
    texts = {name: _template(f"{folder}/{name}", words) for name in names}
    return texts | {"LICENSE": _template("LICENSE", {})}


def _template(name: str, words: Mapping[str, str]) -> str:
    """Return a template of firmware_export/library/, filled in."""
    text = (engine_folder().parent / "library" / name).read_text("utf-8")
    return WORD.sub(lambda match: words[match[1]], text)
