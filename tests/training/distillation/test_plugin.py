"""Test that distillation is used where a recipe and an embedding ask for it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import SAMPLES

from kws.data.clips import PARTITIONS
from kws.errors import KwsError
from kws.training.distillation.corpus import (
    DistillationCorpus,
)
from kws.training.distillation.embedding import (
    EMBEDDING_CARD,
)
from kws.training.distillation.plugin import DistillationPlugin
from kws.training.plan import plan, without_distillation
from kws.training.prepare import Preparation, prepare_material
from kws.training.recipe import (
    WAKE_WORDS,
    ExampleCounts,
    Mining,
)
from kws.training.training_options import TrainingOptions
from kws.training.work_folder import check_work
from kws.training.workers import Status


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of a keyword by eight people, of speech, and of a recipe for them."""
    data = tmp_path / "data"
    for name in ("alexa", "_negative_"):
        (data / name).mkdir(parents=True)
        for person in range(8):
            shutil.copy(SAMPLES / "alexa_rain.flac", data / name / f"p{person}.flac")
    recipe_file = 'negatives = ["_negative_"]\n[keywords]\nalexa = ["alexa"]\n'
    (data / "alexa.toml").write_text(recipe_file)
    return data


@pytest.mark.slow
def test_distillation_needs_an_embedding(
    embedding: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where it is not used, a warning says so."""
    work, recipe_file = folder / "work", folder / "alexa.toml"
    distilled = plan(folder, work, recipe_file, TrainingOptions(embedding=embedding))
    assert distilled.recipe == WAKE_WORDS
    assert distilled.recipe.distillation.passages_per_batch > 0
    assert distilled.plugin == DistillationPlugin(embedding)
    assert distilled.dataset.card == {"data": [EMBEDDING_CARD]}
    alone = plan(folder, work, recipe_file)
    assert alone.recipe == without_distillation(WAKE_WORDS)
    assert alone.dataset.card == {}
    fine_tuned = plan(
        folder, work, options=TrainingOptions(keywords=["alexa"], embedding=embedding)
    )
    assert fine_tuned.recipe.distillation.passages_per_batch == 0
    assert fine_tuned.dataset.card == {}
    assert any("embedding is not used" in message for message in caplog.messages)


def test_a_work_folder_with_distillation_is_not_resumed_without(
    embedding: Path, folder: Path
) -> None:
    work, recipe_file = folder / "work", folder / "alexa.toml"
    check_work(work, plan(folder, work, recipe_file, TrainingOptions(embedding=embedding)))
    copied = shutil.copytree(embedding, folder / "elsewhere", copy_function=shutil.copy)
    check_work(work, plan(folder, work, recipe_file, TrainingOptions(embedding=copied)))
    with pytest.raises(KwsError, match="made from other recordings or settings"):
        check_work(work, plan(folder, work, recipe_file))


@pytest.mark.slow
def test_the_corpus_is_built_with_the_examples(
    embedding: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    planned = plan(
        folder, folder / "work", folder / "alexa.toml", TrainingOptions(embedding=embedding)
    )
    recipe = replace(
        planned.recipe,
        examples=ExampleCounts(per_keyword=16, background=16),
        mining=Mining(passages_per_epoch=0),
        distillation=replace(planned.recipe.distillation, spliced_speech_hours=0.02),
    )
    status = Status("examples", folder / "progress")
    caplog.clear()
    prepare_material(
        Preparation(
            planned.dataset,
            recipe,
            folder / "synthetic",
            folder / "examples",
            status,
            DistillationPlugin(embedding),
        )
    )
    assert not caplog.records
    kept = DistillationCorpus.load(folder / "examples")
    assert set(kept.partitions) == set(range(PARTITIONS))
    assert not kept.labelled.all()
