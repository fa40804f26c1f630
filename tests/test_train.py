"""kws train from end to end: a small model on spoken recordings, interrupted and taken up again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import soundfile
from command_line import ROOT, kws
from conftest import skip_without
from kokoro_stand_in import kokoro

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE
from kws.data.clips import PARTITIONS, Clip, clips_in
from kws.data.dataset import Dataset, Synthesis, from_folder
from kws.ds_cnn import DsCnn
from kws.engine.lowering import read
from kws.errors import KwsError
from kws.evaluation.scores import Scorer
from kws.mfcc import Mfcc
from kws.model_file import ModelFile
from kws.training.calibration import CAUTIOUS, LEAST
from kws.training.checkpoint import Checkpoint
from kws.training.fold import Fold
from kws.training.plan import Plan
from kws.training.recipe import PosteriorHandling, Recipe, fine_tuning
from kws.training.work_folder import check_work
from kws.tts.synthesisers import SYNTHESISERS
from kws.tts.utterances import installed_voices

SENTENCES = (
    "the weather is going to be fine tomorrow",
    "please turn off the lights in the kitchen",
    "what time does the next train leave for London",
    "we are looking for a house with a garden",
    "thank you very much for your help yesterday",
    "the cat sat on the mat and looked at the mouse",
)
FOLDS = 2
EPOCHS = 4
SCRIPT = """
import sys
from pathlib import Path
from kws.data.dataset import from_folder
from kws.training.recipe import Architecture
from kws.training.pipeline import run
from kws.training.fold import Fold
from kws.training.plan import Plan
from kws.training.recipe import ExampleCounts, Mining, Recipe, Schedule


def small(epochs):
    return Recipe(
        architecture=Architecture(channels=24, kernels=(5, 7, 9)),
        schedule=Schedule(
            epochs=epochs,
            steps_per_epoch=320 // epochs,
            patience=epochs,
            batch_size=48,
            warm_up_steps=20,
            ema_steps=(20, 20),
        ),
        examples=ExampleCounts(per_keyword=160, background=400),
        mining=Mining(passages_per_epoch=10),
    )


if __name__ == "__main__":
    folder, output, epochs, folds, tested, *keywords = sys.argv[1:]
    work = Path(output).with_suffix(".work")
    folds = [Fold(index, int(folds), work) for index in range(int(folds))]
    plan = Plan(
        from_folder(Path(folder), keywords),  # no synthesis
        small(int(epochs)),
        folds[: int(tested)],
        Fold(len(folds), len(folds), work),
    )
    run(plan, Path(output), work)
"""


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
        soundfile.write(folder / kind / f"{number}.flac", samples, SAMPLE_RATE)

    for number in range(16):
        spoken = np.pad(next(voices).speak("computer"), SAMPLE_RATE // 2)
        write("computer", number, spoken + random.normal(0, 5, len(spoken)).astype(np.int16))
        write("_negative_", number, next(voices).speak(SENTENCES[number % len(SENTENCES)]))
        level = 10 ** random.uniform(1, 3)
        write("_noise_", number, random.normal(0, level, 2 * SAMPLE_RATE).astype(np.int16))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the model of this module and its work folder lie."""
    return tmp_path_factory.mktemp("training")


@dataclass(frozen=True)
class Trained:
    """A model, and what was seen of its making."""

    model: ModelFile
    work: Path
    killed_at: int  # epoch of the first fold
    epochs_behind: set[int]  # that its checkpoint said afterwards


@pytest.fixture(scope="module")
def trained(dataset: Path, folder: Path) -> Trained:
    """A model whose training was killed, taken up, interrupted, and taken up again."""
    skip_without("TensorFlow", find_spec("tensorflow"))
    output, work = folder / "word.tflite", folder / "word.work"
    command = train_command(folder, dataset, output)
    first = Fold(0, FOLDS, work)
    with until(command, lambda: first.checkpoint.exists()) as run:
        os.kill(run.pid, signal.SIGKILL)
        run.communicate(timeout=120)  # its other processes end as well: none holds the pipe
    killed_at = Checkpoint.load(first.checkpoint).epoch

    behind: set[int] = set()

    def finished() -> bool:
        behind.add(Checkpoint.load(first.checkpoint).epoch)
        return first.path.exists()

    with until(command, finished) as run:
        os.killpg(run.pid, signal.SIGINT)
    assert not output.exists()
    kept = first.path.read_bytes(), first.path.stat().st_mtime_ns

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (first.path.read_bytes(), first.path.stat().st_mtime_ns) == kept
    # TensorFlow's messages are in the logs; what is printed is for the user.
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    assert lines[-1] == f"wrote {output}, {output.stat().st_size} bytes"
    assert {"fold 1: done", "fold 2: done", "final model: done"} <= set(lines)
    assert "Saved artifact" not in done.stdout
    assert "Saved artifact" in first.log.read_text()
    return Trained(ModelFile.load(output), work, killed_at, behind)


