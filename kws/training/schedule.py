"""How long and how fast a network is trained, and what blurs its examples."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Settings of one fit."""

    epochs: int = 32  # at most
    epoch: int = 500  # steps
    patience: int = 0  # epochs without a better one after which training stops; 0: it never does
    batch: int = 128  # examples
    positives: float = 0.4  # share of a batch, spread evenly over the keywords
    learning_rate: float = 3e-3  # at its peak; a cosine takes it to `last` of it
    last: float = 0.0
    warm_up: int = 200  # steps
    weight_decay: float = 1e-4
    # Steps that the moving average of the weights spans, which is what is kept: a third of those
    # taken, between these. A long one wants a `last` that is not small, or there is nothing apart.
    average: tuple[int, int] = (500, 500)
    found_steps: int = 4  # in which a keyword must be found: what the smoothing averages
    hardest: float = 0.5  # weight of each background example's worst step against its mean
    time_masks: int = 2
    time_mask: int = 8  # rows at most
    band_masks: int = 2
    band_mask: int = 6  # mel bands at most
    stretch: tuple[float, float] = (-0.2, 0.2)  # logarithm of how much faster speech is made
    overlaid: float = 0.3  # share of examples with other speech or noise behind them
    overlay_snr: tuple[float, float] = (5.0, 25.0)  # dB
    colour: float = 0.4  # slope and bow of another microphone at most, nepers
    warp: float = 0.1  # share by which frequencies are stretched at most, as other throats do
    # Weights of what speech that guides is like, against the keywords: embeddings, a teacher's
    # hidden numbers, its scores.
    guided: tuple[float, float, float] = (1.0, 4.0, 2.0)
