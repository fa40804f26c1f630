"""Test that all spellings of a keyword are one name, in any script."""

from __future__ import annotations

import random
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.actions.config_file import read_actions
from kws.data.dataset import from_folder
from kws.data.keywords import folder_name, keyword_folder, keyword_of
from kws.errors import KwsError
from kws.evaluation.test_set import find_positives
from kws.export.sketch import sketch_name
from kws.keyword_names import comparison_key, contains, identifier, keyword_name
from kws.recorder.prompts import reading_prompts
from kws.tts.utterances import file_name

WORDS = ("привет", "नमस्ते", "สวัสดี", "señor", "größe", "你好", "שלום", "tiếng", "안녕", "computer")


def spelling(name: str, choose: random.Random) -> str:
    """Return a name as somebody else may write it."""
    changed = unicodedata.normalize(choose.choice(("NFC", "NFD")), name)
    changed = choose.choice((str, str.upper, str.title, str.lower))(changed)
    return changed.replace(" ", choose.choice((" ", "_", "  ", "\u00a0")))


def record(folder: Path, count: int = 1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng([*folder.name.encode()])  # equal audio would be one recording
    for number in range(count):
        sound = random.integers(-999, 999, 8000).astype(np.int16)
        soundfile.write(folder / f"{number}.wav", sound, 16000)


@pytest.mark.parametrize("seed", range(100))
def test_spellings_of_a_keyword_are_one(seed: int) -> None:
    choose = random.Random(seed)
    name = " ".join(choose.sample(WORDS, choose.randint(1, 3)))
    other = spelling(name, choose)
    assert comparison_key(other) == comparison_key(name)
    assert keyword_name(keyword_name(other)) == keyword_name(other)
    folder = folder_name(name)
    assert comparison_key(folder) == comparison_key(name)
    assert folder_name(keyword_of(Path(folder))) == folder
    assert contains(f"so, {other}!", name)
    assert not contains(f"{name}x", name)
    assert not contains(f"{name}\u0301", name)


def test_words_that_differ_in_marks_are_different_names() -> None:
    marks = ("कि", "का", "की", "कु")
    assert len({comparison_key(word) for word in marks}) == len(marks)
    assert len({file_name(word) for word in marks}) == len(marks)
    assert file_name("sen\u0303or") == file_name("señor")


@pytest.mark.parametrize("text", ["\x1b[2J", "a\nb\x07", "\u202e", "a/b", "\ud800", "ā" * 128])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(KwsError, match="keyword"):
        folder_name(text)


def test_two_spellings_in_a_dataset_are_one_keyword(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number, name in enumerate(("hey lumen", "Hey_Lumen", "sen\u0303or_", "señor")):
        record(tmp_path / name, number + 1)
    record(tmp_path / "_negative_")
    dataset = from_folder(tmp_path, ["HEY  lumen", "SEÑOR"])
    found = {keyword: len(clips) for keyword, clips in dataset.positives.items()}
    assert found == {"Hey Lumen": 3, "señor": 7}
    assert (
        f"{tmp_path}: 'Hey_Lumen' and 'hey lumen' are one keyword; all are read" in caplog.messages
    )
    assert keyword_folder(tmp_path, "HEY lumen") == tmp_path / "Hey_Lumen"
    assert keyword_folder(tmp_path, "another one") == tmp_path / "another_one"


def test_folders_of_an_evaluation_are_found_in_any_spelling(tmp_path: Path) -> None:
    record(tmp_path / "Sen\u0303or")
    record(tmp_path / "नमस्ते_जी")
    found = find_positives(tmp_path, ("señor", "नमस्ते जी"))
    assert {keyword: len(paths) for keyword, paths in found.items()} == {"señor": 1, "नमस्ते जी": 1}


def test_an_actions_file_may_spell_a_keyword_in_its_own_way(tmp_path: Path) -> None:
    file = tmp_path / "actions.toml"
    file.write_text('[[action]]\nkeyword = "SEN\u0303OR_x"\ncommand = ["true"]\n', "utf-8")
    (action,) = read_actions(file, ["señor x", "other"])
    assert action.keywords == {"señor x"}


def test_a_text_to_read_contains_no_keyword_of_any_script() -> None:
    texts = ["वह नमस्ते कहता है", "वह नमस्तेजी कहता है", "Привет, мир", "the general's son"]
    asked = reading_prompts(texts, ["नमस्ते", "привет", "general"])
    assert [prompt.text for prompt in asked] == ["Read: वह नमस्तेजी कहता है"]


def test_sketches_of_models_with_other_letters_have_names_of_their_own() -> None:
    names = [sketch_name(model) for model in (*WORDS, "собака", "a" * 80, "a" * 81, "caf\udce9")]
    assert len(set(names)) == len(names)
    for name in names:
        assert name.isascii()
        assert name.isidentifier()
        assert len(name) <= 63
    assert sketch_name("home") == "kws_home"
    assert sketch_name("smart-mirror.2") == "kws_smart_mirror_2"
    assert sketch_name("sen\u0303or") == sketch_name("señor")


def test_an_identifier_is_of_ascii_and_keeps_names_apart():
    assert identifier("Smart_Mirror") == identifier("smart mirror") == "smart_mirror"
    names = ["café", "cafe", "cafè", "компьютер", "コンピュータ", "a/b", "a b", "a+b", "a" * 100]
    found = [identifier(name) for name in names]
    assert len(set(found)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_]{1,49}", name) for name in found)
    assert identifier("cafe\u0301") == identifier("CAFÉ")
