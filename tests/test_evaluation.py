"""Evaluation: alarms and thresholds against a plain count, noise by definition, kws evaluate."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import kws
from conftest import skip_without
from rich.console import Console
from small_models import synthetic_audio, temporal

from kws.audio.audio_file import AudioFile
from kws.config import SAMPLE_RATE, ModelConfig, Smoothing
from kws.evaluation.evaluate import FA_PER_HOUR_TARGETS, evaluate, merge_scores
from kws.evaluation.mixing import FRAME, mix_with_noise
from kws.evaluation.operating_points import (
    OperatingPoint,
    count_alarms,
    lowest_threshold,
    operating_point_at,
    operating_point_for,
)
from kws.evaluation.scores import Scorer, Scores, score_recordings
from kws.listener import listen
from kws.model_file import ModelFile
from kws.posterior import ONE, quantise_threshold
from kws.spotter import NumpySpotter


def trace(*confidences: int) -> np.ndarray:
    return np.array(confidences, np.int64)


# Alarms and thresholds


@pytest.mark.parametrize(
    ("confidences", "refractory", "alarms"),
    [
        ((), 0, 0),
        ((9, 9, 9), 0, 0),
        ((10, 10, 10), 0, 3),
        ((10, 10, 10), 1, 2),  # the second step is silent
        ((10, 10, 10), 2, 1),
        ((0, 10, 99, 0, 10, 0), 2, 2),  # a higher confidence within the silence starts no new one
        ((0, 10, 99, 10, 10, 0), 3, 1),
    ],
)
def test_alarms_by_hand(confidences: tuple[int, ...], refractory: int, alarms: int) -> None:
    assert count_alarms(trace(*confidences), 10, refractory) == alarms


@pytest.mark.parametrize(
    ("confidences", "most", "level"),
    [
        ((), 0, 1),
        ((0, 0, 0), 0, 1),
        ((5, 0, 7, 0, 6), 0, 8),
        ((5, 0, 7, 0, 6), 1, 7),
        ((5, 0, 7, 0, 6), 2, 6),
        ((5, 0, 7, 0, 6), 3, 1),
        ((5, 6, 7, 6, 5), 0, 8),
        ((5, 6, 7, 6, 5), 1, 6),  # at 5 the first alarm comes early, and the last step is one more
        ((ONE, 3), 0, ONE + 1),
    ],
)
def test_levels_by_hand(confidences: tuple[int, ...], most: int, level: int) -> None:
    assert (
        lowest_threshold(trace(*confidences), most, 3 if confidences[1:2] == (6,) else 0) == level
    )


def plain_count(steps: list[int], level: int, refractory: int) -> int:
    alarms = silent = 0
    for step in steps:
        if silent:
            silent -= 1
        elif step >= level:
            alarms, silent = alarms + 1, refractory
    return alarms


@pytest.mark.parametrize("seed", range(40))
def test_levels_are_the_lowest_on_random_traces(seed: int) -> None:
    random = np.random.default_rng(seed)
    steps = random.integers(0, random.choice([3, 12, 60]), random.integers(1, 80))
    if seed % 2:
        steps = np.convolve(steps, [1, 2, 1], "same")  # runs, as smoothing makes them
    refractory, most = int(random.integers(0, 9)), int(random.integers(0, 6))
    counts = [plain_count(steps.tolist(), level, refractory) for level in range(1, 300)]
    assert counts == [count_alarms(steps, level, refractory) for level in range(1, 300)]
    assert counts == sorted(counts, reverse=True)
    lowest = next(level for level, count in enumerate(counts, 1) if count <= most)
    assert lowest_threshold(steps, most, refractory) == lowest


def test_rates() -> None:
    peaks, steps = trace(5, 10, 20, 30), trace(0, 12, 0, 25, 0, 8)
    assert operating_point_at(peaks, steps, 10, 2.0, 0) == OperatingPoint(10 / ONE, 1, 4, 2, 2.0)
    assert operating_point_for(peaks, steps, 0.5, 2.0, 0) == OperatingPoint(13 / ONE, 2, 4, 1, 2.0)
    assert operating_point_for(peaks, steps, 0.1, 2.0, 0) == OperatingPoint(26 / ONE, 3, 4, 0, 2.0)
    assert OperatingPoint(0.5, 1, 4, 3, 2.0).miss_rate == 0.25
    assert OperatingPoint(0.5, 1, 4, 3, 2.0).false_alarms_per_hour == 1.5
    assert np.isnan(OperatingPoint(0.5, 0, 0, 0, 0.0).miss_rate)


CONFIG = ModelConfig(
    ("one", "two"), (0.5, 0.25), 2, smoothing=Smoothing(max_steps=1, refractory_steps=2)
)


def heard(one: np.ndarray, two: np.ndarray, hours: float = 10.0) -> Scores:
    negative = {"one": trace(0, ONE // 2, 0), "two": trace(0, 0, ONE // 2)}
    return Scores({"one": one, "two": two}, negative, hours)


def test_an_evaluation_for_machines_and_for_people() -> None:
    result = evaluate(heard(trace(ONE, ONE // 2, 0, 0), trace()), CONFIG)
    values = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert values["hours"] == 10
    assert values["mean_miss_rate"] == 0.5
    assert set(values["mean_miss_rate_at"]) == set(map(str, FA_PER_HOUR_TARGETS))
    one, two = values["keywords"]["one"], values["keywords"]["two"]
    assert one["utterances"] == 4
    assert one["own"] == {
        "threshold": 0.5,
        "miss_rate": 0.5,
        "false_alarms": 1,
        "false_alarms_per_hour": 0.1,
    }
    assert one["at"]["0.1"]["threshold"] == pytest.approx(1 / ONE, abs=1e-5)  # one alarm is allowed
    assert two["utterances"] == 0
    assert two["own"]["miss_rate"] is None
    assert two["own"]["false_alarms"] == 1
    console = Console(width=80)
    with console.capture() as captured:
        console.print(result.table("a model"))
    lines = captured.get().splitlines()
    assert any("one" in line and "50.0%" in line for line in lines)
    assert "nan" not in captured.get()
    assert not any("…" in line for line in lines)


def test_without_positives_there_is_no_miss_rate() -> None:
    result = evaluate(heard(trace(), trace()), CONFIG)
    assert result.to_dict()["mean_miss_rate"] is None


def test_merged_traces_are_one_test_set() -> None:
    parts = [heard(trace(1, 2), trace(3), 1.5), heard(trace(4), trace(), 0.5)]
    whole = merge_scores(parts)
    assert whole.positives["one"].tolist() == [1, 2, 4]
    assert whole.positives["two"].tolist() == [3]
    assert whole.negatives["two"].tolist() == [0, 0, ONE // 2] * 2
    assert whole.hours == 2.0


# Noise


@pytest.mark.parametrize("snr", [-5.0, 0.0, 10.0, 25.0])
def test_noise_is_mixed_in_by_the_definition(snr: float) -> None:
    random = np.random.default_rng(1)
    word = np.pad(random.normal(0, 2000, 6 * FRAME), (5 * FRAME, 9 * FRAME))
    recording = word.round().astype(np.int16)
    noise = (random.normal(0, 300, 100 * FRAME) * np.linspace(0.1, 1, 100 * FRAME)).astype(np.int16)
    (mixed,) = mix_with_noise([recording], noise, snr, seed=3)
    added = mixed.astype(float) - recording

    def loudest(samples: np.ndarray) -> float:
        return max((frame.astype(float) ** 2).sum() for frame in samples.reshape(-1, FRAME))

    assert mixed.dtype == np.int16
    assert 10 * np.log10(loudest(recording) / loudest(added)) == pytest.approx(snr, abs=0.05)


def test_noise_of_any_length_is_enough() -> None:
    recordings = [synthetic_audio(0.5, seed) for seed in (1, 2)]
    noise = np.arange(-500, 500, 7).astype(np.int16)
    first, again = (list(mix_with_noise(recordings, noise, 10, seed=1)) for _ in range(2))
    assert [len(samples) for samples in first] == [8000, 8000]
    assert all(map(np.array_equal, first, again))
    (other,) = mix_with_noise(recordings[:1], noise, 10, seed=2)
    assert not np.array_equal(first[0], other)


def test_silence_as_noise_changes_nothing() -> None:
    samples = synthetic_audio(0.5)
    (mixed,) = mix_with_noise([samples], np.zeros(100, np.int16), 10, seed=1)
    assert np.array_equal(mixed, samples)


# A model on recordings


@pytest.fixture(scope="module")
def model() -> ModelFile:
    skip_without("TensorFlow", find_spec("tensorflow"))
    return temporal()


def test_a_threshold_is_reached_where_kws_listen_detects(model: ModelFile, tmp_path: Path) -> None:
    scorer, spotter = Scorer(model), NumpySpotter(model)
    levels = [quantise_threshold(threshold) for threshold in model.config.thresholds]
    found = 0
    for seed in range(30):
        samples = synthetic_audio(0.7, seed)
        soundfile.write(tmp_path / "a.wav", samples, SAMPLE_RATE)
        detections = []
        detections += listen(AudioFile(tmp_path / "a.wav"), spotter)
        reached = (scorer.score_stream([samples]) >= levels).any()
        assert reached == bool(detections)
        found += bool(detections)
    assert 3 < found < 27


def test_negatives_are_one_stream_however_cut(model: ModelFile) -> None:
    stream = synthetic_audio(20, seed=5)
    pieces = np.split(stream, [1, 5000, 5001, 200_000])
    scorer = Scorer(model)
    cut, whole = score_recordings(scorer, {}, iter(pieces)), score_recordings(scorer, {}, [stream])
    assert cut.hours == whole.hours == 20 / 3600
    for keyword in model.config.keywords:
        assert np.array_equal(cut.negatives[keyword], whole.negatives[keyword])
        assert len(cut.positives[keyword]) == 0


@pytest.fixture
def folders(model: ModelFile, tmp_path: Path) -> Path:
    """positives/<keyword>/, negatives/ and noise/ beside a model file."""
    (tmp_path / "small.tflite").write_bytes(model.content)
    first, second, _ = model.config.keywords
    for folder, count, seconds in (
        (f"positives/{first}", 5, 0.8),
        (f"positives/{second.upper().replace(' ', '_')}", 3, 0.8),
        ("negatives/deeper", 4, 20),
        ("noise", 2, 3),
    ):
        (tmp_path / folder).mkdir(parents=True)
        for seed in range(count):
            samples = synthetic_audio(seconds, seed + 100 * count)
            soundfile.write(tmp_path / folder / f"{seed}.flac", samples, SAMPLE_RATE)
    return tmp_path


def command(folders: Path) -> list[object]:
    options = ("--positives", folders / "positives", "--negatives", folders / "negatives")
    return ["evaluate", folders / "small.tflite", *options]


def evaluated(folders: Path, *options: object) -> tuple[dict, str]:
    done = kws(*command(folders), "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_the_command_judges_a_model(folders: Path, model: ModelFile) -> None:
    result, complaints = evaluated(folders)
    first, _, third = model.config.keywords
    assert complaints == ""
    assert (result["model"], result["snr"], result["gate"]) == ("small", None, True)
    assert result["hours"] == round(80 / 3600, 3)
    assert [values["utterances"] for values in result["keywords"].values()] == [5, 3, 0]
    own = result["keywords"][first]["own"]
    assert own["threshold"] == pytest.approx(model.config.thresholds[0], abs=1e-5)
    scorer, level = Scorer(model), quantise_threshold(model.config.thresholds[0])
    peaks = [scorer.score_stream([synthetic_audio(0.8, 500 + s)])[:, 0].max() for s in range(5)]
    assert own["miss_rate"] == np.mean(np.array(peaks) < level)
    assert result["keywords"][third]["own"]["miss_rate"] is None
    for values in result["keywords"].values():
        assert values["at"]["0.1"]["false_alarms"] == 0


def test_without_the_gate_silence_is_heard_too(folders: Path, model: ModelFile) -> None:
    result, _ = evaluated(folders, "--no-gate")
    assert result["gate"] is False
    samples = synthetic_audio(20, seed=5)
    gated, whole = (Scorer(m).score_stream([samples]) for m in (model, model.without_gate()))
    assert len(gated) <= len(whole)
    closed = (gated == 0).all(axis=1)
    assert 0.1 < closed.mean() < 0.9
    assert not (whole[: len(gated)][closed] == 0).all()


def test_in_noise_both_sides_change(folders: Path) -> None:
    clean, _ = evaluated(folders)
    noisy, _ = evaluated(folders, "--noise", folders / "noise", "--snr", 0)
    assert noisy["snr"] == 0
    assert noisy == evaluated(folders, "--noise", folders / "noise", "--snr", 0)[0]
    assert noisy["keywords"] != clean["keywords"]


def test_the_table_is_for_people(folders: Path, model: ModelFile) -> None:
    done = kws(*command(folders), "--noise", folders / "noise", "--snr", 5)
    assert (done.returncode, done.stderr) == (0, "")
    assert "small, noise at 5 dB" in done.stdout
    for keyword in model.config.keywords:
        assert keyword in done.stdout


def test_what_cannot_be_used_is_told_and_passed_over(folders: Path, model: ModelFile) -> None:
    first = model.config.keywords[0]
    (folders / "positives" / first / "broken.wav").write_text("no audio")
    (folders / "negatives" / "cut.wav").write_bytes(b"RIFF")
    for name in ("other_word", "_noise_"):
        (folders / "positives" / name).mkdir()
    result, complaints = evaluated(folders)
    assert result["keywords"][first]["utterances"] == 5
    unknown, broken, cut = complaints.splitlines()
    assert unknown.startswith("kws: ")
    assert unknown.endswith("other_word: passed over, the model does not know 'other_word'")
    assert "broken.wav: no audio that can be read" in broken
    assert "cut.wav: " in cut


@pytest.mark.parametrize(
    ("remove", "options", "problem"),
    [
        ("positives/*", (), "positives: no folder of a keyword of the model: word"),
        ("positives", (), "positives: No such file or directory"),
        ("positives/*/*.flac", (), "no audio files there"),
        ("negatives", (), "negatives: No such file or directory"),
        ("negatives/*/*.flac", (), "negatives: no audio files there"),
        ("", ("--noise", "no-such-folder", "--snr", 3), "no-such-folder: No such file"),
        ("", ("--noise", "noise"), "--noise and --snr belong together"),
        ("", ("--snr", 3), "--noise and --snr belong together"),
    ],
)
def test_nothing_to_judge_by(folders: Path, remove: str, options: tuple, problem: str) -> None:
    for number, path in enumerate(folders.glob(remove) if remove else ()):
        path.rename(folders / f"gone-{number}")
    done = kws(*command(folders), *options)
    assert done.returncode == (2 if "belong" in problem else 1)
    assert done.stdout == ""
    assert problem in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_nothing_that_can_be_read(folders: Path) -> None:
    for path in (folders / "negatives").glob("*/*.flac"):
        path.write_text("no audio")
    done = kws(*command(folders))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == f"kws: error: {folders / 'negatives'}: none of the recordings can be read"
