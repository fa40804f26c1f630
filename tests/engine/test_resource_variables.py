"""Test that networks that keep their past are run bit for bit, and what of them is refused."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from conftest import skip_without

skip_without("TensorFlow, whose schema is needed", find_spec("tensorflow"))

from hostile_models import packed, schema  # noqa: E402
from stateful_models import (  # noqa: E402
    NETWORKS,
    attention_network,
    inception_network,
    residual_network,
    stateful_model,
    stateful_network,
    write_pair,
)
from stateful_network import StatefulNetwork  # noqa: E402

from kws.backend import open_ds_cnn  # noqa: E402
from kws.ds_cnn import open_interpreter, quantised  # noqa: E402
from kws.engine.lowering import read  # noqa: E402
from kws.engine.model_check import proven  # noqa: E402
from kws.engine.past_check import keeps_past  # noqa: E402
from kws.errors import KwsError  # noqa: E402
from kws.export.sketch import export  # noqa: E402
from kws.model_file import ModelFile  # noqa: E402
from kws.stateful_ds_cnn import StatefulDsCnn  # noqa: E402

Change = Callable[[StatefulNetwork], Any]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return ModelFile.load(write_pair(tmp_path_factory.mktemp("pair")))


@pytest.fixture(scope="module")
def frames() -> npt.NDArray[np.float32]:
    """Return frames of every loudness, whose extremes saturate; no whole number of steps."""
    random = np.random.default_rng(7)
    loudness = np.geomspace(1, 60, 601)[:, None]
    return (random.normal(3, loudness, (601, 40))).astype(np.float32)


def reference(content: bytes, frames: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return what the reference kernels give, from the first call on, as int8."""
    network = open_interpreter(content)
    network.allocate_tensors()
    (source,), (result,) = network.get_input_details(), network.get_output_details()
    values, scores = quantised(frames, *source["quantization"]), []
    taken = source["shape"][1]
    for first in range(0, len(values) // taken * taken, taken):
        network.set_tensor(source["index"], values[None, first : first + taken])
        network.invoke()
        scores.append(int(network.get_tensor(result["index"])[0, 0]) - 128)
    return np.array(scores)


@pytest.mark.parametrize("classifier", [open_ds_cnn, StatefulDsCnn])
@pytest.mark.parametrize("kind", NETWORKS)
def test_scores_are_those_of_the_reference_from_the_first_on(
    kind: str,
    frames: npt.NDArray[np.float32],
    classifier: Callable[[ModelFile], Any],
    tmp_path: Path,
) -> None:
    model = ModelFile.load(write_pair(tmp_path, kind))
    expected = reference(model.content, frames)
    assert len(np.unique(expected)) > 50
    network = classifier(model)
    for _ in range(2):
        parts = np.split(frames, [1, 2, 3, 50, 400])
        found = np.concatenate([network.push(part)[:, 0] for part in parts])
        np.testing.assert_array_equal(found, expected)
        network.reset()


def test_it_is_lowered_to_layers_with_a_past(model: ModelFile) -> None:
    network = read(model.content, "x")
    pasts = [(each.kind, each.time_kernel, each.time_padding_before) for each in network.layers]
    assert pasts == [
        ("CONVOLUTION", 5, 2),
        ("DEPTHWISE", 5, 4),  # of kernels of 3 and 5
        ("CONVOLUTION", 1, 0),
        ("CONVOLUTION", 3, 2),
        ("TABLE", 1, 0),
    ]
    assert not network.no_stream
    assert (network.stride, network.window_frames, network.receptive_field) == (3, 3, 23)


def test_branches_are_lowered_to_layers_in_line() -> None:
    kinds = [each.kind for each in read(stateful_model("residual"), "x").layers]
    block = ["DEPTHWISE", "CONVOLUTION", "ADD"]
    projection = ["KEEP", "CONVOLUTION", "KEEP", "RECALL"]  # the second for both sums
    assert kinds == ["CONVOLUTION", *projection, *block, *block, "CONVOLUTION", "TABLE"]


def test_attention_is_lowered_to_a_product_of_time_steps() -> None:
    layers = read(stateful_model("attention"), "x").layers
    kinds = [(each.kind, each.time_kernel) for each in layers]
    pools = [("KEEP", 1), ("AVERAGE", 1), ("KEEP", 1), ("RECALL", 1), ("MAXIMUM", 1), ("JOIN", 1)]
    product = [("KEEP", 7), ("RECALL", 1), ("MULTIPLY", 7), ("AVERAGE", 1)]
    ends = [("CONVOLUTION", 4), ("TABLE", 1), *product, ("CONVOLUTION", 1), ("TABLE", 1)]
    assert kinds == [("CONVOLUTION", 5), *pools, *ends]
    (multiply,) = (each for each in layers if each.kind == "MULTIPLY")
    assert (multiply.bins, multiply.output_bins, multiply.bias[2:].tolist()) == (1, 7, [0, 0])


def test_the_network_is_exported_as_c(model: ModelFile, tmp_path: Path) -> None:
    path = tmp_path / "alone.tflite"
    path.write_bytes(model.content)
    written = {each.name for each in export(path, tmp_path / "c")}
    assert {"kws_model.c", "ds_cnn.c"} <= written


def operators(net: StatefulNetwork, name: str) -> list[Any]:
    """Return the operators of a name, in order."""
    code = getattr(schema().BuiltinOperator, name)
    codes = net.model.operatorCodes
    return [o for o in net.graph.operators if codes[o.opcodeIndex].builtinCode == code]


def set_data(net: StatefulNetwork, graph: Any, tensor: int, index: int, value: int) -> None:
    """Change a value of a constant."""
    tensor = graph.tensors[tensor]
    buffer = net.model.buffers[tensor.buffer]
    data = buffer.data.copy().view(np.int8 if tensor.type == 9 else np.int32)
    data[index] = value
    buffer.data = data.view(np.uint8)


def other_beginning(net: StatefulNetwork) -> None:
    (assign, *_) = [o for o in net.called.operators if len(o.inputs) == 2]
    set_data(net, net.called, assign.inputs[1], 5, 7)


def other_slice(net: StatefulNetwork) -> None:
    set_data(net, net.graph, operators(net, "STRIDED_SLICE")[0].inputs[1], 1, -3)


def every_second_step(net: StatefulNetwork) -> None:
    set_data(net, net.graph, operators(net, "STRIDED_SLICE")[1].inputs[3], 1, 2)


def first_steps_of_a_part(net: StatefulNetwork) -> None:
    slice_ = operators(net, "STRIDED_SLICE")[2]
    slice_.builtinOptions.endMask = 0b1101
    set_data(net, net.graph, slice_.inputs[1], 1, -4)
    set_data(net, net.graph, slice_.inputs[2], 1, -1)


def other_axis(net: StatefulNetwork) -> None:
    operators(net, "CONCATENATION")[0].builtinOptions.axis = 3


def new_before_past(net: StatefulNetwork) -> None:
    join = operators(net, "CONCATENATION")[0]
    join.inputs = join.inputs[::-1].copy()


def parts_in_another_order(net: StatefulNetwork) -> None:
    join = operators(net, "CONCATENATION")[2]
    join.inputs = join.inputs[::-1].copy()


def assigned_first(net: StatefulNetwork) -> None:
    read = operators(net, "READ_VARIABLE")[0]
    net.graph.operators.remove(read)
    net.graph.operators.append(read)


def never_set(net: StatefulNetwork) -> None:
    del net.called.operators[-2:]


def never_called(net: StatefulNetwork) -> None:
    del net.graph.operators[0]


def activated(net: StatefulNetwork) -> None:
    operators(net, "CONCATENATION")[0].builtinOptions.fusedActivationFunction = 1


def dilated_part(net: StatefulNetwork) -> None:
    operators(net, "DEPTHWISE_CONV_2D")[0].builtinOptions.dilationHFactor = 2


def subtraction(net: StatefulNetwork) -> None:
    logistic = operators(net, "LOGISTIC")[0]
    code = net.model.operatorCodes[logistic.opcodeIndex]
    code.builtinCode = code.deprecatedBuiltinCode = schema().BuiltinOperator.SUB


def split_without_parts(net: StatefulNetwork) -> None:
    for part in operators(net, "DEPTHWISE_CONV_2D"):
        net.graph.operators.remove(part)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (other_beginning, r"\(CONCATENATION\): its past does not begin with 0"),
        (other_slice, r"operator 6 \(STRIDED_SLICE\): keeps other than the last time steps"),
        (every_second_step, r"\(STRIDED_SLICE\): keeps other than the last time steps"),
        (first_steps_of_a_part, r"\(STRIDED_SLICE\): takes other than the last time steps"),
        (other_axis, r"\(CONCATENATION\): does not join along time"),
        (new_before_past, r"\(STRIDED_SLICE\): keeps what no variable was joined to"),
        (parts_in_another_order, r"\(SPLIT_V\): its parts are not joined again"),
        (assigned_first, r"\(STRIDED_SLICE\): keeps what no variable was joined to"),
        (never_set, "a variable is not read, joined, kept and set at first"),
        (never_called, "a network has one graph with one input and one output"),
        (activated, r"\(CONCATENATION\): its activation is not supported"),
        (dilated_part, r"\(DEPTHWISE_CONV_2D\): pads or dilates a part of the channels"),
        (subtraction, "operator SUB is not supported"),
        (split_without_parts, r"\(SPLIT_V\): a part of it is not convolved depthwise"),
    ],
)
def test_another_use_of_variables_is_refused_by_name(change: Change, problem: str) -> None:
    net = stateful_network()
    change(net)
    with pytest.raises(KwsError, match=rf"^x: (operator \d+ )?.*{problem}$") as refusal:
        proven(packed(net.model), "x")
    assert "\n" not in str(refusal.value)


