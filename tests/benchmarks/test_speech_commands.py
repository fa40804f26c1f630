"""Test the benchmark of command words on noise, with networks that are hardly trained."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import bc_resnet
import numpy as np
import pytest
import soundfile
import speech_commands
from bc_resnet import build_bc_resnet, multiplications, train_bc_resnet
from command_clips import SHIFT, read_task, varied
from short_recordings import record

from kws.config import SAMPLE_RATE
from kws.data.speech_commands import Subset, subset_by_hash
from kws.training import training_run

RECIPE = """\
[front_end]
hop = 320
[architecture]
channels = 4
first_kernel = 3
kernels = [3, 5, 7, 9]
last_kernel = 5
[schedule]
epochs = 1
steps_per_epoch = 2
batch_size = 16
keyword_share = 0.8
"""


def speakers(subset: Subset, count: int) -> list[str]:
    """Return speakers that the data's rule puts into a subset."""
    names = (f"{n:08x}" for n in range(1000))
    return [name for name in names if subset_by_hash(f"{name}_nohash_0.wav") is subset][:count]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Record words by six speakers for training and two for validation, and noise."""
    root = tmp_path / "data" / "speech_commands"
    people = speakers(Subset.TRAINING, 6) + speakers(Subset.VALIDATION, 2)
    for word in ("up", "down", "bed", "cat"):
        record(*(root / word / f"{name}_nohash_0.wav" for name in people))
    (root / "_background_noise_").mkdir()
    noise = np.random.default_rng(1).integers(-3000, 3000, 6 * SAMPLE_RATE).astype(np.int16)
    soundfile.write(root / "_background_noise_" / "rain.wav", noise, SAMPLE_RATE)
    return tmp_path / "data"


def test_clips_are_split_by_speaker_and_the_test_is_balanced(data: Path) -> None:
    task = read_task(data / "speech_commands", ["up", "down"])
    assert task.names == ("silence", "up", "down", "unknown")
    assert np.bincount(task.training.labels).tolist() == [6, 6, 6, 12]
    assert np.bincount(task.test.labels).tolist() == [2, 2, 2, 2]
    assert {len(clip) for clip in (*task.training.samples, *task.test.samples)} == {SAMPLE_RATE}
    tested = {clip.tobytes() for clip in task.test.samples}
    assert not tested & {clip.tobytes() for clip in task.training.samples}
    assert [len(noise) for noise in task.noise] == [round(4.8 * SAMPLE_RATE)]


def test_clips_are_shifted_and_get_noise() -> None:
    click = np.zeros(SAMPLE_RATE, np.int16)
    click[SAMPLE_RATE // 2] = 30_000
    noise = [np.full(2 * SAMPLE_RATE, 100, np.int16)]
    random = np.random.default_rng(1)
    made = [varied(click, noise, random) for _ in range(60)]
    shifts = [int(each.argmax()) - SAMPLE_RATE // 2 for each in made]
    assert -SHIFT <= min(shifts) < -SHIFT / 2 < SHIFT / 2 < max(shifts) <= SHIFT
    assert 35 < sum(each[0] > 0 for each in made) < 60
    assert max(each[0] for each in made) <= 10


def test_bc_resnet_is_as_large_as_in_its_paper() -> None:
    model = build_bc_resnet(12, 98)
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == 9232  # 9.2 K
    assert multiplications(model) == 2_408_440  # of one second


def test_bc_resnet_learns_what_is_easy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bc_resnet, "STAGES", bc_resnet.STAGES[:1])
    log_mels = np.random.default_rng(1).normal(size=(30, 10, 40)).astype(np.float16)
    labels = np.arange(30) % 2
    log_mels[labels == 1, :, :20] += 3
    model = train_bc_resnet(log_mels, labels, 2, 20, 1, lambda what, share: None)
    answers = model(bc_resnet.images(log_mels), training=True).numpy().argmax(axis=1)
    assert (answers == labels).mean() > 0.9


def test_a_network_is_trained_once_and_tested_by_the_engine(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training_run, "REPRESENTATIVE_EXAMPLES", 20)
    monkeypatch.setattr(training_run, "STATISTICS_EXAMPLES", 20)
    (tmp_path / "tiny.toml").write_text(RECIPE)
    options = ["--recipe", tmp_path / "tiny.toml", "--words", "up", "down", "--variants", 1]
    options += ["--networks", "kws", "--seeds", 7, "--output", tmp_path / "made"]
    command = ["speech_commands.py", tmp_path / "work", data, *options]
    monkeypatch.setattr(sys, "argv", list(map(str, command)))
    speech_commands.main()
    first, line, _ = said = capsys.readouterr().out.splitlines()
    assert first.startswith("4 classes: silence, up, down, unknown; 30 clips to train on, 8 to")
    assert "yes (0), no (0), left (0)" in first
    assert line.startswith("kws, seed 7: ")
    assert " of 8, " in line
    (result,) = json.loads((tmp_path / "made" / "speech_commands.json").read_text())["results"]
    weights = 3 * 20 * 4 + (3 + 5 + 7 + 9 + 5) * 4 + 4 * 4**2 + 4 * 4
    assert result["parameters"] == weights + 10 * 4 + 4
    assert result["multiplications_per_second"] == 25 * weights
    assert np.sum(result["confusions"]) == 8
    monkeypatch.setattr(speech_commands, "Training", None)
    speech_commands.main()
    assert capsys.readouterr().out.splitlines() == said


def test_a_folder_without_commands_is_refused_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["speech_commands.py", tmp_path / "work", tmp_path, "--output", tmp_path / "made"]
    monkeypatch.setattr(sys, "argv", list(map(str, command)))
    with pytest.raises(SystemExit, match="speech_commands: no command has 100 recordings"):
        speech_commands.main()
