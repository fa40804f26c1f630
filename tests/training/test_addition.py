"""Test what training on with marked clips is planned to do, and how both models are compared."""

from __future__ import annotations

import json
import logging
import re
import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import ROOT, kws
from rich.console import Console
from short_recordings import record

from kws.config import ModelConfig
from kws.data.clips import speaker_of
from kws.data.dataset import from_folder
from kws.errors import KwsError
from kws.evaluation.scores import Scores
from kws.model_file import ModelFile
from kws.sensitivity import operating_points
from kws.training.addition import marked_clips, plan_addition
from kws.training.before_after import (
    KEPT_KIND,
    Comparison,
    FoldScores,
    MarkedPeaks,
    comparison_table,
    comparison_values,
    marked_in,
)
from kws.training.fold import Fold
from kws.training.former import SPLIT, Former, read_split, store_split
from kws.training.plan import Plan
from kws.training.recipe import Teacher
from kws.training.training_options import TrainingOptions
from kws.training.work_folder import check_work

HOME = ROOT / "models" / "home.tflite"
FROM_HOME = TrainingOptions(initial=str(HOME))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder of kws listen --keep: two hours, one keyword, five false alarms, one not marked."""
    folder = tmp_path / "kept"
    record(
        folder / "computer" / "20260131T154500_001_near_computer.flac",
        *(folder / "_negative_" / f"20260131T15450{n}_002_computer.flac" for n in range(3)),
        *(folder / "_negative_" / f"20260131T1645{n}0_003_jarvis.flac" for n in range(2)),
        folder / "20260131T170000_004_jarvis.flac",
    )
    (folder / "smart_mirror").mkdir()  # kws listen makes it, nothing was moved there
    return folder


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for word in ("computer", "_negative_"):
        record(*(folder / word / f"p{n}-20260130T154500-001.wav" for n in range(8)))
    return folder


def test_clips_are_marked_by_their_folders(kept: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kws")
    record(kept / "kitchen" / "a.flac")
    found = marked_clips(kept, ["computer", "smart mirror"])
    assert {name: len(clips) for name, clips in found.items()} == {"computer": 1, "_negative_": 5}
    assert "kitchen: passed over, the model does not know 'kitchen'" in caplog.text
    assert "1 clips are not marked and not used" in caplog.text
    assert "smart_mirror" not in caplog.text


def test_clips_of_one_hour_are_a_session(kept: Path) -> None:
    names = {path: speaker_of(path) for path in sorted((kept / "_negative_").iterdir())}
    assert list(names.values()) == ["20260131T15"] * 3 + ["20260131T16"] * 2


def test_nothing_marked_says_what_to_do(tmp_path: Path) -> None:
    record(tmp_path / "a.flac")
    with pytest.raises(KwsError, match=r"no clip is marked; move those .* into hey_lumen/, and"):
        marked_clips(tmp_path, ["hey lumen"])


def test_a_shipped_model_is_trained_on_and_keeps_its_thresholds(
    kept: Path, dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (recipe := tmp_path / "brief.toml").write_text(
        "[schedule]\nepochs = 9\nsteps_per_epoch = 2\n[synthesis]\nexcluded_phrases = ['a']\n"
    )
    made = plan_addition(
        dataset, kept, tmp_path / "x.work", recipe, TrainingOptions(initial=str(HOME), epochs=1)
    )
    assert made.recipe.schedule.steps_per_epoch == 2
    assert made.dataset.synthesis.excluded_phrases in [(), ("a",)]  # (): no synthesiser is here
    model = ModelFile.load(HOME)
    assert tuple(made.dataset.positives) == model.config.keywords
    assert [len(clips) for clips in made.dataset.positives.values()] == [9, 0, 0, 0]
    assert len(made.dataset.negatives) == 8 + 5
    marked = marked_in(made.dataset)
    assert [len(clips) for clips in marked.positives.values()] == [1, 0, 0, 0]
    assert len(marked.negatives) == 5
    # Clips that were kept since they set the model off say nothing of its rate of alarms.
    assert all(clip.kind != KEPT_KIND for clip in made.dataset.testable().negatives)
    recipe = made.recipe
    assert (recipe.schedule.epochs, recipe.committee.networks) == (
        1,
        len(model.deciding_networks()),
    )
    assert recipe.inference_config(model.config).smoothing == model.config.smoothing
    assert recipe.inference_config(model.config).stride == model.config.stride
    assert len(made.tested) == 2
    assert "the work folder of its training is gone" in caplog.text
    assert made.former
    untested = replace(model.config, thresholds=(0.5,) * 4, card={})
    kept_settings = made.former.with_thresholds(untested)
    assert kept_settings.thresholds == model.config.thresholds
    assert operating_points(kept_settings) == operating_points(model.config)


def test_folds_and_partitions_are_those_of_the_former_training(
    kept: Path, dataset: Path, tmp_path: Path
) -> None:
    former = tmp_path / "former.tflite"
    shutil.copy(HOME, former)
    first = plan_addition(dataset, kept, tmp_path / "former.work", None, FROM_HOME)
    (tmp_path / "former.work").mkdir()
    moved = [replace(clip, partition=7 - clip.partition) for clip in first.dataset.negatives]
    divided = replace(first.dataset, negatives=moved), first.tested[1:], first.kept
    store_split(tmp_path / "former.work", *divided, tmp_path / "speech")
    shutil.copy(HOME, tmp_path / "former.work" / "fold-1.tflite")

    made = plan_addition(
        dataset, kept, tmp_path / "x.work", None, TrainingOptions(initial=str(former))
    )
    assert [fold.index for fold in made.tested] == [1]
    assert made.kept.folds == first.kept.folds
    before = {clip.path.resolve(): clip.partition for clip in moved if clip.kind != KEPT_KIND}
    after = {clip.path.resolve(): clip.partition for clip in made.dataset.negatives}
    assert len(before) == 8
    assert all(after[path] == partition for path, partition in before.items())
    assert made.former
    assert made.former.split
    assert made.former.split.synthetic == str((tmp_path / "speech").resolve())
    # Each fold goes on from the one that held out the same, and is compared with it.
    assert made.former.initial(made.tested[0]).name == "fold-1"
    assert made.former.tested(made.tested[0]).name == "fold-1"


def test_clips_and_speakers_of_a_former_training_stay_where_they_were(
    kept: Path, dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where more clips are marked, and where somebody records again."""
    former = tmp_path / "former.tflite"
    shutil.copy(HOME, former)
    first = plan_addition(dataset, kept, tmp_path / "former.work", None, FROM_HOME)
    (tmp_path / "former.work").mkdir()
    store_split(tmp_path / "former.work", first.dataset, first.tested, first.kept, tmp_path)
    assert "are not where those of the former" not in caplog.text
    names = ("20260131T151501_000_near_a", "20260201T090000_000_near_a", "20260202T090000_1_x")
    record(*(kept / "_negative_" / f"{name}.flac" for name in names))
    record(*(dataset / "computer" / f"p{n}-20260207T154500-001.wav" for n in (3, 5, 99)))
    options = TrainingOptions(initial=str(former))
    made = plan_addition(dataset, kept, tmp_path / "x.work", None, options)

    def places(of: Plan) -> dict[Path, int]:
        clips = [*of.dataset.negatives, *of.dataset.positives["computer"]]
        return {clip.path: clip.partition for clip in clips}

    before, after = places(first), places(made)
    assert before.items() <= after.items()
    speakers: dict[str | None, set[int]] = {}
    for path, place in before.items():
        speakers.setdefault(speaker_of(path), set()).add(place)
    new = [path for path in after if path not in before]
    known = [path for path in new if speaker_of(path) in speakers]
    assert (len(new), len(known)) == (6, 3)
    assert all(after[path] in speakers[speaker_of(path)] for path in known)
    assert "3 recordings are not where those of the former training were" in caplog.text


