"""Arrange the operators of a .tflite file in line: each takes the output of the one before it.

Where a network branches, a RECALL between two operators gives what one before them gave, and what a
CONCATENATION joins is joined two by two, what the one before gave being one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod

from kws.engine.dilated_convolutions import OF_DILATION, folded
from kws.engine.past_joins import placed
from kws.engine.resource_variables import OF_VARIABLES, without_variables
from kws.engine.split_convolutions import SPLITS, joined
from kws.engine.tflite_options import Options
from kws.engine.tflite_reader import (
    INT32,
    MAX_INPUTS,
    UINT8,
    Operator,
    Tensor,
    read_graphs,
    readable,
)
from kws.errors import KwsError

LAYERS = (
    *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "AVERAGE_POOL_2D", "MAX_POOL_2D"),
    *("ADD", "MUL", "CONCATENATION", "SOFTMAX", "MEAN", "LOGISTIC", "QUANTIZE", "HARD_SWISH"),
)
MOVES = ("RESHAPE", "SQUEEZE", "PAD")  # operators that compute nothing
OF_SHAPES = ("SHAPE", "STRIDED_SLICE", "PACK")  # by which Keras computes shapes
NAMES = {*LAYERS, *MOVES, *OF_SHAPES, *OF_DILATION}
RECALL = "RECALL"  # no operator of a file


def chain(content: bytes, where: str) -> tuple[Tensor, list[Operator]]:
    """Return the input of the network in a file, and its operators.

    Those of a network that keeps its past in resource variables are what computes: a CONCATENATION
    with `past` joins the time steps before to those that come.

    Raises:
        KwsError: an operator is not supported or does not take the output of the one before it, or
            the file is damaged.
    """
    with readable(where):
        graphs = read_graphs(content, where, NAMES, {*NAMES, *OF_VARIABLES, *SPLITS})
        graph, operators = graphs[0], list(graphs[0].operators)
        called = [operator for operator in operators if operator.name == "CALL_ONCE"]
        if (len(graphs), len(graph.inputs), len(graph.outputs)) != (1 + len(called), 1, 1):
            raise KwsError(f"{where}: a network has one graph with one input and one output")
        (source,), (output,) = graph.inputs, graph.outputs
        if called:
            operators = joined(without_variables(graph, graphs[1], where), where)
            operators, output = _without_unsigned(operators, output)
        # The shapes of the tensors are known without the operators that compute them.
        operators = [o for o in operators if o.name not in OF_SHAPES or o.output.type != INT32]
        operators = _in_line(source, placed(folded(operators, where), where), where)
        if (operators[-1].output if operators else source).index != output.index:
            raise KwsError(f"{where}: the operators do not end in the output")
        return source, operators


def _in_line(source: Tensor, operators: Sequence[Operator], where: str) -> list[Operator]:
    """Return operators, each of which takes the output of the one before it.

    That is the first input, but of a CONCATENATION either. A RECALL is put before one that takes an
    earlier output.

    Raises:
        KwsError: one takes what none before it gives.
    """
    line: list[Operator] = []
    current, given = source, {source.index}
    for operator in operators:
        if operator.name not in (*LAYERS, *MOVES) and not operator.past:
            raise KwsError(f"{where}: operator {operator.name} is not supported")
        for taken, each in _with_source(operator, current):
            if taken.index not in given:
                raise KwsError(f"{where}: {each.name} is not in line with the other operators")
            if taken.index != current.index:
                line.append(Operator(each.number, RECALL, (current,), (taken,), Options()))
            line.append(each)
            current = each.output
            given.add(current.index)
    return line


def _with_source(operator: Operator, current: Tensor) -> Iterator[tuple[Tensor, Operator]]:
    """Yield an operator, a CONCATENATION two by two, with the input that is to be in line."""
    if operator.name == "CONCATENATION" and len(operator.inputs) > 1:
        yield from _two_by_two(operator, current)
        return
    inputs = operator.inputs
    if operator.name in ("ADD", "MUL"):  # operands may be swapped; the smaller one is kept
        ranks = [
            (each.data is None, prod(each.shape), len(each.shape), each.index == current.index)
            for each in inputs
        ]
        first = ranks.index(max(ranks))
        inputs = (inputs[first], *inputs[:first], *inputs[first + 1 :])
    yield inputs[0], replace(operator, inputs=inputs)


def _two_by_two(operator: Operator, current: Tensor) -> Iterator[tuple[Tensor, Operator]]:
    """Yield what joins the inputs of a CONCATENATION, from the current one to its neighbours."""
    inputs, out = list(operator.inputs), operator.output
    indices = [each.index for each in inputs]
    at = indices.index(current.index) if current.index in indices else len(inputs) - 1
    while len(inputs) > 1:
        first = max(at - 1, 0)
        pair, joined = inputs[first : first + 2], out
        if len(inputs) > 2:
            size = sum(each.shape[-1] for each in pair)
            index = -operator.number * 2 * MAX_INPUTS - len(inputs)  # no tensor of the file
            joined = replace(out, index=index, shape=(*out.shape[:-1], size))
        yield inputs[at], replace(operator, inputs=tuple(pair), outputs=(joined,))
        inputs[first : first + 2], at = [joined], first


def _without_unsigned(
    operators: Sequence[Operator], output: Tensor
) -> tuple[list[Operator], Tensor]:
    """Leave out a last QUANTIZE that adds 128 to int8 values, as microWakeWord has it."""
    for operator in operators:
        source, unsigned = operator.inputs[0], operator.output
        signed = replace(unsigned, type=source.type, zero_points=unsigned.zero_points - 128)
        if (
            operator.name == "QUANTIZE"
            and unsigned.type == UINT8
            and unsigned.index == output.index
            and source.quantised_as(signed)
        ):
            return [each for each in operators if each is not operator], source
    return list(operators), output
