"""Test the shipped audio samples: files, expectations, and that they can be made again."""

from __future__ import annotations

import json
import runpy
import shutil

import pytest
import soundfile
from command_line import SAMPLES
from conftest import skip_without

from kws.config import SAMPLE_RATE
from kws.tts.synthesisers import SYNTHESISERS

EXPECTED = json.loads((SAMPLES / "expected.json").read_text())


@pytest.mark.parametrize("file", EXPECTED)
def test_a_sample_is_as_its_table_says(file):
    info = soundfile.info(SAMPLES / file)
    assert (info.samplerate, info.channels, info.subtype) == (SAMPLE_RATE, 1, "PCM_16")
    for _, start, end in EXPECTED[file]:
        assert 0 < start < end < info.duration


def test_table_files_and_expectations_are_the_same_set():
    table = runpy.run_path(str(SAMPLES / "make.py"))["table"]()
    files = [sample.file for sample in table]
    assert files == list(EXPECTED)
    assert sorted(files) == sorted(path.name for path in SAMPLES.glob("*.flac"))


@pytest.mark.slow
def test_the_samples_can_be_made_again(tmp_path):
    for synthesiser in SYNTHESISERS.values():
        skip_without(synthesiser.program, shutil.which(synthesiser.program))
    runpy.run_path(str(SAMPLES / "make.py"))["main"](tmp_path)
    made = json.loads((tmp_path / "expected.json").read_text())
    assert made.keys() == EXPECTED.keys()
    for file, keywords in EXPECTED.items():
        # Another version of a synthesiser may speak a little faster or slower.
        assert [keyword for keyword, _, _ in made[file]] == [keyword for keyword, _, _ in keywords]
        for (_, *times), (_, *expected) in zip(made[file], keywords, strict=True):
            assert times == pytest.approx(expected, abs=0.3)
