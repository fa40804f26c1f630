"""The C engine as an optional extension; everything else is in setup.cfg."""

from setuptools import Extension, setup

ENGINE = "firmware_export/src"
STAGES = ("gate", "fft", "mfcc", "ds_cnn", "kernels", "posterior", "spotter")

setup(
    ext_modules=[
        Extension(
            "kws.engine._native",
            ["kws/engine/_native.c", *(f"{ENGINE}/{stage}.c" for stage in STAGES)],
            include_dirs=[ENGINE],
            extra_compile_args=["-O3"],
            optional=True,  # without a compiler kws runs in Python alone
        )
    ]
)