def test_a_teacher_of_a_recipe_is_left_out(
    kept: Path, dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (recipe := tmp_path / "of_teacher.toml").write_text('[teacher]\nmodel = "gone.tflite"\n')
    made = plan_addition(dataset, kept, tmp_path / "x.work", recipe, FROM_HOME)
    assert f"{recipe}: --add trains without a teacher" in caplog.messages
    assert made.recipe.teacher == Teacher()
    check_work(tmp_path / "x.work", made)  # which reads no teacher's file


def test_a_recipe_of_data_is_refused(kept: Path, dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "data.toml").write_text("[keywords]\ncomputer = ['computer']\n")
    with pytest.raises(KwsError, match=r"data\.toml: names data, which --add takes from"):
        plan_addition(dataset, kept, tmp_path, tmp_path / "data.toml", FROM_HOME)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "--add needs --init"),
        ({"initial": "none"}, "--add needs --init"),
        ({"initial": str(HOME), "alarms_per_hour": 1.0}, "home.tflite: the work folder .* is gone"),
        *(
            ({"initial": str(HOME), **other}, "alone: all else is as it was")
            for other in (
                {"keywords": ["computer"]},
                {"phrase": "hey lumen"},
                {"folds": 2},
                {"held_out": 1},
                {"embedding": Path("embedding")},
            )
        ),
        # It is said before anything is read: these folders are not there.
        ({"initial": str(HOME), "language": "nobody's"}, "language|nobody's"),
    ],
)
def test_options_without_a_use_are_refused(options: dict[str, Any], problem: str) -> None:
    nowhere = Path("nowhere")
    with pytest.raises(KwsError, match=problem):
        plan_addition(nowhere, nowhere, nowhere, None, TrainingOptions(**options))


