"""Test the benchmark of custom words with a tiny model and a few recordings."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import custom_words
import numpy as np
import pytest
import soundfile
from custom_words import Study
from small_models import short_window, synthetic_audio

from kws.config import SAMPLE_RATE
from kws.data.dataset_recipe import from_recipe
from kws.evaluation.scores import Scorer
from kws.model_file import ModelFile
from kws.posterior import ONE

SAID = {
    "w-0": "Lumen.",
    "w-1": "lumen",
    "w-2": "lumen",
    "w-6": "lumen",
    "w-7": "lumen",
    "n-0": "of the lumen",
    "n-1": "something else",
    "n-2": "another thing",
    "n-3": "two lu mens",
}
RECIPE = """\
partitions = "partitions.json"
[keywords]
other = ["other"]
[negatives]
read = ["speech_more"]
[noise]
household = ["home"]
music = ["music"]
"""
HELD_OUT = range(4)  # partitions
FIGURES = {"keywords": {"lumen": {"misses": 1}}, "confusable_phrases": None}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return the study of a word that five recordings say, three of which are tested."""
    root = tmp_path_factory.mktemp("data")
    names = [f"speech_more/{name}" for name in SAID]
    for seed, name in enumerate([*names, "other/o", "home/h", "music/m"]):
        path = root / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, synthetic_audio(1.0, seed), SAMPLE_RATE)
    rows = "".join(f"{name}.wav\t{text}\n" for name, text in SAID.items())
    (root / "speech_more" / "index.tsv").write_text(f"file\ttext\n{rows}")
    partitions = {f"speech_more/{name}.wav": int(name[-1]) for name in SAID}
    (root / "partitions.json").write_text(json.dumps(partitions))
    (root / "recipe.toml").write_text(RECIPE)
    everything = from_recipe(root / "recipe.toml", root)
    return Study.of("lumen", everything, root, root / "work", HELD_OUT)


def at(threshold: float) -> ModelFile:
    """Return the tiny model with a threshold."""
    model = short_window()
    others = model.config.thresholds[1:]
    return replace(model, config=replace(model.config, thresholds=(threshold, *others)))


def test_a_word_is_what_transcripts_say_and_others_do_not(study: Study) -> None:
    assert {clip.path.stem for clip in study.recordings} == {
        name for name in SAID if name[0] == "w"
    }
    assert {clip.path.stem for clip in study.negatives} == {"n-1", "n-2"}
    assert [clip.path.stem for clip in study.noise] == ["h"]


def test_misses_and_false_alarms_are_those_of_the_threshold(study: Study) -> None:
    never, always = study.tested(at(1.0)), study.tested(at(1 / ONE))
    assert (never["utterances"], never["hours"]) == (3, 0.0)  # of 4 s
    assert (never["own"]["clean"], never["own"]["noisy"]) == (1.0, 1.0)
    assert never["own"]["clean_interval"][1] == 1.0
    assert never["own"]["false_alarms"] == 0
    assert (always["own"]["clean"], always["own"]["noisy"]) == (0.0, 0.0)
    assert always["own"]["false_alarms"] > 0
    tested = [clip for clip in study.recordings if clip.partition in HELD_OUT]
    scorer = Scorer(short_window())
    peaks = [int(scorer.peaks([soundfile.read(c.path, dtype="int16")[0]])[0]) for c in tested]
    between = study.tested(at(sorted(peaks)[1] / ONE))["own"]
    assert between["clean"] == pytest.approx(np.mean(np.array(peaks) < sorted(peaks)[1]))
    # No alarm is allowed in seconds: the lowest threshold that gives none.
    assert never["0.1/h"] == never["0.5/h"] == always["0.5/h"]
    assert never["0.1/h"]["false_alarms"] == 0
    below = study.tested(at(never["0.1/h"]["threshold"] - 1 / ONE))["own"]
    assert below["false_alarms"] > 0


@pytest.fixture
def calls(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Make a model and its report in place of kws new; return the commands."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        if "fails" in command:
            return subprocess.CompletedProcess(command, 1)
        output, report = (Path(command[command.index(o) + 1]) for o in ("--output", "--report"))
        output.write_bytes(short_window().content)
        report.mkdir(exist_ok=True)
        (report / "report.json").write_text(json.dumps(FIGURES))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(custom_words.subprocess, "run", run)
    return commands


def test_a_model_is_made_once_and_again_where_its_report_is_missing(
    study: Study, tmp_path: Path, calls: list[list[str]]
) -> None:
    own = replace(study, work=tmp_path)
    result = own.result(1)
    assert (result["promised"], result["near_phrases"]) == ({"misses": 1}, None)
    assert result["utterances"] == 3
    (chosen,) = (tmp_path / "1" / "recordings" / "lumen").iterdir()
    assert chosen.stem in ("w-6", "w-7")  # which are not tested
    assert calls[0][calls[0].index("new") + 1] == "lumen"
    assert own.result(1) == result
    assert len(calls) == 1
    (tmp_path / "1" / "report" / "report.json").unlink()  # as if interrupted before
    assert own.result(1) == result
    assert len(calls) == 2
    (tmp_path / "1" / "model.tflite").unlink()
    assert own.result(1) == result
    assert len(calls) == 3


def test_other_speech_joins_the_recordings(
    study: Study, tmp_path: Path, calls: list[list[str]]
) -> None:
    speech = study.negatives[0].path.parent
    replace(study, work=tmp_path, speech=speech).result(0)
    folder = tmp_path / "0-and-speech" / "recordings"
    assert calls[0][calls[0].index("--recordings") + 1] == str(folder)
    assert [path.name for path in folder.iterdir()] == ["_negative_"]
    heard = {path.stem for path in (folder / "_negative_").iterdir()}
    assert heard == set(SAID) - {"n-1", "n-2"}  # which are tested


def test_a_failed_training_is_one_line(
    study: Study, tmp_path: Path, calls: list[list[str]]
) -> None:
    with pytest.raises(SystemExit, match=r"log\.txt: kws new failed with 1"):
        replace(study, word="fails", work=tmp_path).result(0)
    assert "--recordings" not in calls[0]
