"""Tests of phrases with sounds left out, by espeak-ng's pronunciation."""

import shutil

import pytest
from conftest import skip_without

from kws.errors import KwsError
from kws.tts.casual_speech import casual_forms

pytestmark = pytest.mark.usefixtures("espeak")


@pytest.fixture
def espeak() -> None:
    skip_without("espeak-ng", shutil.which("espeak-ng"))


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("amelia", ["m'i:li@", "a#m'i:lj@", "m'i:lj@"]),  # 'melia, amelya, 'melya
        ("hey alexa", ["h'eI l'Eks@"]),
        ("operator", ["'0pr,eIt#3"]),  # op'rator
        ("okay camera", ["oUk'eI k'amr@"]),
        ("wildfire", ["w'aIlfaI3"]),  # wil'fire
    ],
)
def test_what_people_leave_out_is_left_out(text: str, forms: list[str]) -> None:
    assert casual_forms(text, "en-us") == [f"[[{form}]]" for form in forms]


def test_dialects_pronounce_in_their_own_way() -> None:
    assert casual_forms("operator", "en-gb") == ["[['0pr,eIt3]]"]


@pytest.mark.parametrize("text", ["computer", "australopithecus street", "think engine", "-v x"])
def test_what_begins_a_syllable_stays(text: str) -> None:
    """The clusters of "street" and the affricate of "engine" are no t or d between consonants."""
    assert casual_forms(text, "en-us") == []


def test_an_unknown_dialect_is_an_error() -> None:
    with pytest.raises(KwsError, match="espeak-ng"):
        casual_forms("amelia", "xx-nowhere")
