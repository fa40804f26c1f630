"""The shape of a network."""

from __future__ import annotations

from dataclasses import dataclass

from kws.engine.tflite_reader import Operator, chain
from kws.errors import KwsError
from kws.model_file import ModelFile

CONVOLUTIONS = "CONV_2D", "DEPTHWISE_CONV_2D"


@dataclass(frozen=True)
class Architecture:
    """Shape of a network; kernels are in rows before the stride and in columns behind it."""

    channels: int = 56
    first_kernel: int = 5  # rows
    stride: int = 2  # rows per step
    kernels: tuple[int, ...] = (5, 7, 9, 11)  # columns along time, one block each
    head: int = 5  # columns that the last depthwise convolution joins
    frequency_kernel: int = 0  # coefficients seen at once by the first layer; 0 is all of them
    frequency_stride: int = 2  # of the first layer, where it keeps a plane

    @property
    def columns(self) -> int:
        """Columns behind the first convolution that one step sees."""
        return 1 + sum(kernel - 1 for kernel in self.kernels) + self.head - 1

    @property
    def window_frames(self) -> int:
        """Feature rows that one step sees."""
        return (self.columns - 1) * self.stride + self.first_kernel

    @staticmethod
    def of(model: ModelFile) -> Architecture:
        """The shape of a model; KwsError where it is none that builder.py makes."""
        operators = convolutions(model)
        kernels = [o.inputs[1].shape[1] for o in operators if o.name == "DEPTHWISE_CONV_2D"]
        if len(kernels) < 2 or operators[0].name != "CONV_2D":
            raise KwsError(f"{model.name}: its network is none that kws trains")
        first = operators[0]
        channels, rows, width, _ = first.inputs[1].shape
        plane = width != model.config.front_end.coefficients
        return Architecture(
            channels=channels,
            first_kernel=rows,
            stride=first.options.StrideH(),
            kernels=tuple(kernels[:-1]),
            head=kernels[-1],
            frequency_kernel=width if plane else 0,
            frequency_stride=first.options.StrideW(),
        )


def convolutions(model: ModelFile) -> list[Operator]:
    """A model's operators that have weights, in order."""
    return [o for o in chain(model.content, model.name)[1] if o.name in CONVOLUTIONS]
