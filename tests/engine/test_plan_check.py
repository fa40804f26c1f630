"""Test that no plan whose offsets, sizes or arrays are wrong reaches the C engine or an export."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from conftest import skip_without

from kws.config import CommitteeConfig
from kws.engine.c_layout import model_values
from kws.engine.lowering import read
from kws.engine.network import plan
from kws.engine.network_plan_check import check_network
from kws.engine.network_values import network_values
from kws.engine.plan_check import check_plan
from kws.errors import KwsError
from kws.export import c_source
from kws.export.sketch import export
from kws.model_file import ModelFile


@cache
def shipped() -> dict[str, Any]:
    """Return the values of the shipped model's struct."""
    model = ModelFile.load()
    network, *others = (read(c, model.name) for c in (model.content, *model.networks))
    return model_values(model.name, model.config, network, others)


@cache
def committee() -> dict[str, Any]:
    """Return the values of a committee: two phases of the shipped network, and one of a copy."""
    model = ModelFile.load()
    network = read(model.content, model.name)
    settings = CommitteeConfig((0.5,) * 4, (2, 1))
    smoothing = replace(model.config.smoothing, smooth_steps=12)
    config = replace(model.config, stride=1, smoothing=smoothing, committee=settings)
    return model_values(model.name, config, network, [network])


def other() -> list[dict[str, Any]]:
    """Return networks that add, multiply and join, constants and what is kept."""
    skip_without("TensorFlow, whose schema is needed", find_spec("tensorflow"))
    from broadcast_models import broadcast_model, excited_model
    from stateful_models import stateful_model

    contents = [stateful_model(kind) for kind in ("attention", "inception")]
    contents += [broadcast_model(), excited_model()]
    networks = [read(content, "x") for content in contents]
    return [network_values(each, plan(each)) for each in networks]


def changed(path: tuple[str | int, ...], value: Any, model: Any = shipped) -> dict[str, Any]:
    """Return a model's values with one of them replaced."""
    values = deepcopy(model())
    place: Any = values
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return values


def fields(values: Any, path: tuple[str | int, ...] = ()) -> Any:
    """Yield the path and the value of each field."""
    items = values.items() if isinstance(values, dict) else enumerate(values)
    for key, value in items:
        if isinstance(value, dict) or key in ("layers", "members") or isinstance(key, int):
            yield from fields(value, (*path, key))
        else:
            yield (*path, key), value


def refused(path: tuple[str | int, ...], value: Any, model: Any = shipped) -> bool:
    """Return whether a plan with one value replaced is refused."""
    try:
        check_plan("kws_model", changed(path, value, model))
    except KwsError:
        return True
    return False


def test_the_plan_of_the_shipped_model_is_right() -> None:
    check_plan("kws_model", shipped())


def test_every_array_has_the_length_that_the_engine_reads() -> None:
    arrays = [(path, v) for path, v in fields(shipped()) if isinstance(v, np.ndarray)]
    assert len(arrays) > 30
    for path, array in arrays:
        assert refused(path, array.reshape(-1)[:-1]), path


def test_every_offset_lies_within_the_memory() -> None:
    offsets = [path for path, _ in fields(shipped()) if str(path[-1]).endswith("_at")]
    assert len(offsets) > 15
    for path in offsets:
        for offset in (shipped()["memory_bytes"], 2**32 - 4, 2**32, -4):
            assert refused(path, offset), (path, offset)


def test_a_committee_has_its_arrays_and_its_memory() -> None:
    """The network that the model names besides is the first member's and is not run."""
    check_plan("kws_model", committee())
    found = [(path, v) for path, v in fields(committee()) if path[0] == "committee"]
    arrays = [(path, v) for path, v in found if isinstance(v, np.ndarray)]
    assert len(arrays) > 100
    for path, array in arrays:
        assert not array.size or refused(path, array.reshape(-1)[:-1], committee), path
    offsets = [path for path, _ in found if str(path[-1]).endswith("_at")]
    assert len(offsets) > 40
    for path in offsets:
        for offset in (committee()["memory_bytes"], 2**32 - 4, 2**32, -4):
            assert refused(path, offset, committee), (path, offset)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (("committee", "kept_frames"), (0, 105, 107, 65_535)),
        (("committee", "keywords"), (0, 3, 5)),
        (("committee", "member_count"), (0, 1, 2, 4)),
        (("committee", "smooth_steps"), (0, 255)),
        (("committee", "posteriors"), (0, 17, 19)),
        (("committee", "first_stage"), (1, 2)),
        (("committee", "members", 1, "every"), (0, 3)),
        (("committee", "members", 1, "offset"), (2,)),
        (("committee", "members", 2, "count"), (0, 7)),
        (("committee", "members", 2, "network", "window_frames"), (0, 96)),
        (("committee", "members", 2, "network", "phases"), (0, 3)),
        (("committee", "members", 2, "network", "frame_values"), (0, 21)),
    ],
)
def test_the_numbers_of_a_committee_fit(path: tuple[str | int, ...], values: Any) -> None:
    for value in values:
        assert refused(path, value, committee), value


@pytest.mark.parametrize(
    "field",
    ["time_kernel", "frequency_kernel", "channels", "output_bins", "output_channels"],
)
def test_sizes_of_layers_agree(field: str) -> None:
    for index, layer in enumerate(shipped()["network"]["layers"]):
        for value in (0, layer[field] + 1, 65_535):
            assert refused(("network", "layers", index, field), value), (index, value)


def test_what_a_layer_takes_besides_its_input_lies_within_what_is_kept() -> None:
    kinds, found = {"KWS_ADD", "KWS_MULTIPLY", "KWS_JOIN", "KWS_RECALL"}, set()
    for network in other():
        check_network(network)
        for index, layer in enumerate(network["layers"]):
            if layer["kind"] not in kinds:
                continue
            found.add((layer["kind"], bool(layer["bias"][1])))
            wrong = [("output_bins", layer["output_bins"] + 1), ("bias", layer["bias"][:-1])]
            for position in range(1, len(layer["bias"])):
                used = position != 2 or layer["bins"] > 1  # how far apart two bins are
                for number in (-1, 4096) if used else (-1,):
                    bias = layer["bias"].copy()
                    bias[position] = number
                    wrong.append(("bias", bias))
            if layer["weights"].size:
                wrong.append(("weights", layer["weights"][:-1]))
            for field, value in wrong:
                values = deepcopy(network)
                values["layers"][index][field] = value
                assert rejected(values), (index, field, value)
    constants = {("KWS_ADD", False), ("KWS_MULTIPLY", False)}
    assert found == constants | {(kind, True) for kind in kinds}


def rejected(network: dict[str, Any]) -> bool:
    """Return whether a network is refused."""
    try:
        check_network(network)
    except KwsError:
        return True
    return False


def test_every_number_fits_its_field() -> None:
    for path, value in fields(shipped()):
        if isinstance(value, int):
            assert refused(path, 2**32), path
            assert refused(path, -(2**31) - 1), path


def test_a_wrong_plan_is_neither_run_nor_exported(monkeypatch, tmp_path) -> None:
    wrong = changed(("network", "layers", 2, "output_channels"), 200)
    monkeypatch.setattr(c_source, "model_values", lambda *_: wrong)
    with pytest.raises(KwsError, match="the plan for the C engine is wrong"):
        export("home", tmp_path)
    native = pytest.importorskip("kws.engine.native")
    if native.AVAILABLE:
        monkeypatch.setattr("kws.engine.native_struct.model_values", lambda *_: wrong)
        with pytest.raises(KwsError, match="the plan for the C engine is wrong"):
            native.NativeSpotter(ModelFile.load())
