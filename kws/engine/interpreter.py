"""The tflite runtime, by the name that it has for this Python."""

from __future__ import annotations

try:
    from tflite_runtime import interpreter as tflite
except ImportError:  # Python 3.12 and later
    from ai_edge_litert import interpreter as tflite

__all__ = ["tflite"]
