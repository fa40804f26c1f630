"""Test that a network that the engine cannot run is refused by one line that says where and why."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from conftest import skip_without

skip_without("TensorFlow, whose schema is needed", find_spec("tensorflow"))

from hostile_models import (  # noqa: E402
    Network,
    sealed,
    settings_of,
    small_model,
    unpacked,
    with_settings,
    without_settings,
)

from kws.ds_cnn import DsCnn  # noqa: E402
from kws.engine.lowering import read  # noqa: E402
from kws.engine.native import AVAILABLE, NativeDsCnn  # noqa: E402
from kws.errors import KwsError  # noqa: E402
from kws.export.sketch import export  # noqa: E402
from kws.model_file import ModelFile  # noqa: E402

CONV, PAD, DEPTHWISE, POOL, POINT, RESHAPE, DENSE, SOFTMAX = range(8)  # operators of small_model()


def refusal(change: Callable[[Any], None]) -> str:
    """Return the message that a changed small model is refused with, by ModelFile and by read()."""
    model = unpacked(small_model())
    settings = settings_of(model)
    change(model)
    content = sealed(model, settings)
    with pytest.raises(KwsError) as raised:
        ModelFile.parse(content, "x.tflite")
    with pytest.raises(KwsError) as alone:
        read(without_settings(content), "x.tflite")
    assert str(raised.value) == str(alone.value)
    assert str(raised.value).isprintable()
    return str(raised.value)


def output(model: Any, operator: int) -> Any:
    """Return the tensor that an operator writes."""
    graph = model.subgraphs[0]
    return graph.tensors[graph.operators[operator].outputs[0]]


def constant(model: Any, operator: int, position: int) -> tuple[Any, Any]:
    """Return a constant input's tensor and buffer."""
    graph = model.subgraphs[0]
    tensor = graph.tensors[graph.operators[operator].inputs[position]]
    return tensor, model.buffers[tensor.buffer]


def test_the_small_model_is_accepted() -> None:
    assert len(read(small_model(), "x").layers) == 6


@pytest.mark.parametrize(
    ("operator", "shape", "problem"),
    [
        (POOL, (1, 1, 4, 60), "operator 4 (AVERAGE_POOL_2D): its output has other channels"),
        (SOFTMAX, (1, 300), "operator 8 (SOFTMAX): its output has another shape"),
        (CONV, (3, 3, 8, 4), "operator 1 (CONV_2D): its output has shape (3, 3, 8, 4): not a"),
        (CONV, (1, 3, 9, 4), "operator 1 (CONV_2D): its output's shape does not follow"),
        (CONV, (1, 3, 8, 5), "operator 1 (CONV_2D): its weights do not fit"),
        (DEPTHWISE, (1, 2, 8, 8), "operator 3 (DEPTHWISE_CONV_2D): its weights do not fit"),
        (PAD, (1, 3, 9, 4), "operator 2 (PAD): its output's shape does not follow"),
        (RESHAPE, (1, 25), "operator 6 (RESHAPE): changes the number of values"),
        (DENSE, (1, 0), "operator 7 (FULLY_CONNECTED): its output has shape (1, 0)"),
        (DENSE, (1, -3), "operator 7 (FULLY_CONNECTED): its output has shape (1, -3)"),
    ],
)
def test_shapes(operator: int, shape: tuple[int, ...], problem: str) -> None:
    def change(model: Any) -> None:
        output(model, operator).shape = np.array(shape, np.int32)

    assert refusal(change).startswith(f"x.tflite: {problem}")


