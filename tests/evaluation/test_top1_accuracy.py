"""Test top-1 accuracy: counts by hand, and the shipped model on words of the shipped samples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import ROOT
from rich.console import Console

from kws.audio.audio_file import read_audio
from kws.config import BACKGROUND, SAMPLE_RATE
from kws.data.clips import Clip, clips_in
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.evaluation.scores import Scorer
from kws.evaluation.top1_accuracy import (
    SILENCE,
    UNKNOWN,
    Top1Accuracy,
    labelled_clips,
    predict,
    top1_accuracy,
)
from kws.model_file import ModelFile
from kws.posterior import ONE

SAMPLES = ROOT / "audio_samples"
EXPECTED = json.loads((SAMPLES / "expected.json").read_text())
MARGIN = 0.1  # s that are cut out with a word
OTHERS = ("commuter", "service", "mirror", "story")  # without a keyword, or half of one


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(ModelFile.load())


def cut(file: str, start: float, end: float) -> np.ndarray:
    first, last = (max(0, round(second * SAMPLE_RATE)) for second in (start, end))
    return read_audio(SAMPLES / file)[first:last]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Cut every keyword of the samples out; add other speech, and noise."""
    root = tmp_path_factory.mktemp("words")

    def keep(folder: str, name: str, samples: np.ndarray) -> None:
        (root / folder).mkdir(exist_ok=True)
        soundfile.write(root / folder / f"{name}.flac", samples, SAMPLE_RATE)

    for file, spoken in EXPECTED.items():
        for keyword, start, end in spoken:
            keep(keyword, f"{Path(file).stem}-{start}", cut(file, start - MARGIN, end + MARGIN))
    for name in OTHERS:
        keep("others", name, cut(f"{name}.flac", 1.2, 2.2))
    noise = np.random.default_rng(5).normal(0, 3000, 3 * SAMPLE_RATE).astype(np.int16)
    keep("noise", "noise", noise)
    keep("noise", "short", noise[: SAMPLE_RATE - 1])  # too short to cut from, skipped
    keywords = ModelFile.load().config.keywords
    return Dataset(
        {keyword: clips_in(root / keyword) for keyword in keywords},
        clips_in(root / "others"),
        clips_in(root / "noise"),
    )


def test_counts_by_hand() -> None:
    result = Top1Accuracy(
        ("up", "down"),
        {
            "up": {"up": 3, "down": 1, BACKGROUND: 0},
            "down": {"up": 0, "down": 0, BACKGROUND: 0},
            UNKNOWN: {"up": 1, "down": 0, BACKGROUND: 2},
            SILENCE: {"up": 0, "down": 0, BACKGROUND: 1},
        },
    )
    assert (result.clips(), result.correct(), result.accuracy()) == (8, 6, 0.75)
    values = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert (values["clips"], values["right"], values["accuracy"]) == (8, 6, 0.75)
    assert values["labels"]["up"] == {"clips": 4, "right": 3, "accuracy": 0.75}
    assert values["labels"]["down"] == {"clips": 0, "right": 0, "accuracy": None}
    assert values["labels"][UNKNOWN] == {"clips": 3, "right": 2, "accuracy": 0.6667}
    assert values["answers"] == ["up", "down", BACKGROUND]
    assert values["confusions"] == {
        "up": [3, 1, 0],
        "down": [0, 0, 0],
        UNKNOWN: [1, 0, 2],
        SILENCE: [0, 0, 1],
    }
    odd = Top1Accuracy(("[/x]",), {"[/x]": {"[/x]": 1, BACKGROUND: 0}})
    console = Console(width=80)
    with console.capture() as captured:
        console.print(result.table("a model"), odd.table("[/y]"))
    assert captured.get().count("[/x]") == 2
    assert "[/y]" in captured.get()
    rows = [line.replace("│", " ").split() for line in captured.get().splitlines()]
    assert ["up", "4", "3", "75.0%", "3", "1"] in rows
    assert ["down", "0", "0"] in rows
    assert ["unknown", "3", "2", "66.7%", "1", "2"] in rows
    assert ["all", "8", "6", "75.0%"] in rows
    assert "nan" not in captured.get()


