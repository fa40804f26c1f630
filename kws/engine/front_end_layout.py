"""Give a front end as the values of the C engine's structs, by field name, and its memory.

A model has one of three: mfcc.h, fixed_mfcc.h or micro_frontend.h.
"""

from __future__ import annotations

import numpy as np

from kws.config import MICRO, MICRO_FRONTEND, FrontEnd, ModelConfig
from kws.engine.network import Network
from kws.engine.network_values import Values, nothing, ordered
from kws.errors import KwsError
from kws.fixed_mfcc_tables import FixedFrontEndTables, logarithms, root_lines
from kws.mfcc_tables import FrontEndTables
from kws.micro_frontend_tables import POINTS, tables


def work_bytes(front_end: FrontEnd) -> int:
    """Return the size of working memory: KWS_MFCC_WORK_BYTES, KWS_MICRO_WORK_BYTES."""
    if front_end.kind == MICRO_FRONTEND:
        return 4 * POINTS
    return 4 * (front_end.fft + 2 + front_end.mel_filters)


def kept_bytes(front_end: FrontEnd) -> int:
    """Return the size of what is kept from frame to frame; see KWS_MICRO_KEPT_BYTES."""
    words = front_end.coefficients if front_end.kind == MICRO_FRONTEND else 0
    return 4 * words + 2 * front_end.window


def front_end_values(of: FrontEndTables) -> Values:
    """Return the values of kws_mfcc_tables."""
    spec = of.spec
    first, count, weights = of.mel
    return ordered(
        "kws_mfcc_tables",
        {
            **_shared_values(of),
            "last_bin": int((first + count - 1).max()),
            "log_offset": np.float32(spec.log_offset),
            "twiddles": of.twiddles[:, : of.points * 3 // 4].T,
            "mel_first": first,
            "mel_count": count,
            "mel_weights": np.concatenate(
                [weights[:n, filter_] for filter_, n in enumerate(count)]
            ),
            "dct": of.dct,
            "bias": of.bias,
        },
    )


def fixed_front_end_values(of: FixedFrontEndTables) -> Values:
    """Return the values of kws_fixed_mfcc_tables."""
    spec, (first, filters, bin_weights) = of.spec, of.mel
    dct, bias, shifts = of.dct
    return ordered(
        "kws_fixed_mfcc_tables",
        {
            **_shared_values(of),
            "first_bin": first,
            "bin_count": len(filters),
            "log_limit": of.log_limit,
            "log_start": of.log_start,
            "log_offset": of.log_offset,
            "twiddles": of.stage_twiddles,
            "filter_bins": np.bincount(filters, minlength=spec.mel_filters + 1),
            "bin_weights": bin_weights,
            "dct": dct,
            "bias": bias,
            "shifts": shifts,
            "roots": root_lines(),
            "logarithms": logarithms(),
        },
    )


def _shared_values(of: FrontEndTables | FixedFrontEndTables) -> Values:
    """Return the values that the tables of binary32 and of fixed point both have."""
    spec = of.spec
    return {
        "window": spec.window,
        "hop": spec.hop,
        "points": of.points,
        "mel_filters": spec.mel_filters,
        "coefficients": spec.coefficients,
        "hann": of.window[: spec.window // 2 + 2],  # the other half mirrors it
        "digit_reversal": np.argsort(of.order),
        "split_twiddles": of.split_twiddles.T,
    }


def micro_front_end_values() -> Values:
    """Return the values of kws_micro_frontend_tables."""
    sizes = {"window": MICRO.window, "hop": MICRO.hop, "coefficients": MICRO.coefficients}
    return ordered("kws_micro_frontend_tables", {**sizes, **tables()})


def front_ends_values(config: ModelConfig, network: Network) -> Values:
    """Return the values of the front ends of kws_model, of which the model has one.

    Raises:
        KwsError: the C engine has not this one.
    """
    spec = config.front_end
    values: Values = {
        "front_end": nothing("kws_mfcc_tables"),
        "fixed_front_end": nothing("kws_fixed_mfcc_tables"),
        "micro_front_end": [],
    }
    if spec.kind == MICRO_FRONTEND:
        if spec != MICRO:
            raise KwsError(f"the C engine has no {spec.kind} with a hop of {spec.hop} samples")
        return values | {"micro_front_end": [micro_front_end_values()]}
    if spec.arithmetic == "fixed":
        fixed = FixedFrontEndTables(spec, network.input_scale, network.input_zero_point)
        return values | {"fixed_front_end": fixed_front_end_values(fixed)}
    return values | {"front_end": front_end_values(FrontEndTables(spec))}