@pytest.mark.parametrize("content", ["", "[1]", "{}", '{"folds": 4}', "[" * 100_000, "\udcff"])
def test_a_damaged_split_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / SPLIT).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(KwsError, match=SPLIT):
        read_split(tmp_path / SPLIT)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"folds": 0}, {"folds": 9}, {"kept": -1}, {"kept": 5}),
        *({"tested": tested} for tested in ([4], [9], [-1], [0, 0])),
    ],
)
def test_a_split_that_no_training_makes_is_one_line(
    tmp_path: Path, wrong: dict[str, object]
) -> None:
    path = tmp_path / SPLIT
    made = {"folds": 4, "tested": [0, 3], "kept": 4, "synthetic": "", "partitions": {"a.wav": 7}}
    path.write_text(json.dumps(made))
    assert read_split(path).tested == (0, 3)
    path.write_text(json.dumps({**made, **wrong}))
    with pytest.raises(KwsError, match="not written by kws train: a number is not what it should"):
        read_split(path)


def test_a_committee_goes_on_network_by_network() -> None:
    former = Former(ModelFile.load(HOME), None)
    made = former.recipe.committee.networks
    assert made == 4
    fold = Fold(0, 4, Path("work"))
    contents = [former.initial(each).content for each in fold.networks(made)]
    assert contents == [each.content for each in former.model.deciding_networks()]


def test_a_first_stage_is_left_out_with_a_word(
    dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = TrainingOptions(initial="home")
    with pytest.raises(KwsError, match="nowhere"), caplog.at_level("WARNING"):
        plan_addition(dataset, tmp_path / "nowhere", tmp_path, None, options)
    assert "home: its first stage is left out; kws calibrate puts one" in caplog.text


def test_both_models_stand_side_by_side() -> None:
    config = ModelConfig(("computer",), (0.5,), 2)

    def fold(peak: int) -> FoldScores:
        trace = np.zeros(100, np.uint16)
        trace[50] = peak
        scores = Scores({"computer": np.array([peak, 32_000])}, {"computer": trace}, 0.25)
        marked = MarkedPeaks({"computer": np.array([peak])}, np.array([[peak], [32_000]]))
        return FoldScores({"clean": scores}, marked)

    before = Comparison([fold(1000)], config)
    after = Comparison([fold(30_000)], config)
    shown = Console(width=100, file=StringIO())
    shown.print(comparison_table(before, after))
    lines = [" ".join(line.replace("│", " ").split()) for line in shown.file.getvalue().split("\n")]
    for line in (
        "marked false alarms that set it off 1 of 2 2 of 2",
        "marked keywords missed 1 of 1 0 of 1",
        "missed, clean 1 of 2 0 of 2",
        "false alarms in 0.25 h, clean 0 1",
    ):
        assert line in lines
    nothing = Scores({"computer": np.array([], int)}, {"computer": np.zeros(0, np.uint16)}, 0.0)
    folds = [FoldScores({"clean": nothing}, fold(1).marked)]
    shown = Console(width=100, file=StringIO())
    shown.print(comparison_table(*[Comparison(folds, config)] * 2))
    assert re.search("false alarms, clean .*not measured .*not measured", shown.file.getvalue())
    values = comparison_values(before, after)
    assert values["before"]["marked_alarms"] == [1, 2]
    assert values["after"]["false_alarms"] == {"clean": [1, 0.25]}


def test_the_former_training_is_not_worked_over(kept: Path, dataset: Path, tmp_path: Path) -> None:
    model, former = tmp_path / "m.tflite", tmp_path / "m.work"
    shutil.copy(HOME, model)
    folds = [Fold(index, 4, former) for index in (0, 1, 4)]
    known = from_folder(dataset, ["computer"])
    former.mkdir()
    store_split(former, known, folds[:2], folds[2], former / "synthetic")
    options = ("--init", model, "--output", tmp_path / "b.tflite", "--work", former)
    done = kws("train", dataset, "--add", kept, *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert "--add reads the training of m there; choose another --work" in done.stderr
    assert [path.name for path in former.iterdir()] == [SPLIT]


def test_mistakes_on_the_command_line(kept: Path, dataset: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.tflite"
    shutil.copy(HOME, model)
    for options, problem in (
        (("--output", tmp_path / "x.tflite"), "--add needs --init"),
        (("--init", model, "--output", model), "write the new one into another file"),
        (
            ("--init", model, "--output", tmp_path / "x.tflite", "--folds", 2),
            "alone: all else is as it was",
        ),
        (
            ("--init", model, "--output", tmp_path / "x.tflite", "--keywords", ","),
            "--keywords ',': no keyword in it",
        ),
    ):
        done = kws("train", dataset, "--add", kept, *options)
        assert (done.returncode, done.stdout) == (1, "")
        assert problem in done.stderr
        assert done.stderr.count("\n") == 1