@pytest.mark.parametrize(
    ("operator", "option", "value", "problem"),
    [
        (CONV, "strideH", 0, "strides of (0, 1)"),
        (CONV, "strideW", -1, "strides of (2, -1)"),
        (POOL, "filterWidth", 0, "a kernel of (2, 0)"),
        (POOL, "filterHeight", -2, "a kernel of (-2, 2)"),
        (POOL, "strideW", 1 << 20, "strides of (1, 1048576)"),
        (POINT, "padding", 7, "its padding is new"),
        (POINT, "fusedActivationFunction", 4, "its activation is not supported"),
        (POINT, "dilationWFactor", 0, "dilations of (1, 0)"),
        (CONV, "dilationWFactor", 1 << 20, "dilations of (1, 1048576)"),
        (CONV, "dilationWFactor", 3, "its output's shape does not follow"),
        (SOFTMAX, "beta", float("nan"), "its beta is not a positive number"),
        (SOFTMAX, "beta", -1.0, "its beta is not a positive number"),
        (DENSE, "weightsFormat", 1, "its weights are shuffled"),
    ],
)
def test_options(operator: int, option: str, value: float, problem: str) -> None:
    def change(model: Any) -> None:
        setattr(model.subgraphs[0].operators[operator].builtinOptions, option, value)

    message = refusal(change)
    assert message.startswith(f"x.tflite: operator {operator + 1} (")
    assert problem in message


@pytest.mark.parametrize("scale", [0.0, -0.1, float("inf"), float("nan"), 1e-40, 1e30])
def test_scales(scale: float) -> None:
    def change(model: Any) -> None:
        output(model, CONV).quantization.scale = np.array([scale], np.float32)

    assert refusal(change) == "x.tflite: operator 1 (CONV_2D): its output has no valid scale"

    def change_weights(model: Any) -> None:
        constant(model, DENSE, 1)[0].quantization.scale = np.array([scale], np.float32)

    if not 0 < scale < 1:  # a very small one is a weight of nothing
        assert "operator 7 (FULLY_CONNECTED): its weights have wrong" in refusal(change_weights)


@pytest.mark.parametrize("zero_point", [-129, 128, 1 << 40])
def test_zero_points(zero_point: int) -> None:
    def change(model: Any) -> None:
        output(model, POOL).quantization.zeroPoint = np.array([zero_point], np.int64)

    assert refusal(change).endswith("(AVERAGE_POOL_2D): its output has a zero point not in int8")


@pytest.mark.parametrize(
    ("sides", "problem"),
    [
        ((-1, 3), "pads too much"),
        ((9, -7), "pads too much"),
        ((3, -1), "pads too much"),
        ((1000, 1000), "pads too much"),
        ((2, 0), ""),
        ((0, 2), ""),
    ],
)
def test_paddings(sides: tuple[int, int], problem: str) -> None:
    """Pad by two bins in another way; what the kernel of three can take is accepted."""

    def change(model: Any) -> None:
        values = np.array([[0, 0], [0, 0], sides, [0, 0]], np.int32)
        constant(model, PAD, 1)[1].data = np.frombuffer(values.tobytes(), np.uint8)

    if problem:
        assert refusal(change) == f"x.tflite: operator 2 (PAD): {problem}"
    else:
        model = unpacked(small_model())
        change(model)
        assert read(sealed(model, None), "x").layers[1].frequency_padding == sides[0]


def test_padding_as_wide_as_the_kernel() -> None:
    def change(model: Any) -> None:
        values = np.array([[0, 0], [0, 0], (3, 0), [0, 0]], np.int32)
        constant(model, PAD, 1)[1].data = np.frombuffer(values.tobytes(), np.uint8)
        output(model, PAD).shape = np.array((1, 3, 11, 4), np.int32)
        output(model, DEPTHWISE).shape = np.array((1, 2, 9, 4), np.int32)

    assert refusal(change) == "x.tflite: operator 3 (DEPTHWISE_CONV_2D): pads more than its kernel"


def test_lengths_of_weights_and_bias() -> None:
    def short_bias(model: Any) -> None:
        tensor, buffer = constant(model, CONV, 2)
        tensor.shape, buffer.data = np.array([2], np.int32), buffer.data[:8]

    def short_data(model: Any) -> None:
        buffer = constant(model, CONV, 1)[1]
        buffer.data = buffer.data[:-1]

    assert refusal(short_bias).endswith(
        "(CONV_2D): its bias values do not fit its input and output"
    )
    assert "operator 1 (CONV_2D): tensor" in refusal(short_data)


