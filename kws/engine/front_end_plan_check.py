"""Prove that the front ends of the C engine stay within their arrays and their numbers.

plan_check.py says what it rests on.
"""

from __future__ import annotations

import numpy as np

from kws.engine.network_plan_check import Values, check_length, require


def check_front_end(tables: Values) -> None:
    """Prove that the front end in binary32 reads within its arrays."""
    points, filters = tables["points"], tables["mel_filters"]
    _check_transform(tables, tables["window"] // 2 + 2)
    check_length(tables, "twiddles", points * 3 // 4 * 2)
    first, count = tables["mel_first"].astype(int), tables["mel_count"].astype(int)
    check_length(tables, "mel_first", filters)
    check_length(tables, "mel_count", filters)
    check_length(tables, "mel_weights", int(count.sum()))
    require((first + count).max() <= tables["last_bin"] + 1, "a mel filter reads too far")
    require(tables["last_bin"] <= points, "the last bin is beyond the FFT")
    check_length(tables, "dct", tables["coefficients"] * (filters // 2))
    check_length(tables, "bias", tables["coefficients"])


def _check_transform(tables: Values, hann: int) -> None:
    """Prove that window, of which `hann` values are stored, and FFT read within their arrays."""
    points = tables["points"]
    require(1 <= tables["hop"] <= tables["window"] <= 2 * points, "hop, window and FFT do not fit")
    require(tables["window"] >= 16, "the window is shorter than 16 samples")
    check_length(tables, "hann", hann)
    check_length(tables, "digit_reversal", points)
    require(np.all(tables["digit_reversal"] < points), "an FFT index is too large")
    check_length(tables, "split_twiddles", points // 2 * 2)


def check_fixed_front_end(tables: Values) -> None:
    """Prove that the front end in fixed point reads within its arrays and overflows no sum."""
    points, filters = tables["points"], tables["mel_filters"]
    _check_transform(tables, tables["window"] // 2 + 2)
    require(points.bit_count() == 1 and 64 <= points <= 1024, f"an FFT of {points} points")
    first_span = 2 if points.bit_length() % 2 == 0 else 4
    spans = [span for span in (2, 4, 8, 16, 32, 64, 128, 256) if first_span <= span < points]
    check_length(tables, "twiddles", sum(spans[::2]) * 3 * 2)
    for name, bits in (("hann", 15), ("twiddles", 13), ("split_twiddles", 14)):
        require(np.abs(tables[name].astype(int)).max() <= 1 << bits, f"{name} are above 1")
    first, bins = tables["first_bin"], tables["bin_count"]
    require(first >= 1 and first + bins <= points, "a mel filter reads too far")
    check_length(tables, "filter_bins", filters + 1)
    require(tables["filter_bins"].sum() == bins, "the mel filters have other bins")
    check_length(tables, "bin_weights", 2 * bins)
    _fixed_sums(tables)
    _check_roots(tables)
    check_length(tables, "logarithms", 65)
    require(tables["log_offset"] <= 1 << 31, "the offset is above 1")


def check_micro_front_end(tables: Values) -> None:
    """Prove that TFLM's microfrontend reads within its arrays."""
    points, bins = tables["points"], int(tables["bin_counts"].astype(int).sum())
    require(points in (64, 256, 1024), f"an FFT of {points} points")
    _check_transform(tables, tables["window"])
    require(tables["first_bin"] >= 1 and tables["first_bin"] + bins <= points, "a band is too high")
    require(tables["window"] % 2 == 0, "the window has an odd sample")
    require(tables["hann"].max() <= 1 << 12, "the window is above 1")
    check_length(tables, "twiddles", points * 3 // 4 * 2)
    require(np.array_equal(tables["twiddles"].flat[:2], (32767, 0)), "the first twiddle is not 1")
    check_length(tables, "bin_counts", tables["coefficients"] + 1)
    check_length(tables, "bin_weights", 2 * bins)
    weights = tables["bin_weights"].astype(int).reshape(-1, 2)
    bands = np.repeat(np.arange(len(tables["bin_counts"])), tables["bin_counts"])
    sums = np.bincount(bands, weights[:, 0], bands[-1] + 2)
    sums[1:] += np.bincount(bands, weights[:, 1])
    require(sums.max() < 1 << 16, "the weights of a band are 16 or more")
    check_length(tables, "gains", 125)
    check_length(tables, "logarithms", 130)


def _check_roots(tables: Values) -> None:
    """Prove that no magnitude is above 2^18.5, which the sums of them rest on."""
    check_length(tables, "roots", 96)
    lines = tables["roots"].astype(np.int64)
    slopes = -((lines + (1 << 15)) % (1 << 16) - (1 << 15))
    for index in (np.arange(32, 128), np.arange(33, 129)):  # from the start to the end of each line
        root = lines + slopes * ((index << 16) + 1)
        require(root.min() >= 0 and root.max() <= 1 << 31, "a root is above 1")


def _fixed_sums(tables: Values) -> None:
    """Prove that no sum of the fixed front end overflows."""
    weights = tables["bin_weights"].astype(int).reshape(-1, 2)
    require(weights.max() <= 1 << 13, "a mel weight is above 4")
    filters = np.repeat(np.arange(tables["mel_filters"] + 1), tables["filter_bins"])
    sums = np.zeros(tables["mel_filters"] + 2, int)
    for side in (0, 1):  # magnitudes are at most 2^18.5, a weight of 1 is 2^11
        np.add.at(sums, filters + side, (weights[:, side] << 8) + 1)
    require(sums.max() < 1 << 31, "a mel sum overflows")
    count, half = tables["coefficients"], tables["mel_filters"] // 2
    check_length(tables, "dct", count * half)
    check_length(tables, "bias", count)
    check_length(tables, "shifts", count)
    require(np.all(tables["shifts"] < 32), "a shift is above 31")
    dct = np.abs(tables["dct"].astype(int).reshape(count, half))
    reach = dct.sum(axis=1) * 2 * tables["log_limit"] + np.abs(tables["bias"].astype(int))
    require(np.all(reach < 1 << 31), "a coefficient overflows")
