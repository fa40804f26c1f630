"""Test what a server offers: names, folders that change, sensitivity."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from importlib.util import find_spec

import pytest
from command_line import KEYWORDS, ROOT
from conftest import skip_without

skip_without("the package wyoming", find_spec("wyoming"))

from kws.errors import KwsError  # noqa: E402
from kws.model_file import ModelFile  # noqa: E402
from kws.sensitivity import Sensitivity, store  # noqa: E402
from kws.serve.tuning import Tuning  # noqa: E402
from kws.serve.wake_words import MAX_FILES, WakeWords  # noqa: E402

HOME = (ROOT / "models" / "home.tflite").read_bytes()


def names(words: WakeWords) -> list[str]:
    return [word.name for word in words.words]


def test_a_model_of_the_user_comes_before_a_shipped_one(tmp_path):
    (tmp_path / "mine.tflite").write_bytes(HOME)
    words = WakeWords(["home"], [tmp_path], Tuning())
    assert names(words) == KEYWORDS + [f"{keyword} (home)" for keyword in KEYWORDS]
    assert words.find("COMPUTER").served.model.name == "mine"
    assert words.find("smart_mirror (home)").served.model.name == "home"
    assert words.find("smart mirrors") is None
    assert [word.first for word in words.words] == [True] * 4 + [False] * 4


def test_models_of_the_same_name_have_names_of_their_own_or_are_left_out(tmp_path, caplog):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "home.tflite").write_bytes(HOME)
    with caplog.at_level(logging.WARNING, "kws"):
        words = WakeWords(["home"], [tmp_path / "one", tmp_path / "two"], Tuning())
    assert names(words) == KEYWORDS + [f"{keyword} (home)" for keyword in KEYWORDS]
    assert len(caplog.messages) == 4
    assert len({word.name for word in words.words}) == len(words.words)


def test_a_file_is_read_once_until_it_changes(tmp_path, caplog):
    path = tmp_path / "mine.tflite"
    path.write_bytes(b"nonsense")
    with caplog.at_level(logging.INFO, "kws"):
        words = WakeWords(["home"], [tmp_path], Tuning())
        assert caplog.messages == [f"left out: {path}: not a .tflite model"]
        assert not words.refresh()
        assert len(caplog.messages) == 1
        path.write_bytes(HOME)
        assert words.refresh()
        served = words.find("jarvis").served
        assert not words.refresh()
        assert words.find("jarvis").served is served
        os.utime(path, (1, 1))
        assert words.refresh()
        assert words.find("jarvis").served is not served
        path.unlink()
        tmp_path.rmdir()
        assert words.refresh()
        assert names(words) == KEYWORDS
        assert not words.refresh()
    assert sum("No such file" in message for message in caplog.messages) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="FIFOs")
def test_what_is_no_file_is_not_read(tmp_path, caplog):
    os.mkfifo(tmp_path / "fifo.tflite")
    (tmp_path / "folder.tflite").mkdir()
    (tmp_path / "gone.tflite").symlink_to("nowhere")
    (tmp_path / "notes.txt").write_text("no model")
    with caplog.at_level(logging.WARNING, "kws"):
        words = WakeWords(["home"], [tmp_path], Tuning())
    assert names(words) == KEYWORDS
    assert len(caplog.messages) == 3


def test_a_folder_has_a_greatest_number_of_models(tmp_path, caplog):
    for number in range(MAX_FILES + 6):
        (tmp_path / f"{number:03}.tflite").write_bytes(b"")
    with caplog.at_level(logging.WARNING, "kws"):
        WakeWords(["home"], [tmp_path], Tuning())
    assert f"{tmp_path}: 6 models left out, 64 at most" in caplog.messages


def thresholds(model: ModelFile, *options, **numbers) -> list[float]:
    config = Tuning.parse(*options, 0.0).applied(model).config
    return list(config.thresholds)


def test_thresholds_and_sensitivities_of_all_and_of_single_keywords(caplog):
    home = ModelFile.load()
    own = list(home.config.thresholds)
    assert thresholds(home, [], []) == own
    assert thresholds(home, [], ["0.5"]) == [0.5] * 4
    assert thresholds(home, [], ["Smart_Mirror=0.9", "0.5"]) == [0.5, 0.5, 0.5, 0.9]
    assert thresholds(home, [], ["jarvis=0.25"]) == [own[0], 0.25, *own[2:]]
    points = {"low": Sensitivity((0.91, 0.92, 0.93, 0.94), 0.1)}
    config = store(home.config, points)
    model = replace(home, config=config)
    assert thresholds(model, ["low"], []) == [0.91, 0.92, 0.93, 0.94]
    assert thresholds(model, ["jarvis=low"], []) == [own[0], 0.92, *own[2:]]
    assert thresholds(model, ["low", "jarvis=normal"], ["alexa=0.1"]) == [0.91, own[1], 0.1, 0.94]
    assert not caplog.messages


def test_a_sensitivity_that_a_model_does_not_store_is_said(caplog):
    home = ModelFile.load()
    card = {key: value for key, value in home.config.card.items() if key != "operating_points"}
    model = replace(home, name="mine", config=replace(home.config, card=card))
    assert thresholds(model, ["jarvis=high"], []) == list(home.config.thresholds)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("mine, jarvis: the model stores no sensitivity 'high'")


def test_an_option_for_a_keyword_that_no_model_has(caplog):
    WakeWords(["home"], [], Tuning.parse([], ["hey lumen=0.5"], 0.0))
    assert caplog.messages == ["no model knows 'hey lumen', which an option names"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["loud"], [], 0.0), "--sensitivity loud: not one of"),
        (([], ["0"], 0.0), "--threshold 0: not above 0 up to 1"),
        (([], ["nan"], 0.0), "--threshold nan: not above 0 up to 1"),
        (([], [], -1.0), "--refractory-seconds"),
    ],
)
def test_settings_out_of_range(arguments, message):
    with pytest.raises(KwsError, match=message):
        Tuning.parse(*arguments)
