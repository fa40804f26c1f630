"""Draw the figures of reports as SVG files, and with its sounds as data URIs for one page."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from kws.audio.encode import encode
from kws.config import SAMPLE_RATE
from kws.evaluation.det import DetCurves
from kws.evaluation.evaluate import FA_PER_HOUR_TARGETS
from kws.types import Samples

WINDOW = 512  # samples of a spectrogram's window
RANGE = 70  # dB that it shows


def det_uri(curves: DetCurves) -> str:
    """Return the figure of det_figure() as a data URI."""
    return _svg(det_figure(curves))


def det_figure(curves: DetCurves) -> Figure:
    """Plot miss rate over false alarms per hour, a line per keyword and their mean."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for keyword, rates in curves.miss_rates.items():
        axes.step(
            curves.false_alarms_per_hour, rates, where="post", label=_plain(keyword), linewidth=1.2
        )
    if len(curves.miss_rates) > 1:
        label = "mean of the keywords"
        axes.step(
            curves.false_alarms_per_hour, curves.mean, "k", where="post", label=label, linewidth=2
        )
    for target in FA_PER_HOUR_TARGETS:
        axes.axvline(target, color="0.85", zorder=0)
    axes.set(xscale="log", ylim=(0, None), ylabel="missed")
    axes.set_xlabel("false alarms of the keyword per hour")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(axis="y", color="0.92")
    axes.legend(frameon=False)
    return figure


def det_svg(curves: DetCurves) -> bytes:
    """Return the figure of det_figure() as an SVG file."""
    return _svg_file(det_figure(curves))


def loss_svg(losses: Mapping[str, Sequence[tuple[float, float, float]]]) -> bytes:
    """Return a plot of losses over epochs as an SVG file, a colour per training.

    losses: by name of the training, of each epoch its number, the training loss and the validation
    loss, or NaN where there is none.
    """
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for index, (name, rows) in enumerate(losses.items()):
        epochs, training, validation = np.array(rows, np.float64).reshape(-1, 3).T
        colour = f"C{index % 10}"
        axes.plot(epochs, training, "--", label=f"{name}, training", color=colour)
        if not np.isnan(validation).all():
            axes.plot(epochs, validation, label=f"{name}, validation", color=colour)
    axes.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color="0.92")
    axes.legend(frameon=False)
    return _svg_file(figure)


def latency_uri(latencies: Mapping[str, npt.NDArray[np.float64]]) -> str:
    """Plot a histogram of latencies, in s after the word's end, by keyword."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    detected = {_plain(keyword): values for keyword, values in latencies.items() if len(values)}
    bins = np.histogram_bin_edges(np.concatenate(list(detected.values())), 30)
    axes.hist(list(detected.values()), bins.tolist(), stacked=True, label=list(detected))
    axes.set(xlabel="s from the end of the word to the detection", ylabel="detections")
    axes.legend(frameon=False)
    return _svg(figure)


def spectrogram_uri(samples: Samples) -> str:
    """Return the picture of spectrogram_png() as a data URI."""
    return _uri("image/png", spectrogram_png(samples))


def spectrogram_png(samples: Samples) -> bytes:
    """Plot the level over time and frequency, down to RANGE dB below the maximum."""
    figure = Figure(figsize=(4, 1.8), dpi=80, layout="constrained")
    axes = figure.subplots()
    power = _powers(samples)
    level = 10 * np.log10(power + power.max(initial=1.0) * 10 ** (-RANGE / 10))
    extent = (0, len(samples) / SAMPLE_RATE, 0, SAMPLE_RATE / 2000)
    axes.imshow(level.T, origin="lower", aspect="auto", extent=extent, cmap="magma")
    axes.set(xlabel="s", ylabel="kHz")
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def audio_uri(samples: Samples) -> str:
    """Encode samples as FLAC, which browsers play."""
    return _uri("audio/flac", encode(samples))


def _powers(samples: Samples) -> npt.NDArray[np.float64]:
    """Return the power spectrum of each frame, shape [frames, frequencies]."""
    padded = np.pad(samples.astype(np.float64), (0, max(0, WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[:: WINDOW // 4]
    powers: npt.NDArray[np.float64] = np.square(np.abs(np.fft.rfft(frames * np.hanning(WINDOW))))
    return powers


def _plain(keyword: str) -> str:
    """Escape a label: matplotlib takes $ for formulas and hides a leading underscore."""
    return keyword.replace("$", r"\$").removeprefix("_")


def _svg(figure: Figure) -> str:
    return _uri("image/svg+xml", _svg_file(figure))


def _svg_file(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue()


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"