@contextmanager
def until(command: list[str], reached: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """A command that has come so far."""
    # A background job of a shell ignores Ctrl-C, and hands that on.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=heed
    ) as run:
        while run.poll() is None and not reached():
            time.sleep(0.02)
        assert reached(), run.stderr.read().decode()
        yield run


def train_command(
    folder: Path,
    dataset: Path,
    output: Path,
    epochs: int = EPOCHS,
    folds: int = FOLDS,
    tested: int = FOLDS,
    keywords: Sequence[str] = (),
) -> list[str]:
    script = folder / "train.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{SCRIPT}")
    return [
        *(sys.executable, str(script), str(dataset), str(output)),
        *(str(epochs), str(folds), str(tested), *keywords),
    ]


def test_a_killed_training_goes_on_with_its_epoch(trained: Trained) -> None:
    assert trained.killed_at >= 1
    assert min(trained.epochs_behind) >= trained.killed_at
    assert max(trained.epochs_behind) <= EPOCHS


def test_the_final_model_is_trained_as_long_as_the_tested_ones_were_best(trained: Trained) -> None:
    *tested, final = (Fold(index, FOLDS, trained.work) for index in range(FOLDS + 1))
    assert final.epochs == round(median(fold.epochs for fold in tested))
    assert Checkpoint.load(final.checkpoint).epoch == final.epochs
    assert all(Checkpoint.load(fold.checkpoint).epoch >= fold.epochs for fold in tested)


def test_the_model_says_what_it_was_made_of(trained: Trained) -> None:
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
    assert read(model.content, "it").streams
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


def test_it_has_learnt_something(trained: Trained, dataset: Path) -> None:
    scorer = Scorer(trained.model)

    def peaks(folder: str) -> list[int]:
        clips = clips_in(dataset / folder)
        return [scorer.score_stream([read_audio(clip.path)]).max() for clip in clips]

    assert np.median(peaks("computer")) > np.quantile(peaks("_negative_"), 0.8)


def test_a_disk_that_is_full_at_the_end_is_told(
    trained: Trained, dataset: Path, folder: Path
) -> None:
    """The trainings are kept: the same command, with room for its output, goes on from there."""
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
    """A trunk: trained on everything, with thresholds by which the likeliest answer wins."""
    skip_without("TensorFlow", find_spec("tensorflow"))
    output = tmp_path / "trunk.tflite"
    command = train_command(tmp_path, dataset, output, epochs=2, tested=0)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    config = ModelFile.load(output).config
    assert config.thresholds == (LEAST,)
    assert (config.card["measured"], config.card["figures"]) == ("not", {})


def test_another_training_does_not_take_up_what_this_one_made(
    dataset: Path, tmp_path: Path
) -> None:
    work = tmp_path / "word.work"
    whole = from_folder(dataset)

    def check(others: Dataset, recipe: Recipe, folds: int = 4, tested: int = 2) -> None:
        folded = [Fold(index, folds, work) for index in range(tested)]
        check_work(work, Plan(others, recipe, folded, Fold(folds, folds, work)))

    check(whole, Recipe())
    # What follows the trainings may differ, and how many of them there are.
    check(whole, Recipe(posterior=PosteriorHandling(false_alarms_per_hour=1.0)))
    check(whole, Recipe(), tested=3)
    for others, recipe, folds in (
        (whole, Recipe(seed=2), 4),
        (whole, fine_tuning(ModelFile.load("home")), 4),
        (whole, Recipe(), 5),
        (whole.partitions(range(7)), Recipe(), 4),
        (replace(whole, synthesis=Synthesis(utterances_per_keyword=3)), Recipe(), 4),
    ):
        with pytest.raises(KwsError, match=r"word\.work: made from other recordings or settings"):
            check(others, recipe, folds)


