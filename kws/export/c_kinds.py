"""Name the layers, front ends and committees that a model needs: an export compiles no others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kws.config import FRONT_ENDS
from kws.engine.c_headers import constants
from kws.engine.network import Layer, Network
from kws.engine.network_values import Values


def kinds_of(networks: Sequence[Network]) -> list[str]:
    """Return the kinds of the exported layers of some networks, by the names of the C engine."""
    kinds = {
        "KWS_DENSE" if is_dense(layer) else f"KWS_{layer.kind}"
        for network in networks
        for layer in network.layers
    }
    return sorted(kinds, key=constants().__getitem__)


def kinds_source(networks: Sequence[Network], front_ends: Sequence[str], committee: bool) -> str:
    """Return the header that names what to compile: layers of networks, front ends, committees."""
    return (
        "/* Name the kinds of layers that are compiled, a bit for each: those of the models. */\n"
        f"#define KWS_KINDS {_kinds(networks):#x}u /* {', '.join(kinds_of(networks))} */\n"
        "/* And the front ends: 1: binary32, 2: fixed point, 4: TFLM's microfrontend. */\n"
        f"#define KWS_FRONT_ENDS {_front_ends(front_ends):#x}u\n"
        "/* And whether a model is a committee: 1 or 0. */\n"
        f"#define KWS_COMMITTEE {int(committee)}\n"
    )


def kinds_check(networks: Sequence[Network], front_ends: Sequence[str], committee: bool) -> str:
    """Return C that ends the compilation of a model where the engine lacks what it needs.

    The engine would skip a layer that is not compiled without a word. Builds that set KWS_KINDS
    themselves compile all front ends.
    """
    text = '#ifndef KWS_KINDS\n#include "kws_kinds.h"\n#endif\n'
    text += _unless_compiled("KWS_KINDS", _kinds(networks), "layers that are")
    if front_ends:
        text += _unless_compiled("KWS_FRONT_ENDS", _front_ends(front_ends), "a front end that is")
    if committee:
        text += _unless_compiled("KWS_COMMITTEE", 1, "the committee, which is")
    return text + "\n"


def _unless_compiled(macro: str, bits: int, what: str) -> str:
    """Return C that ends the compilation where a macro is defined without some bits."""
    return (
        f"#if defined {macro} && ({macro} & {bits:#x}u) != {bits:#x}u\n"
        f'#error "this model needs {what} not compiled: {macro} in kws_kinds.h"\n'
        "#endif\n"
    )


def _kinds(networks: Sequence[Network]) -> int:
    """Return a bit for each kind of layers."""
    return sum(1 << constants()[kind] for kind in kinds_of(networks))


def _front_ends(implementations: Sequence[str]) -> int:
    """Return a bit for each front end."""
    return sum(1 << FRONT_ENDS.index(each) for each in set(implementations))


def exported_layer(layer: Layer, values: Values) -> Values:
    """Return the values of kws_layer with the weights in the order that its kernel reads."""
    if not is_dense(layer):
        return values
    return values | {"kind": "KWS_DENSE", "weights": _paired(layer.weights)}


def is_dense(layer: Layer) -> bool:
    """Return whether kernels.h's kws_dense can run a layer: sums in 24 bits, pairs in 16."""
    if layer.kind != "CONVOLUTION" or layer.output_bins != 1:
        return False
    reach = np.abs(layer.weights.astype(np.int32)).sum(axis=1).max() * 128
    return bool(reach < 1 << 23 and layer.weights.min() > -128)


def _paired(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Return weights [outputs, depth] in the order of kws_dense, as bytes."""
    outputs = np.pad(weights, ((0, -len(weights) % 4), (0, 0))).astype(np.int16)
    fours = outputs.reshape(-1, 2, 2, outputs.shape[1] // 4, 4)[..., (0, 2, 1, 3)]
    pairs = 256 * fours[:, :, 0] + fours[:, :, 1]  # [outputs / 4, pair, depth / 4, inputs]
    return pairs.swapaxes(1, 2).astype("<i2").reshape(-1).view(np.int8)
