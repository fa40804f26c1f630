"""Test kws evaluate on small folders of recordings."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from command_line import kws
from conftest import skip_without
from small_models import synthetic_audio, temporal

from kws.commands.evaluate import evaluate
from kws.config import SAMPLE_RATE
from kws.evaluation.scores import Scorer
from kws.model_file import ModelFile
from kws.posterior import ONE, quantise_threshold

if TYPE_CHECKING:
    from dask_cluster import KillableCluster

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> ModelFile:
    skip_without("TensorFlow", find_spec("tensorflow"))
    return temporal()


@pytest.fixture
def folders(model: ModelFile, tmp_path: Path) -> Path:
    """Write positives/<keyword>/, negatives/ and noise/ with a model file."""
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


def test_the_command_measures_a_model(folders: Path, model: ModelFile) -> None:
    result, complaints = evaluated(folders)
    first, _, third = model.config.keywords
    assert complaints == ""
    assert (result["model"], result["snr"], result["gate"]) == ("small", None, True)
    assert result["hours"] == round(80 / 3600, 3)
    assert [values["utterances"] for values in result["keywords"].values()] == [5, 3, 0]
    own = result["keywords"][first]["own"]
    assert own["threshold"] == pytest.approx(model.config.thresholds[0], abs=1e-5)
    scorer, threshold = Scorer(model), quantise_threshold(model.config.thresholds[0])
    peaks = [scorer.score_stream([synthetic_audio(0.8, 500 + s)])[:, 0].max() for s in range(5)]
    assert own["miss_rate"] == np.mean(np.array(peaks) < threshold)
    assert result["keywords"][third]["own"]["miss_rate"] is None
    for values in result["keywords"].values():
        assert set(values["at"]["0.1"].values()) == {None}  # 80 s cannot show it


def test_a_cluster_and_processes_give_the_same_figures(
    folders: Path, dask: KillableCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = ("--noise", folders / "noise", "--snr", 10)
    result, _ = evaluated(folders, *noise)
    there, complaints = evaluated(folders, *noise, "--cluster", dask.cluster.address)
    assert (there, complaints) == (result, "")
    monkeypatch.setattr("kws.commands.evaluate_scores.LARGE", 0)
    printed = []
    monkeypatch.setattr("builtins.print", printed.append)
    evaluate(
        str(folders / "small.tflite"),
        folders / "positives",
        folders / "negatives",
        noise[1],
        10.0,
        json=True,
    )
    assert json.loads(printed[0]) == result


def test_without_the_gate_silence_is_scored_too(folders: Path, model: ModelFile) -> None:
    result, _ = evaluated(folders, "--no-gate")
    assert result["gate"] is False
    samples = synthetic_audio(20, seed=5)
    gated, whole = (Scorer(m).score_stream([samples]) for m in (model, model.without_gate()))
    assert len(gated) <= len(whole)
    closed = (gated == 0).all(axis=1)
    assert 0.1 < closed.mean() < 0.9
    assert not (whole[: len(gated)][closed] == 0).all()


def test_the_front_end_in_fixed_point_scores_as_a_board_with_it(
    folders: Path, model: ModelFile
) -> None:
    """By a threshold between the confidences of a recording in both arithmetics."""
    keyword, samples = model.config.keywords[0], synthetic_audio(0.8, 500)
    exact, fixed = (
        int(Scorer(model.with_arithmetic(name)).score_stream([samples])[:, 0].max())
        for name in ("float", "fixed")
    )
    assert abs(exact - fixed) > 1
    for path in (folders / "positives" / keyword).iterdir():
        soundfile.write(path, samples, SAMPLE_RATE)
    threshold = ("--threshold", f"{keyword}={(exact + fixed) / 2 / ONE}")
    rates = {"float": float(exact < fixed), "fixed": float(fixed < exact)}
    for name, missed in rates.items():
        result, _ = evaluated(folders, *threshold, "--arithmetic", name)
        assert result["arithmetic"] == name
        assert result["keywords"][keyword]["own"]["miss_rate"] == missed
    done = kws(*command(folders), "--arithmetic", "fixed")
    assert "front end in fixed point" in " ".join(done.stdout.split())


def test_noise_is_mixed_into_positives_and_negatives(folders: Path) -> None:
    clean, _ = evaluated(folders)
    noisy, _ = evaluated(folders, "--noise", folders / "noise", "--snr", 0)
    assert noisy["snr"] == 0
    assert noisy == evaluated(folders, "--noise", folders / "noise", "--snr", 0)[0]
    assert noisy["keywords"] != clean["keywords"]


def test_the_table(folders: Path, model: ModelFile) -> None:
    done = kws(*command(folders), "--noise", folders / "noise", "--snr", 5)
    assert (done.returncode, done.stderr) == (0, "")
    assert "small, noise at 5 dB" in done.stdout
    for keyword in model.config.keywords:
        assert keyword in done.stdout


def test_what_cannot_be_used_is_reported_and_skipped(folders: Path, model: ModelFile) -> None:
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
def test_nothing_to_measure_on(folders: Path, remove: str, options: tuple, problem: str) -> None:
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
