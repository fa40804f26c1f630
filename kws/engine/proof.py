"""Refuse what does not hold of a foreign .tflite file."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from kws.engine.tflite_reader import Operator
from kws.errors import KwsError


class Proof:
    """Refuse what does not hold, in one line that says where."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __call__(self, holds: object, problem: str) -> None:
        """Raise KwsError with the problem unless what it is about holds."""
        if not holds:
            raise KwsError(f"{self.where}: {problem}")

    def of(self, operator: Operator) -> Proof:
        """Return the proof of an operator's properties."""
        return Proof(f"{self.where}: operator {operator.number} ({operator.name})")


def constant(
    operator: Operator,
    position: int,
    kind: int,
    shape: tuple[int | None, ...],
    what: str,
    require: Proof,
) -> npt.NDArray[Any]:
    """Return a constant input; prove its type and shape, None standing for any size."""
    data = operator.constant(position, require.where)
    tensor = operator.inputs[position]
    require(tensor.type == kind, f"its {what} have another type")
    fits = len(tensor.shape) == len(shape) and all(
        size in (None, found) for size, found in zip(shape, tensor.shape, strict=True)
    )
    require(fits, f"its {what} do not fit its input and output")
    return data
