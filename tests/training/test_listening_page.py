"""The page of what was synthesised: sounds by synthesiser and language, and what woke the model."""

from __future__ import annotations

import base64
import io
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import skip_without

from kws.config import SAMPLE_RATE, ModelConfig
from kws.model_file import ModelFile
from kws.posterior import ONE
from kws.training.held_out_speech import HeldOutResult
from kws.training.listening_page import OF_EACH, PAGE, write_listening_page
from kws.tts.utterances import file_name

FIGURE = re.compile(r'src="data:audio/flac;base64,([^"]+)".*?<figcaption>(.*?)</figcaption>')


@pytest.fixture
def config() -> ModelConfig:
    skip_without("matplotlib", find_spec("matplotlib"))
    return ModelFile.load().config


def write(path: Path, seconds: float = 0.1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(round(seconds * SAMPLE_RATE), np.int16), SAMPLE_RATE)


def test_each_synthesiser_and_language_is_heard_and_what_sets_the_model_off(
    config: ModelConfig, tmp_path: Path
) -> None:
    said, others, report = tmp_path / "synthetic", tmp_path / "held-out", tmp_path / "report"
    report.mkdir()
    for number in range(7):
        for voice in ("espeak-ng_de+f1", "espeak-ng_fr-fr+m2", "flite_slt"):
            write(said / "keywords" / f"hallo_lampe-{number}@{voice}.flac", 0.1 + number / 100)
        write(said / "confusable_phrases" / f"hallo_ampel-{number}@flite_awb.flac")
    (said / "keywords" / "hallo_lampe-9@festival_kal.flac").write_bytes(b"fLaC")
    write(others / "keywords" / "hallo_lampe-0@espeak-ng_de+Denis.flac", 0.5)
    count, least = len(config.keywords), int(min(config.thresholds) * ONE)
    phrases = []
    for text, peak in (("hallo lama", least // 2), ("halo <rampe>", ONE), ("halt", 5)):
        phrases.append((text, np.full(count, peak)))
    for name in ("hallo_lama", "halo_rampe"):  # a voice could not say the third
        write(others / "phrases" / f"{name}-0@espeak-ng_de+Andy.flac", 0.3)
    held_out = HeldOutResult({}, {}, tuple(phrases))
    assert write_listening_page(report, config, said, others, held_out) == report / PAGE
    page = (report / PAGE).read_text()
    figures = FIGURE.findall(page)
    captions = [caption for _, caption in figures]
    for group in ("espeak-ng de+f1", "espeak-ng fr-fr+m2", "flite slt"):
        assert captions.count(f"<b>hallo lampe</b><br>{group}") == OF_EACH
    assert captions.count("<b>hallo ampel</b><br>flite awb") == 7
    assert "<b>hallo lampe</b><br>espeak-ng de+Denis" in captions
    woken, close = captions[-2:]
    assert woken == "<b>halo rampe</b><br>espeak-ng de+Andy<br>confidence 1.000, sets it off"
    assert close.startswith("<b>hallo lama</b><br>espeak-ng de+Andy<br>confidence 0.")
    assert not close.endswith("sets it off")
    assert "1 of 3 set the model off" in page
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(figures[-1][0])))
    assert (len(samples), rate) == (round(0.3 * SAMPLE_RATE), SAMPLE_RATE)


def test_a_training_without_synthesis_has_no_page(config: ModelConfig, tmp_path: Path) -> None:
    assert write_listening_page(tmp_path, config, tmp_path / "a", tmp_path / "b", None) is None
    assert not list(tmp_path.iterdir())


def test_what_was_struck_out_is_not_shown(config: ModelConfig, tmp_path: Path) -> None:
    said = tmp_path / "synthetic"
    write(said / "keywords" / f"{file_name(config.keywords[0])}-0@flite_slt.flac")
    for name in ("hallo_ampel", "hallo_ampeln"):
        write(said / "confusable_phrases" / f"{name}-0@flite_slt.flac")
    write(said / "sentences" / f"{'hallo_' * 20}_0123abcd-0@flite_slt.flac")
    for excluded, kept in ((("Ampel", config.keywords[0]), 2), ((), 4)):
        write_listening_page(tmp_path, config, said, tmp_path / "b", None, excluded)
        page = (tmp_path / PAGE).read_text()
        assert len(FIGURE.findall(page)) == kept
        assert ("<b>hallo ampel</b>" in page) == (not excluded)
        assert "<b>hallo ampeln</b>" in page
