"""Test FixedMfcc: against binary32, C bit for bit, the stream, and settings that do not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_mfcc import FRONT_ENDS, SIGNALS

from kws.backend import Spotter, open_front_end
from kws.config import FrontEnd
from kws.console.model_info import as_dict, as_text
from kws.engine.front_end_layout import fixed_front_end_values
from kws.engine.native import AVAILABLE, NativeFixedMfcc
from kws.engine.plan_check import check_plan
from kws.errors import KwsError
from kws.fixed_mfcc import FixedMfcc, log_mel
from kws.fixed_mfcc_tables import FixedFrontEndTables
from kws.mfcc import Mfcc
from kws.mfcc import log_mel as float_log_mel
from kws.mfcc_tables import FrontEndTables
from kws.model_file import ModelFile
from kws.spotter import NumpySpotter

QUANTISATION = (0.05, -3)
EXTREMES = {
    "least steps": np.random.default_rng(1).integers(-1, 2, 3000).astype(np.int16),
    "least sample": np.full(3000, -32768, np.int16),
    "tone": np.round(32767 * np.sin(0.9 * np.arange(6000))).astype(np.int16),
}
SPEECH = ("speech", "other speech")


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_c_gives_the_same_bits(name: str) -> None:
    if not AVAILABLE:
        pytest.skip("kws was built without a compiler")
    spec = FRONT_ENDS[name]
    for signal, samples in (SIGNALS | EXTREMES).items():
        expected = FixedMfcc(spec, *QUANTISATION).push(samples[:30_000])
        found = NativeFixedMfcc(spec, *QUANTISATION).push(samples[:30_000])
        assert found.tobytes() == expected.tobytes(), signal


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_logarithms_are_close_to_those_of_binary32(name: str) -> None:
    """Compare where the sum is not far below what the FFT resolves next to the loudest filter."""
    spec = FRONT_ENDS[name]
    for signal in SPEECH:
        windows = np.lib.stride_tricks.sliding_window_view(SIGNALS[signal], spec.window)
        windows = windows[:: spec.hop].T
        exact = float_log_mel(windows, FrontEndTables(spec))
        tables = FixedFrontEndTables(spec, *QUANTISATION)
        found = log_mel(windows, tables) / 512 * np.log(2) + np.log(spec.log_offset)
        loud = exact > exact.max(axis=0) - np.log(300)
        assert np.sqrt(np.square(found - exact)[loud].mean()) < 0.015, signal


def test_a_shipped_model_gets_almost_the_same_values() -> None:
    model = ModelFile.load("home")
    scale, zero_point = model.input_quantisation
    for signal in SPEECH:
        exact = Mfcc(model.config.front_end).push(SIGNALS[signal]) / scale + zero_point
        exact = np.clip(np.rint(exact), -128, 127)
        fixed = FixedMfcc(model.config.front_end, scale, zero_point)
        difference = fixed.push_quantised(SIGNALS[signal]) - exact
        assert np.mean(difference == 0) > 0.9
        assert np.std(difference) < 0.4


def test_the_network_takes_the_values_as_they_were() -> None:
    spec, gain = FRONT_ENDS["20 ms windows"], np.float32(1) / np.float32(QUANTISATION[0])
    quantised, frames = (
        getattr(FixedMfcc(spec, *QUANTISATION), push)(SIGNALS["speech"])
        for push in ("push_quantised", "push")
    )
    assert frames.dtype == np.float32
    again = np.rint(frames * gain) + np.float32(QUANTISATION[1])
    np.testing.assert_array_equal(np.clip(again, -128, 127), quantised)


def test_the_division_into_pushes_changes_no_bit() -> None:
    spec, samples = FRONT_ENDS["standardised"], SIGNALS["speech"][:30_000]
    whole = FixedMfcc(spec, *QUANTISATION).push(samples)
    mfcc = FixedMfcc(spec, *QUANTISATION)
    cuts = np.sort(np.random.default_rng(7).integers(0, len(samples), 60))
    for _ in range(2):
        frames = [mfcc.push(piece) for piece in np.split(samples, cuts)]
        assert np.concatenate(frames).tobytes() == whole.tobytes()
        mfcc.reset()


def test_a_spotter_in_fixed_point_is_equal_in_c_and_numpy() -> None:
    model = ModelFile.load("home").with_arithmetic("fixed")
    expected = NumpySpotter(model).push(SIGNALS["speech"])
    assert [found.keyword for found in expected] == list(model.config.keywords)
    if AVAILABLE:
        assert Spotter(model, backend="c").push(SIGNALS["speech"]) == expected
        assert isinstance(open_front_end(model), NativeFixedMfcc)


def test_the_description_of_a_model_says_it() -> None:
    model = ModelFile.load("home")
    assert "in fixed point" not in as_text(model)
    assert "20 MFCCs, in fixed point" in as_text(model.with_arithmetic("fixed"))
    assert as_dict(model.with_arithmetic("fixed"))["front_end"]["arithmetic"] == "fixed"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"scale": (1e6,) * 10}, "a scale or mean is too large"),
        ({"mean": (1e6,) * 10, "scale": (1e6,) * 10}, "a scale or mean is too large"),
        ({"low_hz": 1.0, "high_hz": 2.0}, "no FFT bin lies within"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change: dict[str, float], complaint: str) -> None:
    with pytest.raises(KwsError, match=complaint):
        FixedMfcc(replace(FrontEnd(), **change), *QUANTISATION)


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("log_limit", 65535, "a coefficient overflows"),
        ("first_bin", 200, "a mel filter reads too far"),
        ("points", 300, "values of digit_reversal"),
        ("log_offset", 2**32 - 1, "the offset is above 1"),
        ("shifts", np.full(10, 40, np.uint8), "a shift is above 31"),
        ("bin_weights", np.full((127, 2), 65535, np.uint16), "a mel weight is above 4"),
        ("filter_bins", np.full(41, 4, np.uint16), "the mel filters have other bins"),
        ("twiddles", np.zeros((192, 2), np.int16), "values of twiddles"),
        ("roots", np.full(96, 2**31 - 1, np.uint32), "a root is above 1"),
    ],
)
def test_tables_that_would_overflow_are_refused(field: str, value: object, complaint: str) -> None:
    values = fixed_front_end_values(FixedFrontEndTables(FrontEnd(), *QUANTISATION))
    check_plan("kws_fixed_mfcc_tables", values)
    assert values["bin_count"] == 127
    with pytest.raises(KwsError, match=complaint):
        check_plan("kws_fixed_mfcc_tables", values | {field: value})
