"""Train a small model on spoken recordings from end to end, interrupted and continued."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from command_line import ROOT
from conftest import skip_without
from waiting import PATIENCE

from kws.audio.audio_file import read_audio
from kws.calibration_card import HELD_OUT, calibration_of
from kws.config import SAMPLE_RATE
from kws.data.clips import clips_in
from kws.ds_cnn import DsCnn
from kws.engine.lowering import read
from kws.evaluation.scores import Scorer
from kws.mfcc import Mfcc
from kws.model_file import ModelFile
from kws.sensitivity import SENSITIVITIES, operating_points
from kws.training.calibration import ARG_MAX, CAUTIOUS
from kws.training.checkpoint import Checkpoint
from kws.training.fold import Fold
from kws.tts.synthesisers import SYNTHESISERS
from kws.tts.voices import installed_voices

if TYPE_CHECKING:
    from dask_cluster import KillableCluster

pytestmark = pytest.mark.slow

SENTENCES = (
    "the weather is going to be fine tomorrow",
    "please turn off the lights in the kitchen",
    "what time does the next train leave for London",
    "we are looking for a house with a garden",
    "thank you very much for your help yesterday",
    "the cat sat on the mat and looked at the mouse",
)
FOLDS = 2
EPOCHS = 3
STEPS, FEW_STEPS = 180, 40  # of a training that learns something, and of one that need not
SCRIPT = """
import logging
import sys
from pathlib import Path
from kws.cli import StderrHandler
from kws.data.dataset import from_folder
from kws.parallel import Cluster
from kws.training.architecture import Architecture
from kws.training.pipeline import run
from kws.training.fold import Fold
from kws.training.plan import Plan
from kws.training.recipe import CommitteeRecipe, ExampleCounts, Mining, PosteriorHandling
from kws.training.recipe import Recipe, Schedule


