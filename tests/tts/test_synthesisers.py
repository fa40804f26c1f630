"""Test the real synthesisers, and Piper by a program with its options."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_without

from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.tts.synthesisers import SYNTHESISERS, piper_voices
from kws.tts.voices import Voice, accented_voices, installed_voices


@pytest.fixture(params=SYNTHESISERS)
def voice(request) -> Voice:
    """Return one voice of each synthesiser."""
    skip_without(request.param, shutil.which(SYNTHESISERS[request.param].program))
    voices = [voice for voice in installed_voices() if voice.synthesiser == request.param]
    assert voices, f"{request.param} has no voice"
    return voices[-1]


def without_silence(samples: np.ndarray) -> np.ndarray:
    loud = np.flatnonzero(np.abs(samples.astype(int)) > 300)
    return samples[loud[0] : loud[-1] + 1]


def pitch_of(samples: np.ndarray) -> float:
    """Return the median pitch of the loud frames, Hz, by autocorrelation."""
    frames = np.lib.stride_tricks.sliding_window_view(samples / 32768, 1024)[::256]
    energy = (frames**2).mean(axis=1)
    frames = frames[energy > energy.max() / 10]
    spectrum = np.fft.rfft(frames * np.hanning(1024), 2048)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:, : SAMPLE_RATE // 60]
    shortest = SAMPLE_RATE // 400
    return SAMPLE_RATE / float(np.median(shortest + correlation[:, shortest:].argmax(axis=1)))


@pytest.mark.slow
def test_it_speaks_16_khz_mono_and_always_the_same(voice):
    samples = voice.speak("The computer is listening.")
    assert samples.dtype == np.int16
    assert samples.ndim == 1
    assert SAMPLE_RATE < len(without_silence(samples)) < 3 * SAMPLE_RATE
    assert samples.tobytes() == voice.speak("The computer is listening.").tobytes()


@pytest.mark.slow
def test_rate_changes_the_length_alone(voice):
    normal, fast = (voice.speak("The computer is listening.", rate=r) for r in (1.0, 1.5))
    assert len(without_silence(normal)) / len(without_silence(fast)) == pytest.approx(1.5, rel=0.15)
    assert pitch_of(fast) == pytest.approx(pitch_of(normal), rel=0.1)


@pytest.mark.slow
def test_pitch_changes_the_pitch_alone(voice):
    normal, high = (voice.speak("The computer is listening.", pitch=p) for p in (1.0, 1.2))
    assert len(without_silence(high)) == pytest.approx(len(without_silence(normal)), rel=0.08)
    assert pitch_of(high) / pitch_of(normal) == pytest.approx(1.2, rel=0.08)


@pytest.mark.slow
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
        ("hello", 1.0, 0.7, "pitch 0.7 is not 0.8 to 1.5"),
        ("hello", 1.0, 1.6, "pitch 1.6 "),
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


@pytest.mark.slow
def test_voices_are_many_and_distinct():
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    voices = installed_voices()
    assert len(set(voices)) == len(voices) > 50
    assert voices == installed_voices()
    assert str(voices[0]) == "espeak-ng en-us"


@pytest.mark.slow
def test_english_with_foreign_accents():
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    voices = [Voice("flite", "slt"), Voice("espeak-ng", "en-us")]
    accented = accented_voices(voices)
    assert accented[:2] == voices
    assert len(set(accented)) == len(accented) > 300
    assert {"de", "fr-fr", "it", "hi", "en-us+Annie"} <= {voice.name for voice in accented}
    spoken = {voice.speak("computer").tobytes() for voice in accented[::40]}
    assert len(spoken) > 0.8 * len(accented[::40])
    assert accented_voices(voices[:1]) == voices[:1]


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


# Piper's voices are large: this program takes Piper's options and hands the text to espeak-ng.
PIPER = """#!/bin/sh
set -e
speaker=0
while [ $# -gt 0 ]; do
    case "$1" in
        --model) test -f "$2" ;;
        --output_file) output=$2 ;;
        --length_scale) scale=$2 ;;
        --speaker) speaker=$2 ;;
        *) echo "unknown option $1" >&2; exit 2 ;;
    esac
    shift 2
done
exec espeak-ng -v en-us+m$((speaker + 1)) -w "$output" --stdin
"""


@pytest.fixture
def piper(tmp_path, monkeypatch) -> Path:
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    program = tmp_path / "bin" / "piper"
    program.parent.mkdir()
    program.write_text(PIPER)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "voices"
    folder.mkdir()
    for name, settings in (("en_US-a-low", "{}"), ("en_GB-b-low", '{"num_speakers": 2}')):
        (folder / f"{name}.onnx").write_bytes(b"a network")
        (folder / f"{name}.onnx.json").write_text(settings)
    return folder


def test_piper_speaks_with_each_of_its_speakers(piper):
    names = piper_voices(piper)
    assert [Path(name).name for name in names] == [
        "en_GB-b-low.onnx#0",
        "en_GB-b-low.onnx#1",
        "en_US-a-low.onnx",
    ]
    spoken = [Voice("piper", name).speak("good morning").tobytes() for name in names]
    assert len(set(spoken)) == 2  # the voice without speakers is speaker 0 here
    assert Voice("piper", names[1]).label == "piper_en_GB-b-low.onnx#1"
    assert [
        voice.name for voice in installed_voices(piper) if voice.synthesiser == "piper"
    ] == names


@pytest.mark.parametrize("settings", [None, "[]", "{", "[" * 100_000, '{"num_speakers": "x"}'])
def test_a_voice_of_piper_without_settings(piper, settings):
    path = piper / "en_US-a-low.onnx.json"
    path.unlink() if settings is None else path.write_text(settings)
    with pytest.raises(KwsError, match=r"en_US-a-low\.onnx\.json"):
        piper_voices(piper)


def test_no_piper(tmp_path, monkeypatch, piper):
    with pytest.raises(KwsError, match="no Piper voices there"):
        piper_voices(tmp_path / "nowhere")
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(KwsError, match="Piper is not installed: pip install piper-tts"):
        installed_voices(piper)
