"""Speech synthesis by the real synthesisers; and the audio samples that are made with it."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import skip_without

from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.tts.synthesisers import SYNTHESISERS
from kws.tts.voices import Voice, installed_voices

AUDIO_SAMPLES = Path(__file__).parents[1] / "audio_samples"
EXPECTED = json.loads((AUDIO_SAMPLES / "expected.json").read_text())


@pytest.fixture(params=SYNTHESISERS)
def voice(request) -> Voice:
    """One voice of each synthesiser."""
    skip_without(request.param, shutil.which(SYNTHESISERS[request.param].program))
    voices = [voice for voice in installed_voices() if voice.synthesiser == request.param]
    assert voices, f"{request.param} has no voice"
    return voices[-1]


def without_silence(samples: np.ndarray) -> np.ndarray:
    loud = np.flatnonzero(np.abs(samples.astype(int)) > 300)
    return samples[loud[0] : loud[-1] + 1]


def pitch_of(samples: np.ndarray) -> float:
    """The most frequent pitch of the speech, Hz, by autocorrelation of its loud frames."""
    frames = np.lib.stride_tricks.sliding_window_view(samples / 32768, 1024)[::256]
    energy = (frames**2).mean(axis=1)
    frames = frames[energy > energy.max() / 10]
    spectrum = np.fft.rfft(frames * np.hanning(1024), 2048)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:, : SAMPLE_RATE // 60]
    shortest = SAMPLE_RATE // 400
    return SAMPLE_RATE / float(np.median(shortest + correlation[:, shortest:].argmax(axis=1)))


def test_it_speaks_16_khz_mono_and_always_the_same(voice):
    samples = voice.speak("The computer is listening.")
    assert samples.dtype == np.int16
    assert samples.ndim == 1
    assert SAMPLE_RATE < len(without_silence(samples)) < 3 * SAMPLE_RATE
    assert samples.tobytes() == voice.speak("The computer is listening.").tobytes()


def test_rate_changes_the_length_alone(voice):
    own, fast = (voice.speak("The computer is listening.", rate=r) for r in (1.0, 1.5))
    assert len(without_silence(own)) / len(without_silence(fast)) == pytest.approx(1.5, rel=0.15)
    assert pitch_of(fast) == pytest.approx(pitch_of(own), rel=0.1)


def test_pitch_changes_the_pitch_alone(voice):
    own, high = (voice.speak("The computer is listening.", pitch=p) for p in (1.0, 1.2))
    assert len(without_silence(high)) == pytest.approx(len(without_silence(own)), rel=0.08)
    assert pitch_of(high) / pitch_of(own) == pytest.approx(1.2, rel=0.08)


@pytest.mark.parametrize("text", ["-v is no option", "it's a “café”, (quit) \\ 100 %", "- ; $HOME"])
def test_a_text_is_only_a_text(voice, text):
    assert len(voice.speak(text)) > SAMPLE_RATE / 10


@pytest.mark.parametrize(
    ("text", "rate", "pitch", "complaint"),
    [
        ("", 1.0, 1.0, "no text"),
        (" \n", 1.0, 1.0, "no text"),
        ("hello", 0.5, 1.0, "rate 0.5 is not 0.6 to 1.7"),
        ("hello", 1.8, 1.0, "rate 1.8 "),
        ("hello", float("nan"), 1.0, "rate nan "),
        ("hello", 1.0, 0.7, "pitch 0.7 is not 0.8 to 1.25"),
        ("hello", 1.0, 1.3, "pitch 1.3 "),
    ],
)
def test_what_cannot_be_said_is_refused(text, rate, pitch, complaint):
    with pytest.raises(KwsError, match=complaint):
        Voice("flite", "slt").speak(text, rate, pitch)


@pytest.mark.parametrize("synthesiser", ["espeak-ng", "festival"])
def test_a_voice_that_is_not_there_is_an_error_with_the_synthesiser_s_words(synthesiser):
    skip_without(synthesiser, shutil.which(SYNTHESISERS[synthesiser].program))
    with pytest.raises(
        KwsError, match=f"^speech synthesis: {synthesiser}.*(exist|unbound)"
    ) as error:
        Voice(synthesiser, "nobody").speak("hello")
    assert "\n" not in str(error.value)


def test_voices_are_many_and_distinct():
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    voices = installed_voices()
    assert len(set(voices)) == len(voices) > 50
    assert voices == installed_voices()
    assert str(voices[0]) == "espeak-ng en-us"


def test_no_synthesiser_is_an_error_that_names_them(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KwsError, match=r"no speech synthesiser.*espeak-ng, flite, festival"):
        installed_voices()


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("echo no such thing >&2; echo at all >&2; exit 3", "flite: no such thing at all"),
        ("exit 3", "flite: exit status 3"),
        ("exit 0", "flite slt said nothing: no reason"),
        ("echo broken >&2", "flite slt said nothing: broken"),
        ('for last; do :; done; echo RIFF > "$last"', r"speech\.wav: no .*audio"),
    ],
)
def test_a_synthesiser_that_fails_is_an_error_with_its_message(
    monkeypatch, tmp_path, script, complaint
):
    program = tmp_path / "flite"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(KwsError, match=complaint):
        Voice("flite", "slt").speak("hello")


@pytest.mark.parametrize("file", EXPECTED)
def test_a_sample_is_as_its_table_says(file):
    info = soundfile.info(AUDIO_SAMPLES / file)
    assert (info.samplerate, info.channels, info.subtype) == (SAMPLE_RATE, 1, "PCM_16")
    for _, start, end in EXPECTED[file]:
        assert 0 < start < end < info.duration


def test_table_files_and_expectations_are_the_same_set():
    table = runpy.run_path(str(AUDIO_SAMPLES / "make.py"))["table"]()
    files = [sample.file for sample in table]
    assert files == list(EXPECTED)
    assert sorted(files) == sorted(path.name for path in AUDIO_SAMPLES.glob("*.flac"))


def test_the_samples_can_be_made_again(tmp_path):
    for synthesiser in SYNTHESISERS.values():
        skip_without(synthesiser.program, shutil.which(synthesiser.program))
    runpy.run_path(str(AUDIO_SAMPLES / "make.py"))["main"](tmp_path)
    made = json.loads((tmp_path / "expected.json").read_text())
    assert made.keys() == EXPECTED.keys()
    for file, keywords in EXPECTED.items():
        # Another version of a synthesiser may speak a little faster or slower.
        assert [keyword for keyword, _, _ in made[file]] == [keyword for keyword, _, _ in keywords]
        for (_, *times), (_, *expected) in zip(made[file], keywords, strict=True):
            assert times == pytest.approx(expected, abs=0.3)
