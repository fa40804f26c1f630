"""kws train from end to end: a small model on spoken recordings, interrupted and taken up again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import ROOT, kws
from conftest import skip_without

from kws.config import SAMPLE_RATE
from kws.data.audio import read_audio
from kws.data.clips import PARTS, UNTESTED, Clip, clips_in
from kws.data.dataset import Dataset, from_folder
from kws.data.synthesis import installed
from kws.data.synthesisers import SYNTHESISERS
from kws.ds_cnn import DsCnn
from kws.errors import KwsError
from kws.evaluation.traces import Detector
from kws.mfcc import Mfcc
from kws.model_file import ModelFile
from kws.network_file import read
from kws.training.checks import check_dataset, check_work
from kws.training.fold import Fold
from kws.training.recipe import Recipe

SENTENCES = (
    "the weather is going to be fine tomorrow",
    "please turn off the lights in the kitchen",
    "what time does the next train leave for London",
    "we are looking for a house with a garden",
    "thank you very much for your help yesterday",
    "the cat sat on the mat and looked at the mouse",
)
FOLDS = 2
SCRIPT = """
import sys
from pathlib import Path
from kws.training.architecture import Architecture
from kws.training.command import run
from kws.training.recipe import Recipe
from kws.training.schedule import Schedule

SMALL = Recipe(
    architecture=Architecture(channels=24, kernels=(5, 7, 9)),
    schedule=Schedule(steps=150, batch=48, warm_up=20, average=0.95),
    positives=160,
    backgrounds=400,
)

