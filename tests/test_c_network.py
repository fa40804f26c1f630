"""Windows that pad along time: MLPerf Tiny's keyword model equals TensorFlow Lite's reference."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from c_programs import TARGETS, Target

from kws.ds_cnn import tflite
from kws.export import export

MLPERF = Path(__file__).parents[2] / "shared" / "data" / "mlperf_tiny"


@cache
def reference() -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """All inputs [n, rows, coefficients] and the reference kernels' scores [n, classes]."""
    if not MLPERF.is_dir():
        pytest.skip("../shared/data/mlperf_tiny is not here")
    windows = np.load(MLPERF / "features.npz")["features"]
    network = tflite.Interpreter(
        str(MLPERF / "kws_ref_model.tflite"),
        experimental_op_resolver_type=tflite.OpResolverType.BUILTIN_REF,
    )
    network.allocate_tensors()
    (source,), (result,) = network.get_input_details(), network.get_output_details()
    scores = []
    for window in windows:
        network.set_tensor(source["index"], window[None, :, :, None])
        network.invoke()
        scores.append(network.get_tensor(result["index"])[0].copy())
    return windows, np.array(scores)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_mlperf_tiny(target: Target, tmp_path: Path) -> None:
    windows, expected = reference()
    export(MLPERF / "kws_ref_model.tflite", tmp_path / "c")
    binary = target.build(tmp_path / "c", "trace_network")
    found = np.frombuffer(target.run(binary, windows.tobytes(), tmp_path), np.int8)
    difference = np.abs(found.reshape(expected.shape).astype(int) - expected)
    assert difference.max() == 0, f"{(difference > 0).any(axis=1).sum()} windows differ"
