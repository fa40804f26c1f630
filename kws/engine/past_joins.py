"""Put what joins a layer to its past right before each layer that takes it.

A converter writes it anywhere, and once for several layers. Of its time steps a STRIDED_SLICE may
take the last ones, as microWakeWord's spatial attention does: that is a shorter past.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kws.engine.proof import Proof
from kws.engine.resource_variables import TIME, last_time_steps
from kws.engine.tflite_reader import Operator, Tensor


def placed(operators: Sequence[Operator], where: str) -> list[Operator]:
    """Return operators, each CONCATENATION with a past right before what takes its output.

    Raises:
        KwsError: a slice takes others than the last time steps.
    """
    joins: dict[int, Operator] = {}  # by the tensor that one writes
    same: dict[int, Tensor] = {}  # by the tensor that has the same values
    found: list[Operator] = []
    for operator in operators:
        if operator.past:
            joins[operator.output.index] = operator
        elif operator.name == "STRIDED_SLICE" and operator.inputs[0].index in joins:
            join = joins[operator.inputs[0].index]
            last = _of_the_last(operator, join, Proof(where).of(operator))
            if last.past:
                joins[operator.output.index] = last
            else:
                same[operator.output.index] = join.inputs[0]
        else:
            found += [joins[each.index] for each in operator.inputs if each.index in joins]
            inputs = tuple(same.get(each.index, each) for each in operator.inputs)
            found.append(replace(operator, inputs=inputs))
    return found


def _of_the_last(operator: Operator, join: Operator, require: Proof) -> Operator:
    """Return what joins as many time steps as a slice takes of those that were joined."""
    past = last_time_steps(operator, require) - join.inputs[0].shape[TIME]
    require(past >= 0, "takes other than the last time steps of what was joined")
    return replace(join, outputs=operator.outputs, past=past)
