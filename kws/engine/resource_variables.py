"""Find what a network keeps of its past in resource variables, as streams of TensorFlow do.

A layer that needs earlier time steps reads them from a variable, joins them to those that come and
keeps the last: READ_VARIABLE, CONCATENATION, STRIDED_SLICE, ASSIGN_VARIABLE; or it keeps all, and
joins the last of what it reads: READ_VARIABLE, STRIDED_SLICE, CONCATENATION, ASSIGN_VARIABLE. A
second graph, which CALL_ONCE calls, fills the variables with what stands for 0. All of that is one
CONCATENATION with a `past`; of any other use of a variable, one line says what it is.
"""

from __future__ import annotations

import numpy as np
import tflite

from kws.engine.proof import Proof, constant
from kws.engine.tflite_options import Options
from kws.engine.tflite_reader import INT8, INT32, Graph, Operator, Tensor

OF_VARIABLES = (
    *("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"),
    *("CONCATENATION", "STRIDED_SLICE"),
)
Variable = tuple[bytes, bytes]  # container and name
TIME = 1  # axis


def without_variables(graph: Graph, called: Graph, where: str) -> list[Operator]:
    """Return the operators that compute; each variable is a CONCATENATION with a `past`.

    Raises:
        KwsError: a variable is used in another way.
    """
    variables = _Variables(Proof(where))
    assigned = [o.inputs[1].index for o in graph.operators if _is(o, "ASSIGN_VARIABLE", 2)]
    operators = [o for o in graph.operators if not variables.takes(o, assigned)]
    variables.check(_initial_values(called, Proof(where)))
    return [variables.joined(operator) for operator in operators]


class _Variables:
    """Follow the variables of a graph from one operator to the next."""

    def __init__(self, require: Proof) -> None:
        self._require = require
        self._called = False
        self._handles: dict[int, Variable] = {}  # by tensor
        self._read: dict[int, Variable] = {}  # by the tensor that has its value, or its end
        self._values: dict[Variable, Tensor] = {}  # as they are read
        self._pasts: dict[Variable, tuple[Operator, int]] = {}  # what joins it, its time steps
        self._kept: dict[int, Variable] = {}  # by the tensor of the last time steps
        self._assigned: list[Variable] = []

    def takes(self, operator: Operator, assigned: list[int]) -> bool:
        """Take note of an operator of variables, and return whether it computes nothing.

        assigned: tensors that variables are assigned.
        """
        name, of = operator.name, self._require.of(operator)
        if name == "CALL_ONCE":
            of(operator.options.called == 1 and not self._read, "is not the first call")
            self._called = True
        elif name == "VAR_HANDLE":
            self._handles[operator.output.index] = operator.options.variable
        elif name == "READ_VARIABLE":
            variable = self._variable(operator)
            fresh = variable not in (*self._read.values(), *self._assigned)
            of(self._called and fresh, "reads a variable that is not read once, at first")
            self._read[operator.output.index] = variable
            self._values[variable] = operator.output
        elif name == "CONCATENATION" and operator.inputs[0].index in self._read:
            self._join(operator)
            return False
        elif name == "STRIDED_SLICE" and operator.inputs[0].index in self._read:
            of(last_time_steps(operator, of), "takes other than the last time steps")
            self._read[operator.output.index] = self._read[operator.inputs[0].index]
        elif name == "STRIDED_SLICE" and operator.output.index in assigned:
            self._keep(operator)
        elif name == "ASSIGN_VARIABLE":
            variable = self._variable(operator)
            kept = _is(operator, name, 2) and self._kept.get(operator.inputs[1].index) == variable
            of(kept and variable not in self._assigned, "keeps other than what was read")
            self._assigned.append(variable)
        else:
            return False
        return True

    def check(self, initial: dict[Variable, Tensor]) -> None:
        """Prove that each variable is read, kept and 0 at first, and that no other is set."""
        read = set(self._read.values())
        complete = read == set(self._pasts) == set(self._assigned) == set(initial)
        self._require(complete, "a variable is not read, joined, kept and set at first")
        for variable, (operator, _) in self._pasts.items():
            source, value = operator.inputs[1], initial[variable]
            expected = self._values[variable]
            fits = value.shape == expected.shape and value.quantised_as(source)
            of = self._require.of(operator)
            of(fits and value.data is not None, "joins a variable of another shape")
            of(np.all(value.data == source.zero_point), "its past does not begin with 0")

    def joined(self, operator: Operator) -> Operator:
        """Return an operator; what joins a variable has one input, and a past."""
        for joining, past in self._pasts.values():
            if joining is operator:
                inputs = operator.inputs[1:]
                return Operator(
                    operator.number, operator.name, inputs, operator.outputs, Options(), past
                )
        return operator

    def _variable(self, operator: Operator) -> Variable:
        handle = operator.inputs[0].index
        self._require.of(operator)(handle in self._handles, "takes no handle")
        return self._handles[handle]

    def _join(self, operator: Operator) -> None:
        """Note what joins a variable to the time steps that come."""
        of, none = self._require.of(operator), tflite.ActivationFunctionType.NONE
        options = operator.options
        of(len(operator.inputs) == 2, "does not join a variable and one other tensor")
        past, source = operator.inputs
        same = past.quantised_as(source) and source.quantised_as(operator.output)
        of(same and source.type == INT8, "joins tensors of other scales")
        planes = {len(t.shape) for t in (past, source, operator.output)} == {4}
        of(planes and options.axis % 4 == TIME, "does not join along time")
        of(options.activation == none, "its activation is not supported")
        shape = list(source.shape)
        shape[TIME] += past.shape[TIME]
        kept = past.shape[TIME]
        fits = kept >= 1 and list(operator.output.shape) == shape
        of(fits, "its output's shape does not follow")
        variable = self._read[past.index]
        of(variable not in self._pasts, "joins a variable that another one joins")
        self._pasts[variable] = operator, kept
        if operator.output.shape == self._values[variable].shape:
            self._kept[operator.output.index] = variable

    def _keep(self, operator: Operator) -> None:
        """Note which variable a slice keeps: the last of the time steps that were joined."""
        of = self._require.of(operator)
        for variable, (joining, _) in self._pasts.items():
            if joining.output.index == operator.inputs[0].index:
                size = self._values[variable].shape[TIME]
                of(last_time_steps(operator, of) == size, "keeps other than the last time steps")
                self._kept[operator.output.index] = variable
                return
        of(False, "keeps what no variable was joined to")