def test_where_kokoro_lies_does_not_matter_but_what_it_is_does(
    dataset: Path, tmp_path: Path
) -> None:
    work, folder = tmp_path / "word.work", kokoro(tmp_path / "kokoro")

    def check(where: Path) -> None:
        synthesis = Synthesis(utterances_per_keyword=3, kokoro=where)
        others = replace(from_folder(dataset), synthesis=synthesis)
        check_work(work, Plan(others, Recipe(), [], Fold(4, 4, work)))

    check(folder)
    check(folder.rename(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere" / "voices-v1.0.bin").write_bytes(b"others")
    with pytest.raises(KwsError, match="made from other recordings or settings"):
        check(tmp_path / "elsewhere")


def folds_of(count: int) -> list[Fold]:
    return [Fold(index, count, Path("work")) for index in range(count)]


@pytest.mark.parametrize("count", range(2, PARTITIONS + 1))
def test_every_part_is_held_out_once_and_nothing_of_the_final_model(count: int) -> None:
    folds = folds_of(count)
    assert sorted(part for fold in folds for part in fold.held_out) == list(range(PARTITIONS))
    assert all(fold.held_out for fold in folds)
    assert Fold(count, count, Path("work")).held_out == []
    clips = [Clip(Path(f"{n}.wav"), n) for n in range(PARTITIONS)]
    untested = [Clip(Path(f"synth-{n}.wav"), n, testable=False) for n in range(PARTITIONS)]
    for fold in folds:
        tested = fold.test_set(Dataset({}, [*clips, *untested])).negatives
        assert tested == [clip for clip in clips if clip.partition in fold.held_out]


def write_messy(folder: Path, dataset: Path) -> None:
    """One word recorded once, one that only synthesisers said, one never; and what else goes wrong.

    The recording is at another rate; a file is no audio, a folder is empty; there is no noise.
    """
    for name in ("computer", "alexa", "nothing", "_negative_"):
        (folder / name).mkdir()
    once = read_audio(dataset / "computer" / "3.flac")
    soundfile.write(folder / "computer" / "once.wav", np.repeat(once, 2), 2 * SAMPLE_RATE)
    (folder / "computer" / "text.wav").write_text("no audio")
    for number in range(4):
        shutil.copy(
            dataset / "computer" / f"{number}.flac",
            folder / "alexa" / f"synth-alexa-{number}@voice{number}.flac",
        )
    for number in range(8):
        shutil.copy(dataset / "_negative_" / f"{number}.flac", folder / "_negative_")


def test_what_cannot_be_used_is_told_and_the_rest_makes_a_model(
    dataset: Path, tmp_path: Path
) -> None:
    skip_without("TensorFlow", find_spec("tensorflow"))
    messy, output = tmp_path / "messy", tmp_path / "word.tflite"
    messy.mkdir()
    write_messy(messy, dataset)
    asked = ("computer", "alexa", "nothing", "jarvis")
    command = train_command(tmp_path, messy, output, epochs=2, folds=4, tested=1, keywords=asked)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert all(line.startswith("kws: ") for line in lines), done.stderr
    for problem in (
        "text.wav: no ",
        "1 of 1 recordings are not 16 kHz mono; they are converted",
        "nothing: no audio files there; left out",
        "no folder of 'jarvis'",
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


def test_mistakes_are_one_line(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "no.toml").write_text("keyword = 1\n")
    for arguments, problem in (
        ((tmp_path / "nothing", "--output", tmp_path / "x.tflite"), "No such file or directory"),
        ((dataset, "--output", tmp_path / "no" / "x.tflite"), "no: no folder that can be written"),
        ((dataset, "--output", tmp_path), "a folder, not a model file"),
        ((dataset, "--output", tmp_path / "x", "--recipe", tmp_path / "no.toml"), "no.toml:1: "),
        (
            (dataset, "--output", tmp_path / "x", "--work", dataset / "computer" / "0.flac"),
            "File exists",
        ),
    ):
        done = kws("train", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("kws: error: ")
        assert problem in done.stderr
        assert done.stderr.count("\n") == 1
    assert not list(tmp_path.glob("x*"))


def test_without_tensorflow_it_says_what_to_install(dataset: Path, tmp_path: Path) -> None:
    program = "import sys; sys.modules['tensorflow'] = None; from kws.cli import main; main()"
    arguments = ["train", str(dataset), "--output", str(tmp_path / "x.tflite")]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == "kws: error: kws train needs TensorFlow: pip install 'kws[train]'\n"