def shortened_projection(net: StatefulNetwork) -> None:
    added = net.graph.tensors[operators(net, "ADD")[0].inputs[1]]
    added.shape = np.array([1, 1, 12, 1], np.int32)


def source_of_nothing(net: StatefulNetwork) -> None:
    handle = operators(net, "VAR_HANDLE")[0].outputs[0]
    net.graph.tensors[handle].type = 9
    operators(net, "CONV_2D")[2].inputs[0] = handle


def parts_of_another_axis(net: StatefulNetwork) -> None:
    set_data(net, net.graph, operators(net, "SPLIT")[0].inputs[0], 0, 2)


def missing_part(net: StatefulNetwork) -> None:
    split = operators(net, "SPLIT")[0]
    split.outputs = split.outputs[:1].copy()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (shortened_projection, r"\(ADD\): adds another shape"),
        (source_of_nothing, "CONV_2D is not in line with the other operators"),
        (parts_of_another_axis, r"\(SPLIT\): does not divide channels"),
        (missing_part, r"\(SPLIT\): its outputs do not follow from its input"),
    ],
)
def test_another_branch_is_refused_by_name(change: Change, problem: str) -> None:
    net = residual_network()
    change(net)
    with pytest.raises(KwsError, match=rf"^x: (operator \d+ )?({problem})$"):
        proven(packed(net.model), "x")


