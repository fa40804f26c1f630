"""Prove that the layers of a network are those of a stream, which may keep its past itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kws.engine.operator_check import Step
from kws.engine.proof import Proof
from kws.engine.tflite_reader import Operator, Tensor


def joined_to_past(operator: Operator, source: Tensor, require: Proof) -> Tensor:
    """Return the output of a CONCATENATION of a source and the time steps before it."""
    time_steps, bins, values = source.plane
    fits = operator.output.plane == (operator.past + time_steps, bins, values)
    require(fits, "joins other planes than that of the layer before")
    return operator.output


def with_past(step: Step, past: int, require: Proof) -> Step:
    """Return a step of a network that keeps its past, with the stride that its stream has.

    past: time steps of its source that came with earlier calls.
    """
    taken, given = step.source.plane[0] - past, step.output.plane[0]
    options = step.operator.options
    require(step.pads[0] == (0, 0), "pads along time, in a network that keeps its past")
    require(taken % given == 0, f"gives {given} time steps for {taken}")
    stride = taken // given
    require(given == 1 or options.stride[0] == stride, "its stride is not that of the stream")
    kept = step.kernel[0] - stride
    require(kept >= 0, "its stride is longer than its kernel")
    require(kept == past, f"needs {kept} earlier time steps, not {past}")
    require(step.pad_value == step.source.zero_point or not past, "pads what it joins to its past")
    options = replace(options, stride=(stride, options.stride[1]))
    return replace(step, operator=replace(step.operator, options=options), past=past)


def no_stream(first: Tensor, steps: Sequence[Step]) -> str:
    """Return why a network does not run on a stream, step by step; nothing where it does."""
    window, frames, stride = first.plane[0], 1, 1
    for step in reversed(steps):
        frames = (frames - 1) * step.operator.options.stride[0] + step.kernel[0]
        stride *= step.operator.options.stride[0]
    if keeps_past(steps):
        return "" if stride == window else f"a call takes {window} frames, and a step {stride}"
    if any(step.repeats for step in steps):
        return "what a whole window gives is added to each of its time steps, or multiplies it"
    if any(sum(step.pads[0]) for step in steps) or frames != window:
        fields = f"its window of {window} frames is not its receptive field of {frames}"
        return f"it pads along time, or {fields}"
    return ""


def keeps_past(steps: Sequence[Step]) -> bool:
    """Return whether a network keeps what it needs of earlier calls itself."""
    return any(step.past for step in steps)
