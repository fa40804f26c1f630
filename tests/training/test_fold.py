"""Folds hold out every partition once."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws.data.clips import PARTITIONS, Clip
from kws.data.dataset import Dataset
from kws.model_file import ModelFile
from kws.training.checkpoint import Checkpoint
from kws.training.fold import Fold


def folds_of(count: int) -> list[Fold]:
    return [Fold(index, count, Path("work")) for index in range(count)]


@pytest.mark.parametrize("count", range(2, PARTITIONS + 1))
def test_every_partition_is_held_out_once_and_none_by_the_final_model(count: int) -> None:
    folds = folds_of(count)
    assert sorted(p for fold in folds for p in fold.held_out) == list(range(PARTITIONS))
    assert all(fold.held_out for fold in folds)
    assert Fold(count, count, Path("work")).held_out == []
    clips = [Clip(Path(f"{n}.wav"), n) for n in range(PARTITIONS)]
    untested = [Clip(Path(f"synth-{n}.wav"), n, testable=False) for n in range(PARTITIONS)]
    for fold in folds:
        tested = fold.test_set(Dataset({}, [*clips, *untested])).negatives
        assert tested == [clip for clip in clips if clip.partition in fold.held_out]


def test_a_few_speakers_are_in_training_and_in_test() -> None:
    """Four speakers lie in partitions 0 to 3: each of two folds leaves out two of them."""
    few = Dataset({"word": [Clip(Path(f"{n}.wav"), n) for n in range(4)]})
    for fold in folds_of(2):
        assert len(fold.test_set(few).positives["word"]) == 2


def test_a_damaged_model_of_a_fold_is_one_line_and_trained_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fold = Fold(0, 2, tmp_path)
    assert not fold.is_trained()
    content = ModelFile.load().content
    fold.path.write_bytes(content)
    assert not fold.is_trained()  # the number of epochs is lost
    Checkpoint(3, 2, 0.5).save(fold.checkpoint)
    assert fold.is_trained()
    fold.path.write_bytes(content[:-1000])
    assert not fold.is_trained()
    [line] = [record.getMessage() for record in caplog.records]
    assert "fold-0.tflite" in line
    assert line.endswith("it is made again")