def small(epochs, steps, networks):
    return Recipe(
        architecture=Architecture(channels=24, kernels=(5, 7, 9)),
        schedule=Schedule(
            epochs=epochs,
            steps_per_epoch=steps // epochs,
            patience=epochs,
            batch_size=48 if steps > 100 else 16,
            warm_up_steps=20,
            ema_steps=(20, 20),
        ),
        examples=ExampleCounts(per_keyword=steps // 2, background=steps * 5 // 4),
        mining=Mining(passages_per_epoch=10),
        posterior=PosteriorHandling(phases=networks),
        committee=CommitteeRecipe(networks=networks),
    )


if __name__ == "__main__":
    logging.getLogger("kws").addHandler(StderrHandler())
    folder, output, epochs, steps, folds, tested, networks, cluster, *keywords = sys.argv[1:]
    work = Path(output).with_suffix(".work")
    folds = [Fold(index, int(folds), work) for index in range(int(folds))]
    plan = Plan(
        from_folder(Path(folder), keywords),  # no synthesis
        small(int(epochs), int(steps), int(networks)),
        folds[: int(tested)],
        folds[0] if int(tested) == 1 else Fold(len(folds), len(folds), work),
        cluster=Cluster(cluster) if cluster else None,
    )
    run(plan, Path(output), work)
"""


def file_name(kind: str, number: int) -> str:
    """A recording of a speaker of its own: nothing is to be grouped by its sound."""
    return f"{kind.strip('_')}{number}-20260131T154500-001.flac"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 utterances of a word by as many voices, sentences, and noise."""
    programs = [engine.program for engine in SYNTHESISERS.values()]
    skip_without("a speech synthesiser", any(map(shutil.which, programs)))
    folder = tmp_path_factory.mktemp("dataset")
    fast = [
        voice for voice in installed_voices() if voice.synthesiser != "festival"
    ] or installed_voices()
    voices = cycle(fast[:: max(1, len(fast) // 16)])
    random = np.random.default_rng(1)

    def write(kind: str, number: int, samples: np.ndarray) -> None:
        (folder / kind).mkdir(exist_ok=True)
        soundfile.write(folder / kind / file_name(kind, number), samples, SAMPLE_RATE)

    for number in range(16):
        spoken = np.pad(next(voices).speak("computer"), SAMPLE_RATE // 2)
        write("computer", number, spoken + random.normal(0, 5, len(spoken)).astype(np.int16))
        write("_negative_", number, next(voices).speak(SENTENCES[number % len(SENTENCES)]))
        level = 10 ** random.uniform(1, 3)
        write("_noise_", number, random.normal(0, level, 2 * SAMPLE_RATE).astype(np.int16))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of this module's model and its work folder."""
    return tmp_path_factory.mktemp("training")


@dataclass(frozen=True)
class Trained:
    """A model, and what was observed while it was made."""

    model: ModelFile
    work: Path
    killed_at: int  # epoch of the first fold
    epochs_after: set[int]  # in its checkpoint afterwards


@pytest.fixture(scope="module")
def trained(dataset: Path, folder: Path) -> Trained:
    """A model whose training was killed, continued, interrupted, and continued again."""
    skip_without("TensorFlow", find_spec("tensorflow"))
    output, work = folder / "word.tflite", folder / "word.work"
    command = train_command(folder, dataset, output)
    first = Fold(0, FOLDS, work)
    with until(command, lambda: first.checkpoint.exists()) as run:
        os.kill(run.pid, signal.SIGKILL)
        run.communicate(timeout=PATIENCE)  # its other processes end as well: none holds the pipe
    killed_at = Checkpoint.load(first.checkpoint).epoch

    epochs_after: set[int] = set()

    def finished() -> bool:
        epochs_after.add(Checkpoint.load(first.checkpoint).epoch)
        return first.path.exists()

    with until(command, finished) as run:
        os.killpg(run.pid, signal.SIGINT)
    assert not output.exists()
    kept = first.path.read_bytes(), first.path.stat().st_mtime_ns

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()  # a minute of speech is too little to measure by
    assert line.startswith("kws: 0.")
    assert f"set to {CAUTIOUS} or higher" in line
    assert (first.path.read_bytes(), first.path.stat().st_mtime_ns) == kept
    # TensorFlow's messages are in the logs; what is printed is for the user.
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    assert lines[-1] == f"wrote {output}, {output.stat().st_size} bytes"
    assert {"fold 1: done", "fold 2: done", "final model: done"} <= set(lines)
    assert "Saved artifact" not in done.stdout
    assert "Saved artifact" in first.log.read_text()
    return Trained(ModelFile.load(output), work, killed_at, epochs_after)


@contextmanager
def until(command: list[str], reached: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until something is reached."""
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True) as run:
        while run.poll() is None and not reached():
            time.sleep(0.02)
        assert reached(), run.stderr.read().decode()
        yield run


def train_command(
    folder: Path,
    dataset: Path,
    output: Path,
    epochs: int = EPOCHS,
    steps: int = STEPS,
    folds: int = FOLDS,
    tested: int = FOLDS,
    networks: int = 1,
    keywords: Sequence[str] = (),
    cluster: str = "",
) -> list[str]:
    script = folder / "train.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{SCRIPT}")
    return [
        *(sys.executable, str(script), str(dataset), str(output)),
        *(str(epochs), str(steps), str(folds), str(tested), str(networks), cluster, *keywords),
    ]


def test_a_killed_training_continues_with_its_epoch(trained: Trained) -> None:
    assert 1 <= trained.killed_at < EPOCHS
    assert min(trained.epochs_after) >= trained.killed_at
    assert max(trained.epochs_after) <= EPOCHS


def test_the_final_model_is_trained_as_long_as_the_tested_ones_were_best(trained: Trained) -> None:
    *tested, final = (Fold(index, FOLDS, trained.work) for index in range(FOLDS + 1))
    assert final.epochs == round(median(fold.epochs for fold in tested))
    assert Checkpoint.load(final.checkpoint).epoch == final.epochs
    assert all(Checkpoint.load(fold.checkpoint).epoch >= fold.epochs for fold in tested)


def test_the_model_states_its_data_and_figures(trained: Trained) -> None:
    config = trained.model.config
    assert config.keywords == ("computer",)
    assert len(config.front_end.mean) == config.front_end.coefficients
    card = config.card
    assert card["recordings"] == {"computer": 16}
    assert card["negative_recordings"] == 16
    assert list(card["figures"]) == ["clean", "10 dB"]
    for figures in card["figures"].values():
        assert 0 < figures["hours"] < 0.1
        word = figures["keywords"]["computer"]
        assert word["utterances"] == 16
        assert word["own"]["threshold"] == pytest.approx(config.thresholds[0], abs=1e-4)
        assert 0 <= word["own"]["miss_rate"] <= 1
    # The thresholds are set on the clean speech; half an alarm per hour is none of a minute's.
    assert card["figures"]["clean"]["keywords"]["computer"]["own"]["false_alarms"] == 0


def test_its_operators_run_and_stream_and_window_agree(trained: Trained, dataset: Path) -> None:
    model = trained.model
    assert not read(model.content, "it").no_stream
    rows = Mfcc(model.config.front_end).push(
        np.concatenate([read_audio(clip.path) for clip in clips_in(dataset / "computer")][:4])
    )
    network = DsCnn(model)
    at_once = network.push(rows)
    network.reset()
    streamed = np.concatenate([network.push(row[None]) for row in rows])
    windows = []
    for start in range(0, len(rows) - network.window_frames + 1, network.stride):
        network.reset()
        windows.append(network.push(rows[start : start + network.window_frames]))
    assert len(at_once) > 50
    assert len(np.unique(at_once)) > 20
    assert np.array_equal(streamed, at_once)
    assert np.array_equal(np.concatenate(windows), at_once)


def test_it_has_learned_something(trained: Trained, dataset: Path) -> None:
    scorer = Scorer(trained.model)

    def peaks(folder: str) -> list[int]:
        clips = clips_in(dataset / folder)
        return [scorer.score_stream([read_audio(clip.path)]).max() for clip in clips]

    assert np.median(peaks("computer")) > np.quantile(peaks("_negative_"), 0.8)


def test_a_disk_that_is_full_at_the_end_is_an_error(
    trained: Trained, dataset: Path, folder: Path
) -> None:
    """The trainings are kept: the same command, with room for its output, continues from there."""
    full = Path("/dev/full")
    skip_without("/dev/full", full.exists())
    output = folder / "full.tflite"
    output.symlink_to(full)
    output.with_suffix(".work").symlink_to(folder / "word.work")
    done = subprocess.run(
        train_command(folder, dataset, output), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].endswith(f"{output}: No space left on device")
    assert (folder / "word.work" / "fold-0.tflite").exists()


def test_a_model_that_is_not_tested_says_so(dataset: Path, tmp_path: Path) -> None:
    """A base model: trained on everything; its thresholds let the most probable class win."""
    skip_without("TensorFlow", find_spec("tensorflow"))
    output = tmp_path / "base.tflite"
    command = train_command(tmp_path, dataset, output, epochs=1, steps=FEW_STEPS, tested=0)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    config = ModelFile.load(output).config
    assert config.thresholds == (ARG_MAX,)
    assert (config.card["measured"], config.card["figures"]) == ("not", {})


def test_a_cluster_trains_a_committee_by_seed_and_tests_it_as_one(
    dataset: Path, tmp_path: Path, dask: KillableCluster
) -> None:
    skip_without("TensorFlow", find_spec("tensorflow"))
    output = tmp_path / "word.tflite"
    address = dask.cluster.address
    command = train_command(tmp_path, dataset, output, 2, FEW_STEPS, FOLDS, 1, 2, cluster=address)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    model, work = ModelFile.load(output), output.with_suffix(".work")
    folds = Fold(0, FOLDS, work).networks(2)
    assert [len(Checkpoint.load(fold.checkpoint).mined) for fold in folds] == [1, 1]
    first, second = (ModelFile.load(fold.path) for fold in folds)
    assert first.content != second.content
    assert first.config.front_end == second.config.front_end == model.config.front_end
    assert len(model.networks) == 1
    committee = model.config.committee
    assert committee
    assert (committee.phases, committee.bounds) == ((2, 2), (0.2,))
    assert model.config.card["figures"]


def test_the_kept_model_is_tested_on_the_speakers_that_it_leaves_out(
    dataset: Path, tmp_path: Path
) -> None:
    """Its figures and thresholds are its own, from speech that it was not trained on."""
    skip_without("TensorFlow", find_spec("tensorflow"))
    longer = shutil.copytree(dataset, tmp_path / "longer")
    for path in (dataset / "_negative_").iterdir():  # half of them are held out
        spoken = np.tile(read_audio(path), 24)
        soundfile.write(longer / "_negative_" / path.name, spoken, SAMPLE_RATE)
    output = tmp_path / "word.tflite"
    command = train_command(tmp_path, longer, output, epochs=2, steps=FEW_STEPS, folds=2, tested=1)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.rglob("fold-*.tflite")) == ["fold-0.tflite"]
    config = ModelFile.load(output).config
    card = calibration_of(config)
    assert card.measured_on == HELD_OUT
    assert 5 / 60 < card.hours < 10 / 60
    assert list(operating_points(config)) == list(SENSITIVITIES) == list(card.points)
    assert config.card["measured"] == "this model, on the 1/2 that it was not trained on"
    assert 0 < card.points["normal"].misses["clean"].utterances < 16
    assert f"measured on {card.hours:.2f} h of {HELD_OUT}" in done.stdout
    assert "normal: " in done.stdout


def write_messy(folder: Path, dataset: Path) -> None:
    """Write a word recorded once, a synthetic one, one without files; and what else goes wrong.

    The recording is at another rate; a file is no audio, a folder is empty; there is no noise.
    """
    for name in ("computer", "alexa", "nothing", "_negative_"):
        (folder / name).mkdir()
    once = read_audio(dataset / "computer" / file_name("computer", 3))
    soundfile.write(folder / "computer" / "once.wav", np.repeat(once, 2), 2 * SAMPLE_RATE)
    (folder / "computer" / "text.wav").write_text("no audio")
    for number in range(4):
        shutil.copy(
            dataset / "computer" / file_name("computer", number),
            folder / "alexa" / f"synth-alexa-{number}@voice{number}.flac",
        )
    for number in range(8):
        shutil.copy(dataset / "_negative_" / file_name("_negative_", number), folder / "_negative_")


def test_what_cannot_be_used_is_logged_and_the_rest_makes_a_model(
    dataset: Path, tmp_path: Path
) -> None:
    skip_without("TensorFlow", find_spec("tensorflow"))
    messy, output = tmp_path / "messy", tmp_path / "word.tflite"
    messy.mkdir()
    write_messy(messy, dataset)
    asked = ("computer", "alexa")
    command = train_command(
        tmp_path, messy, output, epochs=2, steps=FEW_STEPS, folds=4, tested=1, keywords=asked
    )
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert all(line.startswith("kws: ") for line in lines), done.stderr
    for problem in (
        "text.wav: no ",
        "1 of 1 recordings are not 16 kHz mono; they are converted",
        "nothing: no audio files there; left out",
        "computer: a single recording; figures cannot be measured",
    ):
        assert sum(problem in line for line in lines) == 1, (problem, done.stderr)
    model = ModelFile.load(output)
    assert model.config.keywords == ("computer", "alexa")
    assert min(model.config.thresholds) >= CAUTIOUS
    figures = model.config.card["figures"]["clean"]
    assert [word["utterances"] for word in figures["keywords"].values()] == [0, 0]
    assert figures["mean_miss_rate"] is None
    assert model.config.card["recordings"] == {"computer": 1, "alexa": 4}