def test_the_shipped_model_on_single_words(scorer: Scorer, words: Dataset) -> None:
    result = top1_accuracy(scorer, labelled_clips(words))
    assert result.keywords == scorer.config.keywords
    for keyword, clips in words.positives.items():
        assert result.clips(keyword) == result.confusions[keyword][keyword] == len(clips)
    assert result.clips(UNKNOWN) == result.correct(UNKNOWN) == 3  # 11 words of 4 keywords
    assert result.clips(SILENCE) == result.correct(SILENCE) == 2
    assert result.accuracy() == 1


def test_a_keyword_under_another_label_is_an_error(scorer: Scorer, words: Dataset) -> None:
    samples = read_audio(words.positives["jarvis"][0].path)
    result = top1_accuracy(scorer, {"computer": [samples], UNKNOWN: [samples], "jarvis": [samples]})
    assert [given["jarvis"] for given in result.confusions.values()] == [1, 1, 1]
    assert (result.correct(), result.clips()) == (1, 3)


def test_a_prediction_is_the_greatest_peak_of_at_least_a_half(
    scorer: Scorer, words: Dataset
) -> None:
    keywords = scorer.config.keywords
    random = np.random.default_rng(7)
    given = set()
    for clip in (clip for clips in words.positives.values() for clip in clips):
        samples = read_audio(clip.path)
        for length in np.linspace(len(samples) // 3, len(samples), 8).astype(int):
            samples_in_noise = samples[:length] + random.normal(0, 60, length).astype(np.int16)
            peaks = scorer.score_stream([samples_in_noise]).max(axis=0)
            greatest = keywords[int(np.argmax(peaks))]
            right = greatest if 2 * peaks.max() >= ONE else BACKGROUND
            assert predict(scorer, samples_in_noise) == right
            given.add(right)
    assert given == {*keywords, BACKGROUND}


def test_no_samples_are_no_keyword(scorer: Scorer) -> None:
    assert predict(scorer, np.zeros(0, np.int16)) == BACKGROUND


def test_what_is_drawn_depends_on_the_seed_alone(words: Dataset) -> None:
    def drawn(label: str, seed: int) -> list[bytes]:
        return [samples.tobytes() for samples in labelled_clips(words, seed)[label]]

    for label in (UNKNOWN, SILENCE):
        assert drawn(label, 1) == drawn(label, 1)
        assert len({tuple(drawn(label, seed)) for seed in range(8)}) > 1


def test_silence_is_cut_from_the_noise_at_another_volume(words: Dataset) -> None:
    noise = read_audio(words.noise[0].path)
    many = Dataset({"up": words.positives["computer"] * 40}, words.negatives, words.noise)
    cuts = list(labelled_clips(many)[SILENCE])
    assert len(cuts) == 12  # a tenth of the words, rounded up
    assert {len(samples) for samples in cuts} == {SAMPLE_RATE}
    volumes = []
    for samples in cuts:
        spectrum = np.fft.rfft(samples, 1 << 17) * 1.0
        correlation = np.fft.irfft(np.conj(spectrum) * np.fft.rfft(noise, 1 << 17))
        start = int(np.argmax(correlation))
        source = noise[start : start + SAMPLE_RATE].astype(float)
        volume = source @ samples / (source @ source)
        assert np.abs(samples - volume * source).max() < 1
        volumes.append(volume)
    assert 0 <= min(volumes) < 0.3 < 0.7 < max(volumes) <= 1


def test_without_noise_there_is_no_silence(words: Dataset) -> None:
    with pytest.raises(KwsError, match=r"no recording of noise of 1 s or more"):
        labelled_clips(Dataset(words.positives, words.negatives))
    short = [clip for clip in words.noise if clip.path.stem == "short"]
    with pytest.raises(KwsError, match=r"noise: no recording of noise of 1 s or more"):
        labelled_clips(Dataset(words.positives, words.negatives, short))


def test_what_cannot_be_read_is_reported_and_skipped(
    scorer: Scorer, words: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_text("not a recording")
    clips = [Clip(broken, 0), *words.positives["alexa"]]
    result = top1_accuracy(
        scorer, labelled_clips(Dataset({"alexa": clips}, words.negatives, words.noise))
    )
    assert result.clips("alexa") == result.correct("alexa") == len(clips) - 1
    assert str(broken) in caplog.text
