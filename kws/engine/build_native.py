"""Define the extension module kws.engine._c_engine, the C engine for this machine.

setup.py names it, cffi builds it. Its declarations are the engine's own headers.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).parents[2]
ENGINE = "firmware_export/src"
STAGES = (
    *("gate", "fft", "mfcc"),
    *("fixed_window", "fixed_fft", "fixed_mel", "fixed_mfcc", "micro_fft", "micro_frontend"),
    *("ds_cnn", "kernels", "pooling", "elementwise"),
    *("committee", "posterior", "spotter"),
)

sys.path.insert(0, str(ROOT))  # an isolated build does not see the project otherwise
from kws.engine.c_headers import ALL_KINDS, HEADERS, declarations  # noqa: E402

headers = [*(ROOT / ENGINE / name for name in HEADERS), Path(__file__).with_name("blocks.h")]
ffibuilder = FFI()
ffibuilder.cdef("".join(declarations(path.read_text("utf-8")) for path in headers))
ffibuilder.set_source(
    "kws.engine._c_engine",
    '#include "spotter.h"\n#include "blocks.h"\n',
    sources=["kws/engine/blocks.c", *(f"{ENGINE}/{stage}.c" for stage in STAGES)],
    define_macros=[("KWS_KINDS", ALL_KINDS)],
    include_dirs=[ENGINE, "kws/engine"],
    extra_compile_args=[] if sys.platform == "win32" else ["-O3"],  # as /O2 there, by default
    # Without a compiler kws runs in Python alone; a wheel for others has the engine.
    optional="CIBUILDWHEEL" not in os.environ,
)
