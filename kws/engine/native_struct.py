"""Hold structs of the C engine on this machine, with the memory that their fields point to."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from kws.config import ModelConfig
from kws.engine.c_layout import longest_window, model_values
from kws.engine.lowering import read_all
from kws.engine.network_values import Values
from kws.engine.plan_check import check_plan
from kws.errors import KwsError
from kws.model_file import ModelFile
from kws.sensitivity import least_thresholds

with suppress(ImportError):  # built without a compiler; kws.engine.native.AVAILABLE says so
    from kws.engine._c_engine import ffi, lib


class NativeStruct:
    """Hold a struct of the engine and the memory that its fields point to."""

    def __init__(self, name: str, values: Values) -> None:
        check_plan(name, values)
        self._kept: list[Any] = []
        self.pointer = ffi.new(f"{name} *", self._fields(name, values))

    def _fields(self, name: str, values: Values) -> Values:
        """Return values as cffi takes them: arrays, texts and lists as pointers."""
        fields = dict(ffi.typeof(name).fields)
        if set(values) != set(fields):
            raise KwsError(
                "the C engine was built from other sources than these; install kws again"
            )
        return {key: self._field(fields[key].type, value) for key, value in values.items()}

    def _field(self, c_type: Any, value: Any) -> Any:
        if c_type.kind == "struct":
            return self._fields(c_type.cname, value)
        if c_type.kind != "pointer":  # an enumeration's constant, or a number
            return getattr(lib, value) if isinstance(value, str) else value
        item = c_type.item
        if isinstance(value, np.ndarray):
            # Keeps the array alive, too.
            kept = ffi.from_buffer(f"{item.cname}[]", np.ascontiguousarray(value))
        elif isinstance(value, str):
            kept = ffi.new("char[]", value.encode("utf-8", "replace"))
        elif not value:
            return ffi.NULL
        elif item.kind == "struct":
            kept = ffi.new(f"{item.cname}[]", [self._fields(item.cname, each) for each in value])
        else:
            kept = ffi.new("char *[]", [self._field(item, each) for each in value])
        self._kept.append(kept)
        return kept


class SharedModel(NativeStruct):
    """Hold what the detectors of a model share: all but their state and their thresholds."""

    def __init__(self, model: ModelFile, config: ModelConfig) -> None:
        networks = read_all(model)
        values = model_values(model.name, config, networks[0], networks[1:])
        super().__init__("kws_model", values)
        self.window_frames = longest_window(networks)
        self.pre_roll: int = values["gate"]["pre_roll"]
        self.memory_bytes: int = values["memory_bytes"]


_SHARED: WeakValueDictionary[tuple[object, ...], SharedModel] = WeakValueDictionary()


def shared_model(model: ModelFile) -> SharedModel:
    """Return the struct of a model, the same for all detectors of it that there are."""
    ones = (1.0,) * len(model.config.keywords)
    committee = model.config.committee
    if committee is not None:
        committee = replace(committee, least_thresholds=least_thresholds(model.config))
    config = replace(model.config, thresholds=ones, card={}, committee=committee)
    key = model.name, model.content, model.networks, config.front_end, repr(config)
    shared = _SHARED.get(key)
    if shared is None:
        shared = _SHARED[key] = SharedModel(model, config)
    return shared