def first_steps_of_a_window(net: StatefulNetwork) -> None:
    slice_ = operators(net, "STRIDED_SLICE")[2]
    slice_.builtinOptions.endMask = 0b1101
    set_data(net, net.graph, slice_.inputs[1], 1, 0)
    set_data(net, net.graph, slice_.inputs[2], 1, 7)


def product_of_several_steps(net: StatefulNetwork) -> None:
    """Multiply a window by what has as many time steps, which no layer gives."""
    factor = net.graph.tensors[operators(net, "MUL")[0].inputs[1]]
    factor.shape = np.array([1, 7, 1, 1], np.int32)


def pool_of_some_steps(net: StatefulNetwork) -> None:
    pool = operators(net, "AVERAGE_POOL_2D")[1].builtinOptions
    pool.filterHeight = pool.strideH = 3


def activated_join(net: StatefulNetwork) -> None:
    operators(net, "CONCATENATION")[2].builtinOptions.fusedActivationFunction = 1


def far_product(net: StatefulNetwork) -> None:
    net.graph.tensors[operators(net, "MUL")[0].outputs[0]].quantization.scale[0] = 1e-9


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (first_steps_of_a_window, r"\(STRIDED_SLICE\): takes other than the last time steps .*"),
        (product_of_several_steps, r"\(LOGISTIC\): .* another shape than its input"),
        (pool_of_some_steps, r"\(AVERAGE_POOL_2D\): its output's shape does not follow"),
        (activated_join, r"\(CONCATENATION\): its activation is not supported"),
        (far_product, r"\(MUL\): its scales are too far off"),
    ],
)
def test_another_attention_is_refused_by_name(change: Change, problem: str) -> None:
    net = attention_network()
    change(net)
    with pytest.raises(KwsError, match=rf"^x: operator \d+ {problem}$"):
        proven(packed(net.model), "x")


