"""Build kws as it is released, install it into fresh environments, and listen there.

    python tools/check_wheel.py                        # source, and a wheel made of it; this Python
    python tools/check_wheel.py --wheel FILE --python python3.10 --python python3.14
    python tools/check_wheel.py --wheel FILE --require 'numpy<2' --require tflite-runtime==2.14.0
    python tools/check_wheel.py --without-compiler       # the backend in NumPy
    python tools/check_wheel.py --installed              # this Python, where a wheel is installed

Each environment has kws and what it requires, nothing of this one. Checked are the keywords that
`kws listen` finds, that home-small is there, an export for browsers, the backend, `pip check`, that
nothing heavy came along, and the size.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "audio_samples" / "all_keywords.flac"
KEYWORDS = ["computer", "jarvis", "alexa", "smart mirror"]  # that it holds, in this order
UNWANTED = ("tensorflow", "tflite_runtime", "ai_edge_litert", "scipy", "soxr", "pydantic")
MAX_SIZE = 80e6  # bytes in the wheels of kws and what it requires, before Python compiles them
OF_PIP = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "wheel")  # venv makes them
# What the environment's own Python prints: whether modules are there, and where packages are.
PROBE = """
import json, sysconfig
from importlib.util import find_spec
from kws.backend import DEFAULT_BACKEND
import kws
print(json.dumps({
    "backend": DEFAULT_BACKEND, "file": kws.__file__, "packages": sysconfig.get_path("purelib"),
    "unwanted": [name for name in UNWANTED if find_spec(name)],
}))
"""


def main() -> None:
    """Build what is not given, and check each environment."""
    options = _options()
    with TemporaryDirectory(prefix="kws-wheel-") as made:
        folder = Path(made)
        if options.installed:
            check(Path(sys.executable), folder, "c", plain=True)
            return
        wheel = (options.wheel or build(folder / "dist", not options.without_compiler)).resolve()
        backend = "numpy" if options.without_compiler else "c"
        extra = "[reference]" if backend == "numpy" else ""
        requirements = [f"{wheel}{extra}", *options.require]
        for number, interpreter in enumerate(options.python or [sys.executable]):
            python = install(interpreter, requirements, folder / f"environment{number}")
            check(python, folder, backend, plain=requirements == [f"{wheel}"])


def build(folder: Path, compiler: bool = True) -> Path:
    """Build the source distribution and from it, elsewhere, the wheel; return the latter."""
    environment = os.environ if compiler else {**os.environ, "CC": "false"}
    run([sys.executable, "-m", "build", "--outdir", folder, ROOT], folder.parent, environment)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(interpreter: str, requirements: list[str], folder: Path) -> Path:
    """Install a wheel and more into a new virtual environment; return its Python."""
    run([interpreter, "-m", "venv", folder], folder.parent)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    quiet = ["--quiet", "--disable-pip-version-check"]
    run([python, "-m", "pip", "install", *quiet, *requirements], folder.parent)
    return python


def check(python: Path, folder: Path, backend: str, plain: bool) -> None:
    """Check an environment; raise SystemExit with one line that says what is wrong.

    plain: nothing was asked for besides kws, so that size and packages are those of everyone.
    """
    probe = f"UNWANTED = {UNWANTED}{PROBE}"
    found = json.loads(run([python, "-c", probe], folder))
    listened = run([python, "-m", "kws", "listen", "--wav", SAMPLE, "--json"], folder)
    heard = [json.loads(line)["keyword"] for line in listened.splitlines()]
    run([python, "-m", "kws", "info", "home-small"], folder)
    run([python, "-m", "kws", "export", "home", "--format", "web", "--output", folder], folder)
    version = run([python, "--version"], folder).strip()
    size, compiled = sizes(Path(found["packages"]))
    with explained(version):
        assert ROOT not in Path(found["file"]).parents, f"{found['file']} is not what is installed"
        assert heard == KEYWORDS, f"kws listen finds {heard}"
        assert found["backend"] == backend, f"the backend is {found['backend']}, not {backend}"
        if plain:
            assert not found["unwanted"], f"{found['unwanted']} came along"
            assert size < MAX_SIZE, f"{size / 1e6:.0f} MB of packages"
    run([python, "-m", "pip", "check"], folder)
    print(
        f"{version}, backend {backend}: {', '.join(heard)}; {size / 1e6:.0f} MB of packages,"
        f" {compiled / 1e6:.0f} MB more of compiled bytecode",
        flush=True,
    )


def sizes(packages: Path) -> tuple[int, int]:
    """Return the bytes of what wheels brought into a folder of packages, and of bytecode."""
    brought = compiled = 0
    for path in packages.rglob("*"):
        top = path.relative_to(packages).parts[0].partition("-")[0]
        if path.is_file() and top not in OF_PIP:
            size = path.stat().st_size
            compiled += size if path.suffix == ".pyc" else 0
            brought += size if path.suffix != ".pyc" else 0
    return brought, compiled


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn an assertion that fails into the last line of the program."""
    try:
        yield
    except AssertionError as error:
        raise SystemExit(f"check_wheel: {where}: {error}") from None


def run(command: list[object], folder: Path, environment: Mapping[str, str] = os.environ) -> str:
    """Run a command in a folder, outside of this checkout, and return what it prints."""
    cleared = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(each) for each in command], cwd=folder, env=cleared, capture_output=True, text=True
    )
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        shown = " ".join(str(each) for each in command)
        raise SystemExit(f"check_wheel: exit status {done.returncode}: {shown}")
    return done.stdout


def _options() -> argparse.Namespace:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--wheel", type=Path, help="a wheel that is built")
    parser.add_argument("--python", action="append", help="of an environment; may be repeated")
    parser.add_argument("--require", action="append", default=[], help="besides, for pip")
    parser.add_argument("--without-compiler", action="store_true", help="build no C engine")
    parser.add_argument("--installed", action="store_true", help="check this Python")
    return parser.parse_args()


if __name__ == "__main__":
    main()
