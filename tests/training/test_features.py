"""Test labels of examples, and log mel frames against the front end."""

from __future__ import annotations

import numpy as np
import pytest
from command_line import SAMPLES
from training_signals import FRONT_END, LAYOUT

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE, FrontEnd
from kws.mfcc import features, log_mel
from kws.mfcc_tables import FrontEndTables
from kws.training.features import (
    IGNORE,
    IGNORED_RANGE,
    KEYWORD_RANGE,
    OVERSAMPLING,
    ExampleLayout,
    dct_matrix,
)


def test_labels_by_hand() -> None:
    """Steps end every 0.5 s, from 1.0 s on; the word ends at 2.0 s."""
    front_end = FrontEnd(window=400, hop=400, fft=512)
    layout = ExampleLayout(front_end, window_frames=40, stride=20, steps=5)
    assert layout.step_ends.tolist() == [1.0, 1.5, 2.0, 2.5, 3.0]
    assert layout.frames == (40 + 4 * 20 - 1) * OVERSAMPLING + 1
    assert layout.samples == 3 * SAMPLE_RATE
    assert layout.labels(3, 2.0).tolist() == [0, 0, 3, IGNORE, 0]
    assert layout.labels(1, 1.95).tolist() == [0, 0, 1, IGNORE, 0]
    assert layout.labels(2, 2.1).tolist() == [0, 0, IGNORE, 2, 0]
    assert layout.labels(2, 9.0).tolist() == [0] * 5


@pytest.mark.parametrize("word_end", np.linspace(1.2, 1.9, 8))
def test_labels_follow_the_distance_to_the_words_end(word_end: float) -> None:
    for end, label in zip(LAYOUT.step_ends, LAYOUT.labels(2, word_end), strict=True):
        after = end - word_end
        if KEYWORD_RANGE[0] <= after <= KEYWORD_RANGE[1]:
            assert label == 2
        else:
            assert label == (IGNORE if IGNORED_RANGE[0] <= after <= IGNORED_RANGE[1] else 0)


@pytest.mark.parametrize(
    "front_end",
    [FRONT_END, FrontEnd(coefficients=13, mean=(1.5,) * 13, scale=tuple(np.linspace(0.2, 2, 13)))],
    ids=["training's", "standardised"],
)
def test_training_uses_the_features_of_the_pipeline(tf, front_end: FrontEnd) -> None:
    samples = read_audio(SAMPLES / "story.flac")
    tables = FrontEndTables(front_end)
    frames = np.lib.stride_tricks.sliding_window_view(samples, front_end.window)[:: front_end.hop].T
    expected = features(frames, tables).T
    trained = log_mel(frames, tables).T @ dct_matrix(tables) + tables.bias
    assert len(expected) > 300
    np.testing.assert_allclose(trained, expected, atol=2e-4)