def last_time_steps(operator: Operator, require: Proof) -> int:
    """Return how many of the last time steps of a plane a STRIDED_SLICE takes; 0: it does not."""
    source = operator.inputs[0]
    require(len(operator.inputs) == 4, "has not four inputs")
    axes = (constant(operator, at, INT32, (4,), "axes", require) for at in (1, 2, 3))
    begins, ends, strides = axes
    open_begins, open_ends = operator.options.open_ends
    whole = source.quantised_as(operator.output) and len(source.shape) == 4
    if operator.options.other_masks or not whole or not np.all(strides == 1):
        return 0
    bounds = []
    for axis, size in enumerate(source.shape):
        begin = 0 if open_begins >> axis & 1 else _within(begins[axis], size)
        end = size if open_ends >> axis & 1 else _within(ends[axis], size)
        bounds.append((begin, end))
    first = bounds[TIME][0]
    expected = [(0, size) for size in source.shape]
    expected[TIME] = (first, source.shape[TIME])
    shape = tuple(end - begin for begin, end in bounds)
    return shape[TIME] if bounds == expected and shape == operator.output.shape else 0


def _initial_values(called: Graph, require: Proof) -> dict[Variable, Tensor]:
    """Return what the graph that is called once assigns to each variable."""
    handles = {o.output.index: o.options.variable for o in called.operators if not o.inputs}
    values: dict[Variable, Tensor] = {}
    for operator in (each for each in called.operators if each.name != "VAR_HANDLE"):
        of = Proof(f"{require.of(operator).where} of what is called once")
        known = _is(operator, "ASSIGN_VARIABLE", 2) and operator.inputs[0].index in handles
        of(known, "does not set a variable")
        handle, value = operator.inputs
        of(handles[handle.index] not in values, "sets a variable again")
        values[handles[handle.index]] = value
    return values


def _is(operator: Operator, name: str, inputs: int) -> bool:
    return operator.name == name and len(operator.inputs) == inputs


def _within(bound: int, size: int) -> int:
    """Return a bound of a slice, from the end where it is negative, within an axis."""
    bound = int(bound)
    return min(max(bound + size if bound < 0 else bound, 0), size)
