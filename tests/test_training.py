"""Training's parts by themselves: labels, augmentation, batches, loss, features, the model file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import tensorflow

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE, FrontEnd, ModelConfig
from kws.data.clips import PARTITIONS
from kws.data.word_span import word_span
from kws.errors import KwsError
from kws.mfcc import features, log_mel
from kws.mfcc_tables import FrontEndTables
from kws.model_file import ModelFile
from kws.training.augmentation import waveform
from kws.training.augmentation.scene import CLEAN, AcousticAugmentation
from kws.training.augmentation.synthetic_noise import synthesise_noise
from kws.training.batches import Sampler
from kws.training.example_store import BACKGROUND, ExamplePool, make_examples
from kws.training.examples import ExampleGenerator, KeywordUtterances
from kws.training.features import (
    IGNORE,
    IGNORED_RANGE,
    KEYWORD_RANGE,
    OVERSAMPLING,
    ExampleLayout,
    LogMelExtractor,
)
from kws.training.recipe import Architecture, Augmentation, Schedule

AUDIO_SAMPLES = Path(__file__).parents[1] / "audio_samples"
FRONT_END = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)
LAYOUT = ExampleLayout(FRONT_END, window_frames=69, stride=2)


@pytest.fixture
def tf():
    return tensorflow()


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(1)


def burst(seconds: float, rms: float = 0.1, before: float = 0.0, after: float = 0.0) -> np.ndarray:
    """Noise, float32, with silence around it."""
    noise = np.random.default_rng(2).normal(0, rms, round(seconds * SAMPLE_RATE))
    silence = (round(before * SAMPLE_RATE), round(after * SAMPLE_RATE))
    return np.pad(noise, silence).astype(np.float32)


def rms(audio: np.ndarray) -> float:
    return float(np.sqrt((audio.astype(np.float64) ** 2).mean()))


def db(ratio: float) -> float:
    return 20 * np.log10(ratio)


# Labels


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


# Augmentation


@pytest.mark.parametrize("dbfs", [-48, -30, -10])
def test_the_level_is_that_of_the_loudest_moment(dbfs: float) -> None:
    audio = burst(0.3, before=1, after=1) + burst(0.3, rms=0.02, before=0.2, after=1.8)
    levelled = waveform.set_level(audio, dbfs)
    assert levelled.dtype == np.float32
    assert db(rms(levelled[SAMPLE_RATE : SAMPLE_RATE * 13 // 10])) == pytest.approx(dbfs, abs=0.01)
    assert waveform.loudness(levelled) == pytest.approx(10 ** (dbfs / 20), rel=1e-3)


def test_silence_and_a_moment_have_a_level() -> None:
    assert not waveform.set_level(np.zeros(SAMPLE_RATE, np.float32), -10).any()
    assert waveform.loudness(burst(0.1)) == pytest.approx(rms(burst(0.1)))


@pytest.mark.parametrize("snr", [-5, 0, 10, 25])
def test_noise_is_mixed_in_as_asked(snr: float) -> None:
    audio, noise = burst(0.3, before=0.5, after=0.5), burst(1.3, rms=0.7)
    added = waveform.mix(audio, noise, snr) - audio
    assert db(waveform.loudness(audio) / rms(added)) == pytest.approx(snr, abs=0.01)
    assert np.corrcoef(added, noise)[0, 1] > 0.999
    assert waveform.mix(audio, np.zeros_like(noise), snr) is audio


def test_a_room_leaves_the_direct_sound_in_place(random: np.random.Generator) -> None:
    audio = burst(0.4, before=0.3, after=0.6)
    response = np.pad(waveform.synthetic_impulse_response(random), (700, 0))  # 44 ms on the way
    heard = waveform.apply_impulse_response(audio, response)
    assert heard.dtype == np.float32
    assert len(heard) == len(audio)
    assert rms(heard) == pytest.approx(rms(audio), rel=1e-4)
    lags = np.arange(-1000, 1001)
    likeness = [
        np.dot(audio[2000:-2000], heard[2000 + lag : len(heard) - 2000 + lag]) for lag in lags
    ]
    assert lags[int(np.argmax(likeness))] == 0


def test_a_dry_room_changes_nothing() -> None:
    audio = burst(0.4)
    dry = np.zeros(100, np.float32)
    dry[30] = 0.3
    np.testing.assert_allclose(waveform.apply_impulse_response(audio, dry), audio, atol=1e-6)


def test_made_up_rooms_decay(random: np.random.Generator) -> None:
    for _ in range(20):
        response = waveform.synthetic_impulse_response(random)
        assert int(np.argmax(np.abs(response))) == 0
        quarter = len(response) // 4
        assert db(rms(response[1:quarter]) / rms(response[-quarter:])) == pytest.approx(45, abs=6)


@pytest.mark.parametrize("factor", [0.88, 1.0, 1.14])
def test_speed_changes_length_and_pitch(factor: float) -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    played = waveform.perturb_speed(tone, factor)
    assert played.dtype == np.float32
    assert len(played) == pytest.approx(SAMPLE_RATE / factor, abs=1)
    peak = np.abs(np.fft.rfft(played * np.hanning(len(played)))).argmax()
    assert peak * SAMPLE_RATE / len(played) == pytest.approx(1000 * factor, abs=2)


def test_colour_is_a_tilt(random: np.random.Generator) -> None:
    impulse = np.zeros(4096, np.float32)
    impulse[0] = 1
    for _ in range(20):
        gains = 20 * np.log10(np.abs(np.fft.rfft(waveform.tilt_spectrum(impulse, random))))
        assert gains.max() - gains.min() < 2 * waveform.TILT + 0.1
        assert np.abs(gains).max() < waveform.TILT + 0.1


def test_a_narrow_line_ends_at_its_bandwidth(random: np.random.Generator) -> None:
    impulse = np.zeros(4096, np.float32)
    impulse[0] = 1
    for _ in range(20):
        narrow = waveform.low_pass(impulse, random)
        assert narrow.dtype == np.float32
        gains = 20 * np.log10(np.abs(np.fft.rfft(narrow)) + 1e-9)
        frequencies = np.fft.rfftfreq(4096, 1 / SAMPLE_RATE)
        edge = frequencies[np.argmax(gains < -3)]
        low, high = waveform.CUTOFF
        assert low - 20 <= edge <= high + 20
        assert np.abs(gains[frequencies < 0.7 * edge]).max() < 0.1
        assert gains[frequencies > 1.5 * edge].max(initial=-99) < -20


def test_overdriving_rounds_off_the_peaks(random: np.random.Generator) -> None:
    tone = 0.3 * np.sin(2 * np.pi * np.arange(1600) / 160).astype(np.float32)
    for _ in range(20):
        driven = waveform.distort(tone, random)
        assert driven.dtype == np.float32
        assert (np.abs(driven) <= np.abs(tone) + 1e-7).all()
        assert np.abs(driven).max() < 0.27  # at least a tenth is lost of a peak of 0.3
        assert (np.sign(driven) == np.sign(tone)).all()
    assert not waveform.distort(np.zeros(100, np.float32), random).any()


def test_hiss_has_a_level_of_one(random: np.random.Generator) -> None:
    for count in (1600, 33333):
        hiss = waveform.coloured_noise(count, random)
        assert (len(hiss), hiss.dtype) == (count, np.float32)
        assert rms(hiss) == pytest.approx(1, rel=1e-4)


def test_a_cut_fades_and_what_is_too_loud_clips() -> None:
    ones = np.ones(1000, np.float32)
    faded = waveform.fade(ones)
    assert faded[0] == faded[-1] == 0
    assert (faded[160:-160] == 1).all()
    assert (ones == 1).all()
    assert waveform.fade(ones[:1]).tolist() == [1]
    loud = np.array([1.5, 0.99999, 0.25, -1, -2], np.float32)
    assert waveform.to_int16(loud).tolist() == [32767, 32767, 8192, -32768, -32768]


def test_shuffled_syllables_are_all_there(random: np.random.Generator) -> None:
    """A tone whose level rises: each piece keeps its levels, their order changes."""
    audio = np.linspace(0.1, 1, 2 * SAMPLE_RATE, dtype=np.float32)
    shuffled = waveform.shuffle_segments(audio, random)
    assert len(shuffled) == len(audio)
    assert not np.array_equal(shuffled, audio)
    kept = np.isin(shuffled, audio)  # all but the fades
    assert kept.mean() > 0.8
    jumps = np.flatnonzero(np.abs(np.diff(shuffled[kept])) > 0.02)
    lengths = np.diff(np.concatenate([[0], jumps, [kept.sum()]])) / SAMPLE_RATE
    assert lengths.max() < 0.9  # two pieces may find each other again
    assert 4 <= len(lengths) <= 17


def test_of_short_recordings_all_but_the_first_are_heard_from_their_start(
    random: np.random.Generator,
) -> None:
    """Recordings that count on, so that a sample tells its place."""
    length = 6000
    recordings = np.arange(1, 5 * length + 1, dtype=np.int16).reshape(5, length)
    firsts = set()
    for _ in range(20):
        speech = AcousticAugmentation(list(recordings), [], []).speech(4 * length, random)
        samples = np.rint(speech * 32768).astype(np.int16)
        middle = 200  # behind the fade
        own = (samples[middle] - 1) % length - middle
        firsts.add(own)
        rest = samples[length - own :]
        pieces = [rest[first : first + length] for first in range(0, len(rest), length)]
        assert len(pieces) >= 3
        for piece in pieces:
            assert np.array_equal(piece, recordings[piece[0] // length][: len(piece)])
    assert len(firsts) > 10


def test_some_scenes_are_heard_as_they_are(random: np.random.Generator) -> None:
    """Nothing but their level changes."""
    scene = waveform.coloured_noise(SAMPLE_RATE // 2, random) / 8
    surroundings = AcousticAugmentation(
        [], [waveform.to_int16(waveform.coloured_noise(SAMPLE_RATE, random) / 8)], []
    )
    alike = []
    for _ in range(300):
        heard = surroundings.augment(scene, random).astype(float)
        gain = heard @ scene / (scene @ scene)
        alike.append(np.abs(heard - gain * scene).max() < 1)  # LSB
    assert CLEAN - 0.1 < np.mean(alike) < CLEAN + 0.15


# Examples and their pool


def quiet_examples() -> ExampleGenerator:
    """Two keywords that are bursts of noise; all speech, noise and rooms are silent."""
    word = waveform.to_int16(burst(0.5, before=0.8, after=0.9))
    silence = [np.zeros(3 * SAMPLE_RATE, np.int16)]
    return ExampleGenerator(
        LAYOUT,
        [KeywordUtterances([word], [1.0]), KeywordUtterances([word] * 2, [0.5] * 2)],
        *[silence] * 2,
        [],
    )


def test_the_word_ends_where_the_labels_say(random: np.random.Generator) -> None:
    examples = quiet_examples()
    (span,) = examples.keywords[0].word_spans
    assert span == pytest.approx((0.8 * SAMPLE_RATE, 1.3 * SAMPLE_RATE), abs=480)
    errors = []
    for _ in range(60):
        samples, labels = examples.keyword(2, random)
        assert (samples.dtype, len(samples)) == (np.int16, LAYOUT.samples)
        assert set(labels.tolist()) <= {0, 2, IGNORE}
        last = LAYOUT.step_ends[np.flatnonzero(labels == 2)[-1]]
        errors.append(word_span(samples)[1] / SAMPLE_RATE - (last - KEYWORD_RANGE[1]))
    # Never before the word's end, but in a room it rings on, and noise that is made up hides where
    # it ends; a step is 40 ms.
    assert np.quantile(errors, 0.1) > -0.03
    assert np.quantile(errors, 0.25) < 0.05


def test_utterances_serve_as_often_as_their_weights_say(random: np.random.Generator) -> None:
    utterances = [np.full(SAMPLE_RATE, level, np.int16) for level in (1, 2, 3)]
    words = KeywordUtterances(utterances, [0.1, 0.3, 0.0])
    assert words.share == pytest.approx(0.4)
    drawn = np.bincount([words.draw(random)[0][0] for _ in range(400)], minlength=4)
    assert drawn[3] == 0
    assert drawn[1] / 400 == pytest.approx(0.25, abs=0.08)
    assert KeywordUtterances([], []).share == 0


@pytest.mark.parametrize("kind", BACKGROUND)
@pytest.mark.parametrize(
    "examples",
    [quiet_examples(), ExampleGenerator(LAYOUT, [KeywordUtterances([], [])], [], [], [])],
    ids=["quiet", "nothing was recorded"],
)
def test_backgrounds_are_as_long_as_the_layout(
    examples: ExampleGenerator, kind: str, random: np.random.Generator
) -> None:
    for _ in range(20):
        samples = getattr(examples, kind)(random)
        assert (samples.dtype, len(samples)) == (np.int16, LAYOUT.samples)


def test_made_up_noise_is_of_every_kind(random: np.random.Generator) -> None:
    spectra = []
    for seed in range(40):
        count = (SAMPLE_RATE, LAYOUT.samples, 1601)[seed % 3]
        noise, again = (synthesise_noise(count, np.random.default_rng(seed)) for _ in range(2))
        assert (len(noise), noise.dtype) == (count, np.float32)
        assert np.isfinite(noise).all()
        assert rms(noise) == pytest.approx(1, rel=1e-3)
        assert np.array_equal(noise, again)
        power = np.abs(np.fft.rfft(noise, SAMPLE_RATE)) ** 2
        spectra.append(power[:8000].reshape(16, 500).sum(axis=1) / power.sum())
    assert np.corrcoef(spectra).mean() < 0.9  # no two seeds are the same noise
    assert np.ptp(np.argmax(spectra, axis=1)) >= 5  # bands of 500 Hz


TONES = np.geomspace(150, 3200, PARTITIONS)  # Hz


def tone(hertz: float, seconds: float = 3.0) -> np.ndarray:
    phase = 2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return waveform.to_int16(0.3 * np.sin(phase).astype(np.float32))


def examples_by_part() -> list[ExampleGenerator]:
    """All that is heard in a part is a tone of its own; keyword 2 is heard in two parts alone."""
    words = [np.pad(tone(hertz, 0.6), (8000, 8000)) for hertz in TONES]
    return [
        ExampleGenerator(
            LAYOUT,
            [
                KeywordUtterances([words[part]], [1 / PARTITIONS]),
                KeywordUtterances([words[part]] * (part < 2), [0.5] * (part < 2)),
            ],
            *[[tone(hertz, 30.0)]] * 2,
            [],
        )
        for part, hertz in enumerate(TONES)
    ]


@pytest.fixture(scope="module")
def pool_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    make_examples(examples_by_part(), 64, 160, 1, folder)
    return folder


def test_an_example_holds_recordings_of_its_part_alone(pool_folder: Path) -> None:
    """Of the parts' tones, the one that is heard longest in an example is its own part's."""
    pool = ExamplePool.load(pool_folder)
    front_end = LogMelExtractor(FRONT_END)
    tones = np.stack([front_end.extract(tone(hertz)).mean(axis=0) for hertz in TONES])
    heard = pool.log_mels.astype(np.float32).mean(axis=1)
    bands = tones.argmax(axis=1)
    found = heard[:, bands].argmax(axis=1)
    # Some examples are noise alone, and speed moves tones by a third of what lies between two.
    assert np.mean(found == pool.partitions) > 0.85


def test_a_pool_holds_what_was_asked_for(pool_folder: Path) -> None:
    pool = ExamplePool.load(pool_folder)
    assert pool.log_mels.shape == (64 + 64 + 160, LAYOUT.frames, FRONT_END.mel_filters)
    assert np.isfinite(pool.log_mels).all()
    assert np.bincount(pool.keywords).tolist() == [160, 64, 64]
    assert np.bincount(pool.partitions[pool.keywords == 0]).tolist() == [20] * PARTITIONS
    assert np.bincount(pool.partitions[pool.keywords == 1]).tolist() == [8] * PARTITIONS
    assert np.bincount(pool.partitions[pool.keywords == 2]).tolist() == [32, 32]


def test_a_seed_makes_the_same_pool_again(tmp_path: Path) -> None:
    pools = []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        (tmp_path / name).mkdir()
        shares: list[float] = []
        make_examples([quiet_examples()] * 2, 4, 6, seed, tmp_path / name, shares.append)
        assert shares[-1] == 1
        pools.append(ExamplePool.load(tmp_path / name))
    pool, again, other = pools
    assert np.array_equal(pool.log_mels, again.log_mels)
    assert np.array_equal(pool.labels, again.labels)
    assert not np.array_equal(pool.log_mels, other.log_mels)
    half = len(pool.labels) // 2
    assert not np.array_equal(pool.log_mels[:half], pool.log_mels[half:])  # parts are drawn anew


def test_what_is_written_over_a_pool_stays_in_memory(pool_folder: Path) -> None:
    pool, other = ExamplePool.load(pool_folder), ExamplePool.load(pool_folder)
    before = other.log_mels[3].copy()
    pool.log_mels[3] = 7.0
    pool.labels[3] = 0
    assert (pool.log_mels[3] == 7).all()
    assert np.array_equal(other.log_mels[3], before)
    assert np.array_equal(ExamplePool.load(pool_folder).log_mels[3], before)


# Batches


def pool_of(*keywords: int) -> ExamplePool:
    labels = np.zeros((len(keywords), 6), np.int8)
    labels[:, 3] = keywords
    labels[:, 4] = np.where(np.array(keywords) > 0, IGNORE, 0)
    count = len(keywords)
    return ExamplePool(
        np.zeros((count, 4, 8), np.float16), labels, np.arange(count, dtype=np.int8) % PARTITIONS
    )


def sampler_of(pool: ExamplePool, chosen: np.ndarray | None = None, **schedule: float) -> Sampler:
    chosen = np.arange(len(pool.labels)) if chosen is None else chosen
    return Sampler(pool, Schedule(**schedule), chosen, seed=1)


def test_a_batch_holds_the_keywords_evenly() -> None:
    pool = pool_of(*[0] * 50, *[1] * 30, *[2] * 3)
    sampler = sampler_of(pool, batch_size=20, keyword_share=0.4)
    for _ in range(10):
        assert np.bincount(pool.keywords[sampler.draw()]).tolist() == [12, 4, 4]
    again = sampler_of(pool, batch_size=20, keyword_share=0.4)
    assert np.array_equal(again.draw(), sampler_of(pool, batch_size=20, keyword_share=0.4).draw())


def test_only_chosen_examples_are_drawn() -> None:
    pool = pool_of(*[0] * 50, *[1] * 30, *[3] * 8)
    chosen = np.flatnonzero(~np.isin(pool.partitions, [2, 5]))
    sampler = sampler_of(pool, chosen, batch_size=20)
    drawn = np.concatenate([sampler.draw() for _ in range(100)])
    assert set(drawn) == set(chosen)
    background = chosen[pool.keywords[chosen] == 0]
    assert set(sampler.easiest(1000)) <= set(background)
    assert len(sampler.easiest(1000)) == len(background) // 2


def test_without_examples_of_a_keyword_there_is_background_still() -> None:
    """All recordings of the keywords may be of one part, and that one be held out."""
    pool = pool_of(*[0] * 50, *[1] * 30)
    sampler = sampler_of(pool, np.arange(50), batch_size=20)
    assert len(sampler.draw()) == 20


def test_hard_background_is_drawn_more_often() -> None:
    sampler = sampler_of(pool_of(*[0] * 50, *[1] * 10), batch_size=100, keyword_share=0.4)
    everything = np.arange(60)
    sampler.update(everything, np.where(everything == 7, 5.0, 0.0).astype(np.float32))
    counts = np.bincount(np.concatenate([sampler.draw() for _ in range(50)]), minlength=60)
    # Half of 60 backgrounds at random; the other half in proportion to 5.01 against 0.01 each.
    assert counts[7] / 50 == pytest.approx(30 / 50 + 30 * 5.01 / 5.5, rel=0.05)
    assert counts[:7].min() > 0


def test_the_easiest_background_is_given_up() -> None:
    sampler = sampler_of(pool_of(*[1] * 10, *[0] * 50))
    difficulty = np.random.default_rng(4).permutation(60).astype(np.float32)
    sampler.update(np.arange(60), difficulty)
    by_ease = 10 + np.argsort(difficulty[10:])
    assert sampler.easiest(8).tolist() == by_ease[:8].tolist()


# Loss


def test_loss_by_hand(tf) -> None:
    """Two classes whose entropies are those of stated probabilities; four found steps of five."""
    from kws.training.losses import detection_loss

    right = np.array(
        [[0.9, 0.8, 0.7, 0.6, 0.5, 0.1], [0.5, 0.9, 0.9, 0.9, 0.9, 0.2]]  # p of the label
    )
    labels = np.array([[1, 1, 1, 1, 1, IGNORE], [0, 0, 0, 0, 0, IGNORE]])
    logits = np.zeros((2, 6, 2), np.float32)
    sign = np.where(labels == 1, 1, -1)
    logits[:, :, 1] = sign * np.log(right / (1 - right))
    loss, worst = detection_loss(tf.constant(logits), tf.constant(labels, tf.int32), 4, 0.25)
    found = -np.log([0.9, 0.8, 0.7, 0.6]).mean()  # the worst of five is let off
    entropies = -np.log([0.5, 0.9, 0.9, 0.9, 0.9])
    hardest = (0 + entropies[0]) / 2  # the keyword's example has no background step
    assert worst.numpy() == pytest.approx([0, entropies[0]], rel=1e-5)
    expected = found + 0.75 * entropies.mean() + 0.25 * hardest
    assert float(loss) == pytest.approx(expected, rel=1e-5)


# Log mel rows


def test_a_warp_by_one_changes_nothing(tf) -> None:
    from kws.training.augmentation.spectrogram import vtlp_matrices

    matrices = vtlp_matrices(FRONT_END, 0.1)
    assert matrices.shape == (21, 40, 40)
    np.testing.assert_allclose(matrices[10], np.eye(40), atol=1e-6)
    np.testing.assert_allclose(matrices.sum(axis=1), 1, atol=1e-6)  # interpolates, adds no level
    bands = np.arange(40.0)
    lower, higher = bands @ matrices[0], bands @ matrices[-1]
    assert (lower[1:] < bands[1:]).all()
    assert (higher[:-1] > bands[:-1]).all()


@pytest.mark.parametrize(
    "front_end",
    [FRONT_END, FrontEnd(coefficients=13, mean=(1.5,) * 13, scale=tuple(np.linspace(0.2, 2, 13)))],
    ids=["training's", "standardised"],
)
def test_training_sees_the_features_of_the_road(tf, front_end: FrontEnd) -> None:
    from kws.training.features import dct_matrix

    samples = read_audio(AUDIO_SAMPLES / "story.flac")
    tables = FrontEndTables(front_end)
    frames = np.lib.stride_tricks.sliding_window_view(samples, front_end.window)[:: front_end.hop].T
    expected = features(frames, tables).T
    trained = log_mel(frames, tables).T @ dct_matrix(tables) + tables.bias
    assert len(expected) > 300
    np.testing.assert_allclose(trained, expected, atol=2e-4)


def test_masks_are_runs_of_the_mean(tf) -> None:
    from kws.training.augmentation.spectrogram import spec_augment

    augmentation = Augmentation(
        time_masks=1, time_mask_frames=8, frequency_masks=1, frequency_mask_bins=6
    )
    rows = np.random.default_rng(3).normal(0, 1, (64, 50, 40)).astype(np.float32)
    tf.random.set_seed(1)
    seen = spec_augment(tf.constant(rows), augmentation).numpy()
    changed = seen != rows
    assert np.abs(seen[changed]).max() < 0.05  # the batch's mean
    times, bands = changed.all(axis=2).sum(axis=1), changed.all(axis=1).sum(axis=1)
    assert set(times) == set(range(9))
    assert set(bands) == set(range(7))
    assert np.array_equal(changed.sum(axis=(1, 2)), times * 40 + bands * 50 - times * bands)


def test_a_stretch_leaves_the_words_end_in_place(tf) -> None:
    """Rows that count themselves: what is heard around the first labelled step's last row."""
    from kws.training.augmentation.spectrogram import perturb_tempo

    architecture = Architecture()
    layout = ExampleLayout(FRONT_END, architecture.window_frames, architecture.stride)
    labels = np.stack([layout.labels(1, end) for end in np.linspace(1.5, 1.9, 64)])
    count = np.arange(layout.frames, dtype=np.float32) / OVERSAMPLING
    counting = np.tile(count[None, :, None], (64, 1, 3))
    tf.random.set_seed(1)
    limits = (-0.3, 0.15)
    heard = perturb_tempo(tf.constant(counting), tf.constant(labels), architecture, limits).numpy()
    ends = architecture.window_frames - 1 + 2 * (labels > 0).argmax(axis=1)
    slopes, rounding = [], 1 / (2 * OVERSAMPLING) / 20
    for rows, end in zip(heard[:, :, 0], ends, strict=True):
        assert rows[end] == pytest.approx(end, abs=1e-3)
        slopes.append((rows[end] - rows[end - 20]) / 20)
        even = end + slopes[-1] * (np.arange(end - 20, end + 5) - end)
        assert (
            np.abs(rows[end - 20 : end + 5] - even).max() <= 1 / OVERSAMPLING
        )  # the nearest there is
        assert set(rows) <= set(count)  # none is made of two
    assert np.exp(-0.3) - rounding <= min(slopes) < 0.8
    assert np.exp(0.15) + rounding >= max(slopes) > 1.1