@pytest.mark.parametrize("name", ["SVDF", "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "CUSTOM"])
def test_unknown_operators_are_named(name: str) -> None:
    """Name the operators of microWakeWord and others, which may have no inputs and outputs."""

    def change(model: Any) -> None:
        from hostile_models import schema

        code = model.operatorCodes[POOL]
        code.builtinCode = getattr(schema().BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(127, code.builtinCode)
        code.customCode = "AudioSpectrogram\x1b" if name == "CUSTOM" else None
        operator = model.subgraphs[0].operators[POOL]
        operator.inputs = operator.outputs = np.zeros(0, np.int32)
        if name in ("SVDF", "CUSTOM"):  # those of resource variables may be in a file of two graphs
            model.subgraphs.append(model.subgraphs[0])

    shown = "CUSTOM 'AudioSpectrogram\\x1b'" if name == "CUSTOM" else name
    assert refusal(change) == f"x.tflite: operator {shown} is not supported"


def test_sizes_are_bounded() -> None:
    def wide(model: Any) -> None:
        model.subgraphs[0].tensors[0].shape = np.array((1, 7, 60_000, 1), np.int32)

    def long(model: Any) -> None:
        model.subgraphs[0].tensors[0].shape = np.array((1, 1 << 30, 10, 1), np.int32)

    assert "too large" in refusal(wide)
    assert "more than 4096 frames" in refusal(long)


def test_one_flipped_bit_is_refused_by_export(tmp_path) -> None:
    """Flip a bit in the name of the settings, so that a model of kws looks foreign."""
    path = tmp_path / "one_bit.tflite"
    content = bytearray(small_model())
    content[content.find(b"kws_config")] ^= 1
    path.write_bytes(content)
    with pytest.raises(KwsError, match=r"one_bit\.tflite: the model file is damaged"):
        export(path, tmp_path / "c")


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_both_backends_give_the_same_scores_for_every_kind_of_layer(
    stride: int, dense: bool
) -> None:
    """Compare the C engine with TensorFlow Lite, which is given the network as kws writes it."""
    model = ModelFile.parse(small_model(stride, dense), "x.tflite")
    frames = np.random.default_rng(0).normal(0, 3, (60, 10)).astype(np.float32)
    scores = DsCnn(model).push(frames)
    assert len(np.unique(scores, axis=0)) > 20
    if AVAILABLE:
        assert NativeDsCnn(model).push(frames).tobytes() == scores.tobytes()


def test_what_tensorflow_lite_cannot_run_is_one_line() -> None:
    """A vector of a fully connected layer is no plane that the file as written could convolve."""
    net = Network((1, 7, 10, 1), np.random.default_rng(1))
    net.add("RESHAPE", (1, 70), [], "ReshapeOptions", newShape=np.array([1, 70], np.int32))
    net.add("FULLY_CONNECTED", (1, 4), net.weights(4, 70, channels=4), "FullyConnectedOptions")
    plane = np.array([1, 1, 1, 4], np.int32)
    net.add("RESHAPE", tuple(plane), [], "ReshapeOptions", newShape=plane)
    options = {"padding": 1, "strideH": 1, "strideW": 1}
    options |= {"dilationHFactor": 1, "dilationWFactor": 1}
    net.add(
        "CONV_2D", (1, 1, 1, 3), net.weights(3, 1, 1, 4, channels=3), "Conv2DOptions", **options
    )
    model = ModelFile.parse(with_settings(net, 1), "x.tflite")
    with pytest.raises(KwsError, match="x: TensorFlow Lite cannot run it: "):
        DsCnn(model)


def test_the_interpreter_sees_no_byte_of_a_foreign_file(monkeypatch) -> None:
    """A file whose offsets lead astray where kws does not read would crash the interpreter."""
    seen = []
    monkeypatch.setattr("kws.ds_cnn.open_interpreter", lambda content: seen.append(content))
    model = ModelFile.parse(small_model(), "x.tflite")
    with pytest.raises(AttributeError):
        DsCnn(model)
    assert seen[0] != model.content
    again = read(seen[0], "x")
    for mine, written in zip(read(model.content, "x").layers, again.layers, strict=True):
        assert mine.weights.tobytes() == written.weights.tobytes()
        assert mine.multiplier.tobytes() == written.multiplier.tobytes()
        assert mine.bias.tobytes() == written.bias.tobytes()
