"""Declare the extension module that build_native.py defines."""

from typing import Any

ffi: Any
lib: Any