def test_what_is_laid_over_keeps_to_its_level(tf) -> None:
    """A loud example with a keyword, a quiet one without: 10 dB behind it, at a peak like its."""
    from kws.training.augmentation.spectrogram import mix_background

    rows = np.full((2, 30, 40), 3.0, np.float32)
    rows[1] = -5.0
    labels = np.array([[0, 1, 1], [0, 0, IGNORE]], np.int8)
    augmentation = Augmentation(background_mixing=1.0, background_mixing_snr=(10.0, 10.0))
    heard = mix_background(tf.constant(rows), tf.constant(labels), augmentation).numpy()
    louder = np.log(1 + 10 ** (-10 / 20))
    np.testing.assert_allclose(heard[0], 3 + louder, atol=1e-5)
    np.testing.assert_allclose(heard[1], -5 + louder, atol=1e-5)
    never = Augmentation(background_mixing=0.0)
    assert np.array_equal(mix_background(tf.constant(rows), tf.constant(labels), never), rows)


def test_a_colour_is_the_same_in_all_rows_of_an_example(tf) -> None:
    from kws.training.augmentation.spectrogram import tilt_log_mels

    tf.random.set_seed(1)
    colours = tilt_log_mels(tf.zeros((16, 5, 40)), 0.4).numpy()
    assert np.array_equal(colours, np.repeat(colours[:, :1], 5, axis=1))
    assert 0.3 < np.abs(colours).max() <= 0.8
    assert np.abs(colours[0] - colours[1]).max() > 0.01


