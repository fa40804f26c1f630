"""The examples and the speech that the trainings of a run share, made from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.config import SAMPLE_RATE
from kws.data.clips import PARTITIONS, Clip
from kws.data.dataset import Dataset
from kws.training.example_layout import DETAIL
from kws.training.example_store import Pool, Speech
from kws.training.prepare import AS_MANY, RECORDED, make_material
from kws.training.recipe import Architecture, ExampleCounts, Mining, Recipe
from kws.training.status import DONE, Status

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


def made(folder: Path, dataset: Dataset) -> tuple[Pool, list[str]]:
    """The pool, and how many examples of the keyword each part has; what was told."""
    status = Status("examples", folder / "progress")
    target = folder / "examples"
    problems = make_material(dataset, RECIPE, folder / "synthetic", target, status)
    assert status.read() == (DONE, 1.0)
    return Pool.load(target), problems


def counts(pool: Pool) -> list[int]:
    return np.bincount(pool.parts[pool.keywords == 1], minlength=PARTITIONS).tolist()


def clips(folder: Path, recorded: int, synthetic: int) -> list[Clip]:
    """Recordings in part 3 alone, and what synthesisers said."""
    return [
        *(Clip(record(folder / f"{n}.wav"), 3) for n in range(recorded)),
        *(Clip(record(folder / f"synth-{n}.wav"), 0, testable=False) for n in range(synthetic)),
    ]


@pytest.mark.parametrize(("recorded", "synthetic"), [(10, 0), (0, 8), (10, 8), (150, 8), (1, 16)])
def test_few_recordings_are_joined_by_what_synthesisers_said(
    tmp_path: Path, recorded: int, synthetic: int
) -> None:
    """Recordings keep to their part; synthetic utterances, which are nobody's, are in all."""
    negatives = [Clip(record(tmp_path / "speech.flac", 3.0), 5)]
    dataset = Dataset({"word": clips(tmp_path, recorded, synthetic)}, negatives)
    pool, problems = made(tmp_path, dataset)
    share = min(RECORDED, recorded / (recorded + AS_MANY)) if synthetic else 1.0
    each = POSITIVES * (1 - share) / PARTITIONS
    expected = [each + POSITIVES * share * (part == 3) for part in range(PARTITIONS)]
    assert counts(pool) == pytest.approx(expected, abs=0.6)
    assert problems == []


def test_what_breaks_off_is_told_and_left_out(tmp_path: Path) -> None:
    """An unfinished folder, of a run that was killed, is made anew."""
    (tmp_path / "examples.part").mkdir()
    (tmp_path / "examples.part" / "log_mels.npy").write_text("half of it")
    broken = record(tmp_path / "broken.flac", 5.0)
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    keyword = [Clip(record(tmp_path / f"{n}.wav"), n % PARTITIONS) for n in range(8)]
    speech = [Clip(broken, 1), Clip(record(tmp_path / "speech.flac", 3.0), 2)]
    pool, problems = made(tmp_path, Dataset({"word": keyword}, speech))
    assert len(problems) == 1
    assert problems[0].startswith(str(broken))
    assert problems[0].endswith("; left out")
    assert counts(pool) == [POSITIVES // PARTITIONS] * PARTITIONS
    assert not (tmp_path / "examples.part").exists()
    kept = Speech.load(tmp_path / "examples")
    seconds = np.bincount(kept.parts) * RECIPE.front_end.hop / DETAIL / SAMPLE_RATE
    assert np.argmax(seconds) == 2
    assert seconds[2] - seconds[1] == pytest.approx(3.0, abs=0.05)
