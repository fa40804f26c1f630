"""Build the C engine as an optional extension; everything else is in setup.cfg."""

from setuptools import setup

setup(cffi_modules=["kws/engine/build_native.py:ffibuilder"])
