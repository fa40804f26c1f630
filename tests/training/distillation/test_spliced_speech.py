"""Test spliced speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from kws.config import FrontEnd
from kws.training.architecture import Architecture
from kws.training.augmentation.waveform import Samples, loudness, to_float
from kws.training.distillation.spliced_speech import EXCERPT, MARGIN, PIECE, SplicedSpeech
from kws.training.examples import ExampleGenerator
from kws.training.features import ExampleLayout
from kws.training.keyword_utterances import KeywordUtterances

LAYOUT = ExampleLayout.of(FrontEnd(), Architecture(channels=16, kernels=(3, 5), last_kernel=4))


PAUSE = 4000


def tone(hz: float, seconds: float) -> Samples:
    t = np.arange(int(seconds * 16_000)) / 16_000
    return (8000 * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def generator(words: Sequence[KeywordUtterances], recorded: Sequence[Samples]) -> ExampleGenerator:
    return ExampleGenerator(LAYOUT, words, recorded, [], [])


KEYWORDS = [KeywordUtterances([np.pad(tone(hz, 0.7), 8000)], [1.0]) for hz in (500, 700)]


def spliced(seed: int) -> SplicedSpeech:
    """Splice two keywords, confusable phrases, recorded and other speech, a tone each."""
    own = generator(KEYWORDS, [tone(1000, 6)])
    return SplicedSpeech(own, [tone(1400, 0.6)], [tone(2000, 6)], np.random.default_rng(seed))


def pitch(samples: Samples) -> float:
    """Return the frequency of the loudest tone, Hz, 1 at least."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return max(1.0, float(np.argmax(spectrum) * 16_000 / len(samples)))


def test_clips_have_the_requested_duration_and_one_level() -> None:
    clips = spliced(1).clips(0.05, PAUSE)
    lengths = np.array([len(clip) for clip in clips])
    requested = 0.05 * 3600 * 16_000
    assert requested <= (lengths + PAUSE).sum() < requested + lengths.max() + PAUSE
    assert lengths.max() <= EXCERPT[1] * np.exp(0.3) * 16_000 + 1
    for clip in clips:
        assert loudness(to_float(clip)) == pytest.approx(0.1, rel=0.02)
    again = spliced(1).clips(0.05, PAUSE)
    assert all(map(np.array_equal, clips, again))
    assert not np.array_equal(clips[0], spliced(2).clips(0.01, PAUSE)[0])


@pytest.mark.slow
def test_whole_words_are_speed_perturbed() -> None:
    """A higher voice is faster as well."""
    clips = spliced(1).clips(0.3, PAUSE)
    start, end = KEYWORDS[0].word_spans[0]
    whole = end - start + 2 * MARGIN
    pitches, factors = np.array([pitch(clip) for clip in clips]), []
    for clip, hz in zip(clips, pitches, strict=True):
        for spoken in (500, 700):
            if abs(len(clip) * hz / spoken / whole - 1) < 0.02:
                factors.append(hz / spoken)
    assert len(factors) / len(clips) == pytest.approx(0.25, abs=0.06)
    quarters = np.quantile(np.log(factors), [0.25, 0.5, 0.75])
    assert quarters == pytest.approx([-0.15, 0, 0.15], abs=0.06)


@pytest.mark.slow
def test_pieces_of_all_sources_follow_each_other() -> None:
    block, shares = int(PIECE[0] / 2 * 16_000), np.zeros(5)
    for clip in spliced(1).clips(0.3, PAUSE):
        firsts = range(0, len(clip) - block, block)
        tones = np.log2([pitch(clip[first : first + block]) for first in firsts])
        if (np.abs(np.diff(tones)) > 0.2).sum() > 1:  # whole words and excerpts are a single tone
            # By half octaves: two keywords, recorded speech, confusable phrases, other speech.
            kinds = np.rint(2 * (tones - np.log2(500)))
            shares += [(kinds == kind).sum() for kind in range(5)]
    assert (shares / shares.sum() > [0.1, 0.1, 0.1, 0.1, 0.04]).all(), shares


def test_any_speech_is_enough() -> None:
    """There is no keyword, no confusable phrase and no recording."""
    only = SplicedSpeech(
        generator([KeywordUtterances([], [])], []), [], [tone(300, 1)], np.random.default_rng(1)
    )
    clips = only.clips(0.02, PAUSE)
    assert all(150 < pitch(clip) < 600 for clip in clips if len(clip) > 4000)