def other_end_of_what_is_read(net: StatefulNetwork) -> None:
    set_data(net, net.graph, operators(net, "STRIDED_SLICE")[0].inputs[1], 1, 0)


def half_of_what_is_joined(net: StatefulNetwork) -> None:
    read = operators(net, "READ_VARIABLE")[0]
    net.graph.tensors[read.outputs[0]].shape = np.array([1, 6, 1, 40], np.int32)


def branches_of_another_scale(net: StatefulNetwork) -> None:
    join = operators(net, "CONCATENATION")[-2]
    net.graph.tensors[join.inputs[0]].quantization.scale[0] = 2.5


def branches_of_another_axis(net: StatefulNetwork) -> None:
    operators(net, "CONCATENATION")[-2].builtinOptions.axis = 2


def factors_of_another_shape(net: StatefulNetwork) -> None:
    net.graph.tensors[operators(net, "MUL")[0].inputs[1]].shape = np.array([2, 2], np.int32)


def summands_without_a_scale(net: StatefulNetwork) -> None:
    net.graph.tensors[operators(net, "ADD")[0].inputs[1]].quantization.scale[0] = 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (other_end_of_what_is_read, r"\(STRIDED_SLICE\): takes other than the last time steps"),
        (half_of_what_is_joined, r"\(ASSIGN_VARIABLE\): keeps other than what was read"),
        (branches_of_another_scale, r"\(CONCATENATION\): joins tensors of other scales"),
        (branches_of_another_axis, r"\(CONCATENATION\): does not join channels"),
        (factors_of_another_shape, r"\(MUL\): multiplies by a constant of another shape or type"),
        (summands_without_a_scale, r"\(ADD\): its constant has no valid scale"),
    ],
)
def test_another_inception_is_refused_by_name(change: Change, problem: str) -> None:
    net = inception_network()
    change(net)
    with pytest.raises(KwsError, match=rf"^x: operator \d+ {problem}$"):
        proven(packed(net.model), "x")


def layers_of(*, past: int, kernel: int, stride: int, padding: int = 1) -> bytes:
    """Return a network of one convolution of three frames a call, and what it keeps."""
    net = StatefulNetwork((1, 3, 1, 40), np.random.default_rng(1))
    net.keep(past)
    time_steps = (3 + past - kernel) // stride + 1 if padding else -(-(3 + past) // stride)
    options = {"strideH": stride, "strideW": 1, "padding": padding}
    options |= {"dilationHFactor": 1, "dilationWFactor": 1}
    weights = net.weights(2, kernel, 1, 40, channels=2)
    net.add("CONV_2D", (1, time_steps, 1, 2), weights, "Conv2DOptions", **options)
    return packed(net.model)


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        ({"past": 3, "kernel": 5, "stride": 3}, r"needs 2 earlier time steps, not 3"),
        ({"past": 2, "kernel": 2, "stride": 3}, r"gives 2 time steps for 3"),
        ({"past": 2, "kernel": 3, "stride": 1}, r"the output of a call is not one step"),
        ({"past": 2, "kernel": 3, "stride": 1, "padding": 0}, r"pads along time"),
    ],
)
def test_what_is_no_stream_is_refused(layer: dict[str, int], problem: str) -> None:
    with pytest.raises(KwsError, match=rf"^x: .*({problem})"):
        proven(layers_of(**layer), "x")


def test_a_stride_that_one_output_does_not_show_is_that_of_the_stream() -> None:
    assert read(layers_of(past=2, kernel=5, stride=1), "x").stride == 3
    assert keeps_past(proven(stateful_model(), "x")[1])


def test_what_a_call_gives_for_all_its_time_steps_is_refused() -> None:
    net = StatefulNetwork((1, 3, 1, 40), np.random.default_rng(1))
    source, axes = net.last, net.tensor((1,), 0, 0, np.array([1], np.int32))
    net.add("MEAN", (1, 1, 1, 40), [axes], "ReducerOptions", keepDims=True)
    factor, net.last = net.last, source
    net.add("MUL", (1, 3, 1, 40), [factor], "MulOptions")
    net.keep(2)
    net.convolve(8, 5, strideH=3)
    problem = "takes all time steps of a call again, in a network that keeps its past"
    with pytest.raises(KwsError, match=rf"^x: operator \d+ \(RECALL\): {problem}$"):
        proven(packed(net.model), "x")