if __name__ == "__main__":
    folder, output, folds = sys.argv[1:]
    work = Path(output).with_suffix(".work")
    run(Path(folder), Path(output), None, int(folds), work, recipe=SMALL)
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 utterances of a word by as many voices, sentences, and noise."""
    programs = [engine.program for engine in SYNTHESISERS.values()]
    skip_without("a speech synthesiser", any(map(shutil.which, programs)))
    folder = tmp_path_factory.mktemp("dataset")
    fast = [voice for voice in installed() if voice.synthesiser != "festival"] or installed()
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


@pytest.fixture(scope="module")
def trained(dataset: Path, folder: Path) -> ModelFile:
    """A model whose training was interrupted, and taken up again."""
    skip_without("TensorFlow", find_spec("tensorflow"))
    output, first = folder / "word.tflite", folder / "word.work" / "fold-0.tflite"
    command = train_command(folder, dataset, output)
    # A background job of a shell ignores Ctrl-C, and hands that on.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=heed
    ) as run:
        while run.poll() is None and not first.exists():
            time.sleep(0.05)
        assert first.exists(), run.stderr.read().decode()
        os.killpg(run.pid, signal.SIGINT)
    assert not output.exists()
    finished = first.read_bytes(), first.stat().st_mtime_ns

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (first.read_bytes(), first.stat().st_mtime_ns) == finished
    # TensorFlow's messages are in the logs; what is printed is for the user.
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    assert lines[-1] == f"wrote {output}, {output.stat().st_size} bytes"
    assert {"fold 1: done", "fold 2: done", "final model: done"} <= set(lines)
    assert "Saved artifact" not in done.stdout
    assert "Saved artifact" in first.with_suffix(".log").read_text()
    return ModelFile.load(output)


def train_command(folder: Path, dataset: Path, output: Path, folds: int = FOLDS) -> list[str]:
    script = folder / "train.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{SCRIPT}")
    return [sys.executable, *map(str, (script, dataset, output, folds))]


def test_the_model_says_what_it_was_made_of(trained: ModelFile) -> None:
    assert trained.config.keywords == ("computer",)
    assert len(trained.config.front_end.mean) == trained.config.front_end.coefficients
    card = trained.config.card
    assert card["recordings"] == {"computer": 16}
    assert card["negative_recordings"] == 16
    assert list(card["figures"]) == ["clean", "10 dB"]
    for figures in card["figures"].values():
        assert 0 < figures["hours"] < 0.1
        word = figures["keywords"]["computer"]
        assert word["utterances"] == 16
        assert word["own"]["threshold"] == pytest.approx(trained.config.thresholds[0], abs=1e-4)
        assert 0 <= word["own"]["miss_rate"] <= 1
    # The thresholds are set on the clean speech; half an alarm per hour is none of a minute's.
    assert card["figures"]["clean"]["keywords"]["computer"]["own"]["false_alarms"] == 0


def test_its_operators_run_and_stream_and_window_agree(trained: ModelFile, dataset: Path) -> None:
    assert read(trained.content, "it").streams
    rows = Mfcc(trained.config.front_end).push(
        np.concatenate([read_audio(clip.path) for clip in clips_in(dataset / "computer")][:4])
    )
    network = DsCnn(trained)
    at_once = network.push(rows)
    network.reset()
    streamed = np.concatenate([network.push(row[None]) for row in rows])
    windows = []
    for start in range(0, len(rows) - network.window_rows + 1, network.stride):
        network.reset()
        windows.append(network.push(rows[start : start + network.window_rows]))
    assert len(at_once) > 50
    assert len(np.unique(at_once)) > 20
    assert np.array_equal(streamed, at_once)
    assert np.array_equal(np.concatenate(windows), at_once)


def test_it_has_learnt_something(trained: ModelFile, dataset: Path) -> None:
    detector = Detector(trained)

    def peaks(folder: str) -> list[int]:
        clips = clips_in(dataset / folder)
        return [detector.trace([read_audio(clip.path)]).max() for clip in clips]

    assert np.median(peaks("computer")) > np.quantile(peaks("_negative_"), 0.8)


def test_a_disk_that_is_full_at_the_end_is_told(
    trained: ModelFile, dataset: Path, folder: Path
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


def test_another_training_does_not_take_up_what_this_one_made(
    dataset: Path, tmp_path: Path
) -> None:
    work = tmp_path / "word.work"
    check_work(work, from_folder(dataset), Recipe(), FOLDS)
    check_work(work, from_folder(dataset), Recipe(alarms_per_hour=1.0), FOLDS)
    for others, recipe, folds in (
        (from_folder(dataset), Recipe(seed=2), FOLDS),
        (from_folder(dataset), Recipe(), FOLDS + 1),
        (from_folder(dataset).parts(range(7)), Recipe(), FOLDS),
    ):
        with pytest.raises(KwsError, match=r"word\.work: made from other recordings or settings"):
            check_work(work, others, recipe, folds)


def folds_of(count: int) -> list[Fold]:
    return [Fold(index, count, Path("work")) for index in range(count)]


@pytest.mark.parametrize("count", range(2, PARTS + 1))
def test_every_part_is_held_out_once_and_nothing_of_the_final_model(count: int) -> None:
    folds = folds_of(count)
    assert sorted(part for fold in folds for part in fold.held_out) == list(range(PARTS))
    assert all(fold.held_out for fold in folds)
    assert Fold(count, count, Path("work")).held_out == []
    clips = [Clip(Path(f"{n}.wav"), n) for n in (UNTESTED, *range(PARTS))]
    for fold in folds:
        kept, tested = (
            d.negatives for d in (f(Dataset({}, clips)) for f in (fold.training_set, fold.test_set))
        )
        assert sorted(kept + tested, key=lambda clip: clip.part) == clips
        assert clips[0] in kept


def test_what_would_spoil_a_training_is_told_before_it(dataset: Path, tmp_path: Path) -> None:
    whole = from_folder(dataset)
    check_dataset(whole, folds_of(4), dataset)
    clips = whole.positives["computer"]
    one_session = [Clip(clip.path, 5) for clip in clips]
    broken = tmp_path / "broken.wav"
    broken.write_text("no audio")
    for others, count, problem in (
        (whole, 1, "1 folds are not 2 to 8"),
        (whole, 9, "9 folds are not 2 to 8"),
        (Dataset({"computer": clips[:7]}, whole.negatives), 4, "7 recordings of 'computer'; at "),
        (Dataset({"computer": clips}), 4, "no speech without the keywords"),
        (Dataset({"computer": one_session}, whole.negatives), 4, "of computer are of one speaker"),
        (Dataset({"computer": clips}, one_session), 4, "keywords are of one speaker or session"),
        (Dataset({"computer": [*clips, Clip(broken, 1)]}, whole.negatives), 4, "broken.wav: no "),
    ):
        with pytest.raises(KwsError, match=problem):
            check_dataset(others, folds_of(count), dataset)


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