# Network and model file


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture(channels=8, kernels=(3, 5), last_kernel=4),
        Architecture(channels=8, kernels=(3,), last_kernel=3, frequency_kernel=4, first_kernel=6),
        Architecture(channels=8, kernels=(2, 2), last_kernel=1, stride=3),
    ],
)
def test_a_window_gives_one_step(tf, architecture: Architecture) -> None:
    from kws.training.model import build_model

    model = build_model(architecture, FRONT_END, classes=3)
    for steps in (1, 2, 7):
        rows = architecture.window_frames + (steps - 1) * architecture.stride
        assert model(np.zeros((2, rows, 20, 1))).shape == (2, steps, 1, 3)
    assert model(np.zeros((2, rows - 1, 20, 1))).shape[1] == steps - 1


def test_a_window_with_the_weights_of_a_network_gives_its_scores(tf) -> None:
    from kws.training.model import build_model, copy_weights

    for architecture in (Architecture(channels=8), Architecture(channels=8, frequency_kernel=4)):
        model = build_model(architecture, FRONT_END, classes=3)
        random = np.random.default_rng(1)
        model.set_weights([random.uniform(0.1, 1, w.shape) for w in model.get_weights()])
        rows = random.normal(0, 1, (2, architecture.window_frames, 20, 1)).astype(np.float32)
        window = build_model(architecture, FRONT_END, 3, architecture.window_frames)
        copy_weights(model, window)
        np.testing.assert_allclose(window(rows), model(rows), rtol=1e-4)


