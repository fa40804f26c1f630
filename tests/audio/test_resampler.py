"""Test the conversion by soxr and without it; the tests of the sources check converted audio."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import soxr
from command_line import SAMPLES

from kws.audio.audio_file import read_audio
from kws.audio.polyphase import PolyphaseFilter
from kws.audio.resampler import Resampler
from kws.backend import Spotter
from kws.errors import KwsError

STEP = 832  # samples from one decision of home to the next
NOISE = np.random.default_rng(0).integers(-32768, 32768, 30_000, np.int16)


@pytest.fixture(params=["soxr", "polyphase"])
def _converter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "polyphase":
        monkeypatch.setitem(sys.modules, "soxr", None)


by_both = pytest.mark.usefixtures("_converter")


@by_both
@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_the_division_into_pushes_changes_nothing(rate):
    whole = Resampler(rate).push(NOISE, last=True)
    assert len(whole) == round(len(NOISE) * 16_000 / rate)
    resampler = Resampler(rate)
    cuts = np.random.default_rng(1).integers(0, len(NOISE), 99)
    pieces = [resampler.push(piece) for piece in np.split(NOISE, np.sort(cuts))]
    pieces.append(resampler.push(NOISE[:0], last=True))
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


@by_both
def test_overshoot_is_clipped_and_does_not_wrap():
    square = np.where(np.arange(8_000) // 40 % 2, 32767, -32768).astype(np.int16)
    resampled = Resampler(8_000).push(square, last=True)
    middle = resampled.reshape(-1, 80)[1:-1, 20:60].astype(int)  # between the edges
    assert (np.abs(middle) > 28_000).all()
    assert (resampled == 32767).any()
    assert (resampled == -32768).any()


@by_both
def test_silence_stays_silent():
    assert not Resampler(48_000).push(np.zeros(48_000, np.int16), last=True).any()


def test_both_converters_agree_to_a_fraction_of_a_step_of_16_bits():
    """Speech without what lies in the transition band, where the filters' slopes differ."""
    speech = read_audio(SAMPLES / "all_keywords.flac").astype(np.float32)
    for rate in (11_025, 44_100, 48_000):
        source = soxr.resample(speech, 16_000, rate, quality="VHQ")
        converted = PolyphaseFilter(rate).resample_chunk(source, last=True)
        expected = soxr.resample(source, rate, 16_000, quality="HQ")
        difference = np.fft.rfft(converted - expected)
        difference[np.fft.rfftfreq(len(speech), 1 / 16_000) > 0.9 * min(8_000, rate / 2)] = 0
        assert np.fft.irfft(difference).std() < 0.2  # of 1


@by_both
def test_what_is_detected_does_not_depend_on_the_rate():
    speech = read_audio(SAMPLES / "all_keywords.flac")
    expected = Spotter().push(speech)
    for rate in (22_050, 44_100, 48_000):
        source = soxr.resample(speech.astype(np.float32), 16_000, rate)
        found = Spotter().push(Resampler(rate).push(source, last=True))
        assert [each.keyword for each in found] == [each.keyword for each in expected]
        for each, other in zip(found, expected, strict=True):
            assert each.confidence == pytest.approx(other.confidence, abs=0.05)
            assert abs(each.sample - other.sample) <= STEP


def test_a_rate_with_too_many_phases_is_refused_without_soxr():
    with pytest.raises(KwsError, match="96001 Hz needs soxr: pip install 'kws"):
        PolyphaseFilter(96_001)
