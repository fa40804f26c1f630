"""Count the operations of each stage of a detector, of which cost.py has the prices.

They are those of the kernels for the Cortex-M4 in firmware_export/src.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import ceil

from kws.config import MICRO_FRONTEND, FrontEnd, ModelConfig
from kws.engine.network import BINS_AT_ONCE, Layer, Network
from kws.fixed_mfcc_tables import FixedFrontEndTables
from kws.mfcc_tables import FrontEndTables

MICRO_FRAME = "frame of TFLM's microfrontend"


def gate_operations(config: ModelConfig) -> Counter[str]:
    """Count the operations of ring buffer and gate for one hop."""
    return Counter({"hop": 1, "sample": config.front_end.hop})


def front_end_operations(front_end: FrontEnd) -> Counter[str]:
    """Count the operations of the front end for one feature frame."""
    if front_end.kind == MICRO_FRONTEND:
        return Counter({MICRO_FRAME: 1})
    if front_end.arithmetic == "fixed":
        return _fixed_front_end_operations(front_end)
    _, count, _ = FrontEndTables(front_end).mel
    half = front_end.mel_filters // 2
    return Counter(
        {
            f"FFT of {front_end.fft}": 1,
            "sample read": front_end.hop,
            "sample of the window": front_end.window,
            "mel weight": int(count.sum()),
            "mel filter": front_end.mel_filters,
            "coefficient": front_end.coefficients,
            "cosine": front_end.coefficients * half,
        }
    )


def _fixed_front_end_operations(front_end: FrontEnd) -> Counter[str]:
    """Count the operations of the front end in fixed point."""
    bins = len(FixedFrontEndTables(front_end, 1.0, 0).mel[1])
    half = front_end.mel_filters // 2
    return Counter(
        {
            f"fixed FFT of {front_end.fft}": 1,
            "fixed sample of the window": front_end.window,
            "fixed FFT bin": bins,
            "fixed mel filter": front_end.mel_filters,
            "fixed cosine": front_end.coefficients * half,
        }
    )


def posterior_operations(config: ModelConfig) -> Counter[str]:
    """Count the operations of the posterior stage for one step."""
    keywords = len(config.keywords)
    return Counter(
        {"step": 1, "keyword": keywords, "maximum": keywords * config.smoothing.max_steps}
    )


def network_operations(network: Network, config: ModelConfig) -> Counter[str]:
    """Count the operations of the network for one step of the stream."""
    time_steps = network.stride  # of the layer's input, per step of the network
    total = Counter({"frame": time_steps})
    if config.front_end.arithmetic == "float":  # the other one gives quantised features
        total["quantised feature"] = time_steps * network.frame_values
    for layer in network.layers:
        total["time step"] += time_steps
        time_steps //= layer.time_stride
        for name, times in layer_operations(layer).items():
            total[name] += time_steps * times
    return total


# Operations of each stage, by the names of the fields of Costs.
STAGES: dict[str, Callable[[Network, ModelConfig], Counter[str]]] = {
    "gate": lambda network, config: gate_operations(config),
    "front_end": lambda network, config: front_end_operations(config.front_end),
    "network": network_operations,
    "posterior": lambda network, config: posterior_operations(config),
}


def layer_operations(layer: Layer) -> Counter[str]:
    """Count the operations of the Cortex-M4 kernels for one output time step of a layer."""
    values = layer.output_bins * layer.output_channels
    clamped = (layer.activation_min, layer.activation_max) != (-128, 127)
    total = Counter({"clamped value": values * clamped})
    if layer.kind == "CONVOLUTION":
        total += _convolution_operations(layer)
    elif layer.kind == "DEPTHWISE":
        total += _depthwise_operations(layer)
    else:
        name, taps = layer.kind.lower(), layer.time_kernel * layer.frequency_kernel
        total += Counter({name: values, f"{name} tap": values * taps})
    return total


def _convolution_operations(layer: Layer) -> Counter[str]:
    """Count im2col's copies, by value or by four values, and the products of a convolution."""
    bins, channels = layer.output_bins, layer.output_channels
    groups = ceil(bins / BINS_AT_ONCE)
    copied = groups * BINS_AT_ONCE if bins >= BINS_AT_ONCE else bins
    taps, tap_values = layer.time_kernel, layer.frequency_kernel * layer.channels
    depth = layer.weights.shape[1]
    total = Counter({"im2col tap": copied * taps})
    if tap_values % 4:
        total["im2col value"] = copied * taps * tap_values
    else:
        total["im2col four"] = copied * taps * tap_values // 4
    if bins == 1:
        fours = ceil(channels / 4)
        total += Counter({"dense": 1, "dense four": fours, "dense product": fours * depth // 8})
        total["dense rest"] = int(channels % 4 > 0)
    elif bins < BINS_AT_ONCE:
        total += Counter({"bin": bins, "bin output": bins * channels})
        total["bin product"] = bins * channels * depth // 4
    else:
        total += Counter({"five bins": groups, "five bins' output": groups * channels})
        total["five bins' product"] = groups * channels * depth // 8
    return total


def _depthwise_operations(layer: Layer) -> Counter[str]:
    """Count a depthwise convolution's operations by four channels and by channel of the rest."""
    bins, taps = layer.output_bins, layer.time_kernel * layer.frequency_kernel
    fours, rest = divmod(layer.output_channels, 4)
    name = "depthwise" if bins == 1 else "wide depthwise"
    total = Counter({name: 1, f"{name} tap": taps, f"{name} four": fours})
    total[f"{name} four's tap"] = fours * taps
    total += Counter({"depthwise rest": rest * bins, "depthwise rest tap": rest * bins * taps})
    if bins > 1:
        total += Counter({"wide bin": fours * bins, "wide product": fours * bins * taps})
    return total
