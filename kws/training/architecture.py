"""Describe the shape of a DS-CNN, as a section of a recipe and as a model file has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from kws.engine.operator_chain import chain
from kws.engine.tflite_reader import Operator
from kws.errors import KwsError
from kws.model_file import ModelFile

CONVOLUTIONS = "CONV_2D", "DEPTHWISE_CONV_2D"

T = TypeVar("T")


def within(least: float, greatest: float, default: T) -> T:
    """Return a dataclass field whose value, or each of its values, lies in a closed range."""
    return field(default=default, metadata={"range": (least, greatest)})


@dataclass(frozen=True)
class Architecture:
    """Describe the shape of a DS-CNN.

    Kernels count frames before the stride and time steps after it.
    """

    channels: int = within(1, 256, 56)
    first_kernel: int = within(1, 64, 5)  # frames
    stride: int = within(1, 16, 2)  # frames per step
    kernels: tuple[int, ...] = within(1, 64, (5, 7, 9, 11))  # time steps, one block each
    last_kernel: int = within(1, 64, 5)  # time steps that the last depthwise convolution joins
    frequency_kernel: int = within(0, 128, 0)  # coefficients of the first layer's kernel; 0: all
    frequency_stride: int = within(1, 16, 2)  # of the first layer, where it keeps a frequency axis

    @property
    def window_frames(self) -> int:
        """Return the receptive field of one step, feature frames."""
        steps = 1 + sum(kernel - 1 for kernel in self.kernels) + self.last_kernel - 1
        return (steps - 1) * self.stride + self.first_kernel

    @staticmethod
    def of(model: ModelFile) -> Architecture:
        """Return the shape of a model; KwsError where model.py does not build such a network."""
        operators = convolutions(model)
        kernels = [o.inputs[1].shape[1] for o in operators if o.name == "DEPTHWISE_CONV_2D"]
        others = model.config.micro_wake_word
        if others or len(kernels) < 2 or operators[0].name != "CONV_2D":
            raise KwsError(f"{model.name}: its network is not one that kws trains")
        first = operators[0]
        channels, frames, width, _ = first.inputs[1].shape
        plane = width != model.config.front_end.coefficients
        return Architecture(
            channels=channels,
            first_kernel=frames,
            stride=first.options.stride[0],
            kernels=tuple(kernels[:-1]),
            last_kernel=kernels[-1],
            frequency_kernel=width if plane else 0,
            frequency_stride=first.options.stride[1],
        )


def convolutions(model: ModelFile) -> list[Operator]:
    """Return a model's operators that have weights, in order."""
    return [o for o in chain(model.content, model.name)[1] if o.name in CONVOLUTIONS]
