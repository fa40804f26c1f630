"""Compare what the shipped models decide on the shipped samples with hashes kept in golden.json.

A change that is meant to keep every bit keeps these. `python tools/fingerprint.py` prints them.
"""

from __future__ import annotations

import json

import pytest
from command_line import ROOT, SAMPLES
from fingerprint import MODELS, fingerprint

from kws.audio.audio_file import read_audio
from kws.model_file import ModelFile, shipped

pytestmark = pytest.mark.slow

GOLDEN = json.loads((ROOT / "tests" / "golden.json").read_text())


@pytest.mark.parametrize("name", GOLDEN)
def test_features_scores_posteriors_and_detections_keep_their_bits(name):
    model = ModelFile.load(name)
    assert set(GOLDEN[name]) == {path.name for path in SAMPLES.glob("*.flac")}
    for file, golden in GOLDEN[name].items():
        assert fingerprint(model, read_audio(SAMPLES / file)) == golden, file


def test_every_shipped_model_has_its_hashes() -> None:
    assert set(GOLDEN) == set(MODELS) == set(shipped())


def test_the_features_are_those_of_the_model_s_own_arithmetic() -> None:
    model, file = ModelFile.load("base"), next(SAMPLES.glob("*.flac"))
    samples = read_audio(file)[:32_000]
    found = [fingerprint(model.with_arithmetic(name), samples) for name in ("float", "fixed")]
    assert found[0]["features"] != found[1]["features"]
