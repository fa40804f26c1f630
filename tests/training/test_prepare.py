"""The examples and the speech that the trainings of a run share, made from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.config import SAMPLE_RATE
from kws.data.clips import PARTITIONS, Clip
from kws.data.dataset import Dataset
from kws.training.architecture import Architecture
from kws.training.example_store import ExamplePool, NegativeSpeech
from kws.training.features import OVERSAMPLING, ExampleLayout
from kws.training.prepare import (
    EQUAL_WEIGHT,
    MAX_RECORDED_SHARE,
    Preparation,
    prepare_material,
)
from kws.training.recipe import ExampleCounts, Mining, Recipe
from kws.training.workers import DONE, Status

pytestmark = pytest.mark.slow

POSITIVES = 240
RECIPE = Recipe(
    architecture=Architecture(channels=8, kernels=(3,), last_kernel=3),
    examples=ExampleCounts(per_keyword=POSITIVES, background=16),
    mining=Mining(passages_per_epoch=1),
)


def record(path: Path, seconds: float = 0.5) -> Path:
    noise = np.random.default_rng(1).integers(-9999, 9999, round(seconds * SAMPLE_RATE))
    soundfile.write(path, noise.astype(np.int16), SAMPLE_RATE)
    return path


def made(folder: Path, dataset: Dataset) -> ExamplePool:
    """Return the pool of a dataset's examples."""
    status = Status("examples", folder / "progress")
    target = folder / "examples"
    prepare_material(Preparation(dataset, RECIPE, folder / "synthetic", target, status))
    assert status.read() == (DONE, 1.0)
    return ExamplePool.load(target)


def counts(pool: ExamplePool) -> list[int]:
    return np.bincount(pool.partitions[pool.keywords == 1], minlength=PARTITIONS).tolist()


def clips(folder: Path, recorded: int, synthetic: int) -> list[Clip]:
    """Recordings in partition 3 alone, and synthetic ones."""
    return [
        *(Clip(record(folder / f"{n}.wav"), 3) for n in range(recorded)),
        *(Clip(record(folder / f"synth-{n}.wav"), 0, testable=False) for n in range(synthetic)),
    ]


@pytest.mark.parametrize(("recorded", "synthetic"), [(10, 0), (0, 8), (10, 8), (150, 8), (1, 16)])
def test_few_recordings_are_joined_by_synthetic_utterances(
    tmp_path: Path, recorded: int, synthetic: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Recordings stay in their partition; synthetic utterances, without a speaker, are in all."""
    negatives = [Clip(record(tmp_path / "speech.flac", 3.0), 5)]
    dataset = Dataset({"word": clips(tmp_path, recorded, synthetic)}, negatives)
    pool = made(tmp_path, dataset)
    share = min(MAX_RECORDED_SHARE, recorded / (recorded + EQUAL_WEIGHT)) if synthetic else 1.0
    each = POSITIVES * (1 - share) / PARTITIONS
    expected = [each + POSITIVES * share * (part == 3) for part in range(PARTITIONS)]
    assert counts(pool) == pytest.approx(expected, abs=0.6)
    assert caplog.messages == []


def test_a_recording_that_breaks_off_is_logged_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An unfinished folder, of a run that was killed, is made again."""
    (tmp_path / "examples.part").mkdir()
    (tmp_path / "examples.part" / "log_mels.npy").write_text("half of it")
    broken = record(tmp_path / "broken.flac", 5.0)
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    keyword = [Clip(record(tmp_path / f"{n}.wav"), n % PARTITIONS) for n in range(8)]
    speech = [Clip(broken, 1), Clip(record(tmp_path / "speech.flac", 3.0), 2)]
    pool = made(tmp_path, Dataset({"word": keyword}, speech))
    (message,) = caplog.messages
    assert message.startswith(str(broken))
    assert message.endswith("; left out")
    assert counts(pool) == [POSITIVES // PARTITIONS] * PARTITIONS
    assert not (tmp_path / "examples.part").exists()
    kept = NegativeSpeech.load(tmp_path / "examples")
    seconds = np.bincount(kept.partitions) * RECIPE.front_end.hop / OVERSAMPLING / SAMPLE_RATE
    assert np.argmax(seconds) == 2
    layout = ExampleLayout.of(RECIPE.front_end, RECIPE.architecture)
    silence = layout.window_frames * layout.front_end.hop / SAMPLE_RATE
    # The recording among the others, and once more after silence.
    assert seconds[2] - seconds[1] == pytest.approx(3.0 + silence + 3.0, abs=0.05)