def test_a_batch_is_normalised_as_keras_does(tf) -> None:
    """Outputs, gradients, and what is kept of the batch."""
    from keras import layers

    from kws.training.model import BatchNormalization

    random = np.random.default_rng(1)
    x, wanted = (tf.constant(random.normal(1, 3, (8, 9, 2, 16)), tf.float32) for _ in range(2))
    found = []
    for layer in (BatchNormalization(momentum=0.7), layers.BatchNormalization(momentum=0.7)):
        layer.build(x.shape)
        layer.gamma.assign(random.permutation(16) / 8 if not found else found[0][0])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            total = tf.reduce_sum(y * wanted)
        gradients = tape.gradient(total, [x, layer.gamma, layer.beta])
        found.append([layer.gamma.value, y, *gradients, layer.moving_mean, layer(x)])
        kept = np.var(x, axis=(0, 1, 2)) * 0.3 + 0.7
        assert np.array(layer.moving_variance) == pytest.approx(kept, rel=0.01)
    for own, keras_own in zip(*found, strict=True):
        np.testing.assert_allclose(own, keras_own, rtol=1e-2, atol=1e-3)


@pytest.fixture
def int8_model(tf) -> bytes:
    """A network that was never trained."""
    from kws.training.model import build_model
    from kws.training.quantise import quantise

    architecture = Architecture(channels=8, kernels=(3,), last_kernel=3)
    model = build_model(architecture, FRONT_END, 2, architecture.window_frames)
    windows = np.random.default_rng(6).normal(0, 1, (8, architecture.window_frames, 20))
    return quantise(model, windows.astype(np.float32))


def test_settings_are_embedded_and_guarded(int8_model: bytes) -> None:
    from kws.training.quantise import embed

    config = ModelConfig(("grüße",), (0.5,), 2, FRONT_END, card={"figures": {"a": [1, 2.5]}})
    content = embed(int8_model, config)
    assert ModelFile.parse(content, "x.tflite").config == config
    assert len(content) < len(int8_model) + 1000
    other = ModelConfig(("b",), (0.25,), 2, FRONT_END)
    again = embed(content, other)
    assert ModelFile.parse(again, "x.tflite").config == other
    assert embed(again, config) == content
    for place in (len(content) // 3, len(content) // 2, len(content) - 9):
        damaged = bytearray(content)
        damaged[place] ^= 1
        with pytest.raises(KwsError, match=r"^x\.tflite: "):
            ModelFile.parse(bytes(damaged), "x.tflite")


def test_a_model_without_settings_is_refused(int8_model: bytes) -> None:
    with pytest.raises(KwsError, match="not one made by kws train"):
        ModelFile.parse(int8_model, "x.tflite")
