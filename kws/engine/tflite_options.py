"""Read the options that a .tflite file states for an operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tflite

from kws.errors import KwsError

_TABLES = {
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "FULLY_CONNECTED": tflite.FullyConnectedOptions,
    "AVERAGE_POOL_2D": tflite.Pool2DOptions,
    "MAX_POOL_2D": tflite.Pool2DOptions,
    "ADD": tflite.AddOptions,
    "MUL": tflite.MulOptions,
    "SOFTMAX": tflite.SoftmaxOptions,
    "CALL_ONCE": tflite.CallOnceOptions,
    "VAR_HANDLE": tflite.VarHandleOptions,
    "STRIDED_SLICE": tflite.StridedSliceOptions,
    "CONCATENATION": tflite.ConcatenationOptions,
}


@dataclass(frozen=True)
class Options:
    """Hold what an operator's table says, along time and frequency; 1, 0 where it says nothing."""

    kernel: tuple[int, int] = (1, 1)  # of a pool
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: int = tflite.Padding.VALID
    activation: int = tflite.ActivationFunctionType.NONE
    weights_format: int = 0
    beta: float = 1.0
    axis: int = 0  # of a concatenation
    open_ends: tuple[int, int] = (0, 0)  # axes, as bits, that a slice takes from and to the end
    other_masks: int = 0  # of a slice
    called: int = 0  # graph
    variable: tuple[bytes, bytes] = (b"", b"")  # container and name


def read_options(operator: Any, name: str, where: str) -> Options:
    """Return the options of an operator.

    Raises:
        KwsError: they are those of another operator, or missing.
    """
    if name not in _TABLES:
        return Options()
    table, kind = operator.BuiltinOptions(), _TABLES[name]
    if table is None and name == "STRIDED_SLICE":  # none of its masks is set
        return Options()
    if table is None or operator.BuiltinOptionsType() != getattr(
        tflite.BuiltinOptions, kind.__name__
    ):
        raise KwsError(f"{where} lacks its options")
    options = kind()
    options.Init(table.Bytes, table.Pos)
    if name in _OF_STATES:
        return _OF_STATES[name](options)
    return _of_layer(options, name)


def _of_layer(options: Any, name: str) -> Options:
    """Return the options of an operator that computes."""
    if name == "SOFTMAX":
        return Options(beta=options.Beta())
    activation = options.FusedActivationFunction()
    if name in ("ADD", "MUL"):
        return Options(activation=activation)
    if name == "FULLY_CONNECTED":
        return Options(activation=activation, weights_format=options.WeightsFormat())
    stride, padding = (options.StrideH(), options.StrideW()), options.Padding()
    if name in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        kernel = (options.FilterHeight(), options.FilterWidth())
        return Options(kernel, stride, padding=padding, activation=activation)
    dilation = (options.DilationHFactor(), options.DilationWFactor())
    return Options((1, 1), stride, dilation, padding, activation)


def _concatenation(options: Any) -> Options:
    return Options(axis=options.Axis(), activation=options.FusedActivationFunction())


def _slice(options: Any) -> Options:
    others = options.EllipsisMask() | options.NewAxisMask() | options.ShrinkAxisMask()
    return Options(open_ends=(options.BeginMask(), options.EndMask()), other_masks=others)


def _handle(options: Any) -> Options:
    return Options(variable=(options.Container() or b"", options.SharedName() or b""))


def _call(options: Any) -> Options:
    return Options(called=options.InitSubgraphIndex())


_OF_STATES = {
    "CALL_ONCE": _call,
    "VAR_HANDLE": _handle,
    "STRIDED_SLICE": _slice,
    "CONCATENATION": _concatenation,
}
