"""Build kws/web/kws.wasm, the C engine for browsers, from the sources of the host's engine.

    python tools/build_wasm.py            # after a change of the engine; needs clang and lld
    python tools/build_wasm.py --check    # fails where the file is not that of the sources

The file is committed, so that nobody who installs kws or exports a model needs a compiler. Its
section kws.build names the compiler and the digest of sources and options: the same ones give the
same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from kws.engine.build_native import ENGINE, STAGES  # noqa: E402
from kws.engine.c_headers import ALL_KINDS  # noqa: E402
from kws.engine.image import layout  # noqa: E402

RESULT = ROOT / "kws" / "web" / "kws.wasm"
SECTION = b"kws.build"
COMPILER = "clang"
OPTIONS = (
    *("--target=wasm32", "-std=c99", "-Wall", "-Wextra", "-Werror", "-O2"),
    f"-DKWS_KINDS={ALL_KINDS}",
    # memcpy and sqrtf become instructions, so that there is no libc to link.
    *("-mbulk-memory", "-fno-math-errno", "-nostdlib", "-fvisibility=hidden"),
    *("-Wl,--no-entry", "-Wl,--export-dynamic", "-Wl,--export=__heap_base", "-Wl,--strip-all"),
    # A stack that overflows traps: nothing lies below it.
    *("-Wl,--stack-first", "-Wl,-z,stack-size=16384"),
)
# What the engine includes of libc.
LIBC = {
    "math.h": "float sqrtf(float x);\n",
    "string.h": "#include <stddef.h>\n"
    "void *memcpy(void *to, const void *from, size_t count);\n"
    "void *memmove(void *to, const void *from, size_t count);\n"
    "void *memset(void *to, int value, size_t count);\n",
}


@dataclass(frozen=True)
class Origin:
    """Describe what an engine was built from and by."""

    compiler: str
    sources: str  # SHA-256 of sources and options


def sources() -> list[Path]:
    """Return the C files of the engine: those of the host's, and what joins them to JavaScript."""
    stages = (ROOT / ENGINE / f"{stage}.c" for stage in STAGES)
    return [ROOT / "kws" / "engine" / "browser.c", *stages]


def digest() -> str:
    """Return the SHA-256 of sources, headers and options."""
    headers = sorted((ROOT / ENGINE).glob("*.h"))
    headers = [path for path in headers if path.name not in ("kws_model.h", "kws_kinds.h")]
    sums = hashlib.sha256(json.dumps([OPTIONS, LIBC, layout()]).encode())
    for path in (*sources(), *headers):
        sums.update(path.name.encode() + b"\0" + path.read_text("utf-8").encode() + b"\0")
    return sums.hexdigest()


def compiler() -> str:
    """Return the compiler's name and version, without the system that it was packaged for."""
    done = subprocess.run([COMPILER, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"clang version (\d+\.\d+\.\d+)", done.stdout)
    return f"clang {found[1]}" if found else done.stdout.partition("\n")[0]


def build() -> bytes:
    """Return the engine as WebAssembly."""
    with TemporaryDirectory(prefix="kws-wasm-") as made:
        folder = Path(made)
        for name, text in LIBC.items():
            (folder / name).write_text(text)
        command = [COMPILER, *OPTIONS, f"-DKWS_LAYOUT={layout()}u"]
        command += [f"-I{folder}", f"-I{ROOT / ENGINE}", *map(str, sources())]
        subprocess.run([*command, "-o", str(folder / "kws.wasm")], check=True)
        content = (folder / "kws.wasm").read_bytes()
    text = json.dumps({"compiler": compiler(), "sources": digest()}).encode()
    payload = bytes([len(SECTION)]) + SECTION + text
    return content + b"\0" + _leb128(len(payload)) + payload


def origin(content: bytes) -> Origin:
    """Return what the section kws.build of an engine says; it is the last one."""
    return Origin(**json.loads(content[content.rindex(SECTION) + len(SECTION) :]))


def _leb128(number: int) -> bytes:
    """Return a number in the format of WebAssembly, seven bits to a byte."""
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


def main() -> int:
    """Write the engine, or compare it with the one that is there."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    if not parser.parse_args().check:
        RESULT.write_bytes(build())
        print(f"{RESULT}: {RESULT.stat().st_size} bytes")
    elif RESULT.read_bytes() != build():
        print(f"{RESULT}: not what {compiler()} builds of the sources; it is of")
        print(origin(RESULT.read_bytes()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
