"""Test transforms of waveforms."""

from __future__ import annotations

import numpy as np
import pytest
from training_signals import burst, db, rms

from kws.config import SAMPLE_RATE
from kws.training.augmentation import waveform


@pytest.mark.parametrize("dbfs", [-48, -30, -10])
def test_level_is_the_rms_of_the_loudest_moment(dbfs: float) -> None:
    audio = burst(0.3, before=1, after=1) + burst(0.3, rms=0.02, before=0.2, after=1.8)
    levelled = waveform.set_level(audio, dbfs)
    assert levelled.dtype == np.float32
    assert db(rms(levelled[SAMPLE_RATE : SAMPLE_RATE * 13 // 10])) == pytest.approx(dbfs, abs=0.01)
    assert waveform.loudness(levelled) == pytest.approx(10 ** (dbfs / 20), rel=1e-3)


def test_silence_and_short_signals_have_a_level() -> None:
    assert not waveform.set_level(np.zeros(SAMPLE_RATE, np.float32), -10).any()
    assert waveform.loudness(burst(0.1)) == pytest.approx(rms(burst(0.1)))


@pytest.mark.parametrize("snr", [-5, 0, 10, 25])
def test_noise_is_mixed_at_the_given_snr(snr: float) -> None:
    audio, noise = burst(0.3, before=0.5, after=0.5), burst(1.3, rms=0.7)
    added = waveform.mix(audio, noise, snr) - audio
    assert db(waveform.loudness(audio) / rms(added)) == pytest.approx(snr, abs=0.01)
    assert np.corrcoef(added, noise)[0, 1] > 0.999
    assert waveform.mix(audio, np.zeros_like(noise), snr) is audio


def test_an_impulse_response_keeps_the_direct_sound_in_place(random: np.random.Generator) -> None:
    audio = burst(0.4, before=0.3, after=0.6)
    response = np.pad(waveform.synthetic_impulse_response(random), (700, 0))  # 44 ms on the way
    wet = waveform.apply_impulse_response(audio, response)
    assert wet.dtype == np.float32
    assert len(wet) == len(audio)
    assert rms(wet) == pytest.approx(rms(audio), rel=1e-4)
    lags = np.arange(-1000, 1001)
    correlation = [
        np.dot(audio[2000:-2000], wet[2000 + lag : len(wet) - 2000 + lag]) for lag in lags
    ]
    assert lags[int(np.argmax(correlation))] == 0


def test_an_anechoic_response_changes_nothing() -> None:
    audio = burst(0.4)
    dry = np.zeros(100, np.float32)
    dry[30] = 0.3
    np.testing.assert_allclose(waveform.apply_impulse_response(audio, dry), audio, atol=1e-6)


def test_synthetic_impulse_responses_decay(random: np.random.Generator) -> None:
    for _ in range(20):
        response = waveform.synthetic_impulse_response(random)
        assert int(np.argmax(np.abs(response))) == 0
        quarter = len(response) // 4
        decay = db(rms(response[1:quarter]) / rms(response[-quarter:]))
        assert 38 < decay < 45 / waveform.TREBLE_DECAY[0]


@pytest.mark.parametrize("factor", [0.88, 1.0, 1.14])
def test_speed_perturbation_changes_length_and_pitch(factor: float) -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    played = waveform.perturb_speed(tone, factor)
    assert played.dtype == np.float32
    assert len(played) == pytest.approx(SAMPLE_RATE / factor, abs=1)
    peak = np.abs(np.fft.rfft(played * np.hanning(len(played)))).argmax()
    assert peak * SAMPLE_RATE / len(played) == pytest.approx(1000 * factor, abs=2)


def test_spectral_tilt_keeps_to_its_limit(random: np.random.Generator) -> None:
    impulse = np.zeros(4096, np.float32)
    impulse[0] = 1
    for _ in range(20):
        gains = 20 * np.log10(np.abs(np.fft.rfft(waveform.tilt_spectrum(impulse, random))))
        assert gains.max() - gains.min() < 2 * waveform.TILT + 0.1
        assert np.abs(gains).max() < waveform.TILT + 0.1


def test_a_telephone_passes_its_band_alone(random: np.random.Generator) -> None:
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for _ in range(10):
        levels = {}
        for hz in (50, 1000, 7000):
            tone = np.sin(2 * np.pi * hz * t).astype(np.float32) / 3
            levels[hz] = db(rms(waveform.telephone(tone, random)[4000:]) / rms(tone))
        assert levels[1000] == pytest.approx(0, abs=1.5)
        assert max(levels[50], levels[7000]) < -15


def test_telephones_leave_more_or_less_above_half_their_rate(random: np.random.Generator) -> None:
    """Those of people leave 41 to 50 dB less than speech there."""
    for length in (37, 4801, SAMPLE_RATE):
        speech = random.standard_normal(length).astype(np.float32) / 10
        assert {len(waveform.telephone(speech, random)) for _ in range(10)} == {length}
    shares = []
    for _ in range(100):
        spectrum = np.abs(np.fft.rfft(waveform.telephone(speech, random))) ** 2
        treble = spectrum[len(spectrum) * 11 // 20 :].sum() / spectrum.sum()
        shares.append(10 * np.log10(treble))
    lowest, middle, highest = np.percentile(shares, (10, 50, 90))
    assert lowest < -55
    assert -55 < middle < -40
    assert highest > -40


def test_some_voices_are_those_of_children(random: np.random.Generator) -> None:
    factors = np.array([waveform.random_speed(random) for _ in range(2000)])
    assert waveform.SPEED[0] <= factors.min()
    assert factors.max() <= waveform.CHILD_SPEED[1]
    children = np.mean(factors > waveform.SPEED[1])
    assert children == pytest.approx(waveform.CHILDREN, abs=0.03)


def test_low_pass_cuts_off_at_its_frequency(random: np.random.Generator) -> None:
    impulse = np.zeros(4096, np.float32)
    impulse[0] = 1
    for _ in range(20):
        filtered = waveform.low_pass(impulse, random)
        assert filtered.dtype == np.float32
        gains = 20 * np.log10(np.abs(np.fft.rfft(filtered)) + 1e-9)
        frequencies = np.fft.rfftfreq(4096, 1 / SAMPLE_RATE)
        edge = frequencies[np.argmax(gains < -3)]
        low, high = waveform.CUTOFF
        assert low - 20 <= edge <= high + 20
        assert np.abs(gains[frequencies < 0.7 * edge]).max() < 0.1
        assert gains[frequencies > 1.5 * edge].max(initial=-99) < -20


def test_distortion_compresses_the_peaks(random: np.random.Generator) -> None:
    tone = 0.3 * np.sin(2 * np.pi * np.arange(1600) / 160).astype(np.float32)
    for _ in range(20):
        driven = waveform.distort(tone, random)
        assert driven.dtype == np.float32
        assert (np.abs(driven) <= np.abs(tone) + 1e-7).all()
        assert np.abs(driven).max() < 0.27  # at least a tenth is lost of a peak of 0.3
        assert (np.sign(driven) == np.sign(tone)).all()
    assert not waveform.distort(np.zeros(100, np.float32), random).any()


def test_coloured_noise_has_an_rms_of_one(random: np.random.Generator) -> None:
    for count in (1600, 33333):
        noise = waveform.coloured_noise(count, random)
        assert (len(noise), noise.dtype) == (count, np.float32)
        assert rms(noise) == pytest.approx(1, rel=1e-4)


def test_fades_and_clipping() -> None:
    ones = np.ones(1000, np.float32)
    faded = waveform.fade(ones)
    assert faded[0] == faded[-1] == 0
    assert (faded[160:-160] == 1).all()
    assert (ones == 1).all()
    assert waveform.fade(ones[:1]).tolist() == [1]
    loud = np.array([1.5, 0.99999, 0.25, -1, -2], np.float32)
    assert waveform.to_int16(loud).tolist() == [32767, 32767, 8192, -32768, -32768]


def test_shuffled_segments_are_all_there(random: np.random.Generator) -> None:
    """The level rises: each segment keeps its levels, and their order changes."""
    audio = np.linspace(0.1, 1, 2 * SAMPLE_RATE, dtype=np.float32)
    shuffled = waveform.shuffle_segments(audio, random)
    assert len(shuffled) == len(audio)
    assert not np.array_equal(shuffled, audio)
    kept = np.isin(shuffled, audio)  # all but the fades
    assert kept.mean() > 0.8
    jumps = np.flatnonzero(np.abs(np.diff(shuffled[kept])) > 0.02)
    lengths = np.diff(np.concatenate([[0], jumps, [kept.sum()]])) / SAMPLE_RATE
    assert lengths.max() < 0.9  # two segments may stay together
    assert 4 <= len(lengths) <= 17
