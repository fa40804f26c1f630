"""Test that a keyword's span within a sentence is where it can be heard, with real synthesisers."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from conftest import skip_without

from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.tts import espeak_words
from kws.tts.synthesisers import SYNTHESISERS
from kws.tts.voices import Voice, installed_voices, timed_voices
from kws.tts.word_times import TIMED, Sentence, WordNotFoundError
from kws.types import Samples

FRAME = SAMPLE_RATE // 100
TOLERANCE = 0.05  # s


@pytest.fixture(params=SYNTHESISERS)
def voices(request) -> list[Voice]:
    """Return the voices of each synthesiser, four of the many of espeak-ng."""
    skip_without(request.param, shutil.which(SYNTHESISERS[request.param].program))
    voices = [v for v in timed_voices(installed_voices()) if v.synthesiser == request.param]
    assert voices, f"{request.param} has no voice"
    return voices[:: max(1, len(voices) // 4)]


def speech_edges(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Return when speech begins and when it ends, s, over and over."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(float)
    power = np.pad((frames**2).mean(axis=1), 1)
    loud = power > power.max() * 10**-3.2
    changes = np.flatnonzero(np.diff(loud))
    return changes[::2] * FRAME / SAMPLE_RATE, changes[1::2] * FRAME / SAMPLE_RATE


@pytest.mark.slow
@pytest.mark.parametrize("voices", ["espeak-ng", "flite"], indirect=True)
@pytest.mark.parametrize("keyword", ["alexa", "smart mirror"])
@pytest.mark.parametrize(("rate", "pitch"), [(1.0, 1.0), (0.8, 1.2), (1.3, 0.9)])
def test_the_span_is_where_speech_begins_and_ends(voices, keyword, rate, pitch):
    """Between pauses: there the audio itself shows both. Festival makes few."""
    for voice in voices:
        sentence = Sentence("so it was, ", keyword, ", is what they said yesterday")
        samples, *span = voice.speak_sentence(sentence, rate, pitch)
        for at, edges in zip(span, speech_edges(samples), strict=True):
            assert np.abs(edges - at / SAMPLE_RATE).min() < TOLERANCE, (str(voice), span, edges)


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [("", ", what is 25 times 3?"), ("thank you ", "")])
def test_the_span_begins_and_ends_with_the_sentence(voices, before, after):
    for voice in voices:
        samples, start, end = voice.speak_sentence(Sentence(before, "alexa", after))
        begins, ends = speech_edges(samples)
        first, last = begins[0] * SAMPLE_RATE, ends[-1] * SAMPLE_RATE
        tolerance = TOLERANCE * SAMPLE_RATE
        assert (abs(start - first) < tolerance) == (not before)
        assert (abs(end - last) < tolerance) == (not after)


@pytest.mark.slow
def test_the_span_is_as_long_as_the_word_and_moves_with_what_is_before_it(voices):
    for voice in voices:
        _, start, end = voice.speak_sentence(Sentence("the ", "computer", " was broken"))
        _, later, _ = voice.speak_sentence(Sentence("nobody knew why the ", "computer", " broke"))
        alone = voice.speak_sentence(Sentence("", "computer", ""))
        assert (end - start) / (alone[2] - alone[1]) == pytest.approx(1.0, abs=0.25)
        assert later - start > 0.25 * SAMPLE_RATE


def test_quotes_and_backslashes_are_only_text(voices):
    samples, start, end = voices[0].speak_sentence(
        Sentence('(quit) "\\ so ', "it's", ' a "$HOME" (exit)')
    )
    assert 0 < start < end < len(samples)


def test_a_word_beyond_a_to_z_has_a_span():
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    samples, start, end = Voice("espeak-ng", "ru").speak_sentence(
        Sentence("так, ", "привет", ", и добрый день")
    )
    begins, ends = speech_edges(samples)
    assert np.abs(begins - start / SAMPLE_RATE).min() < TOLERANCE
    assert np.abs(ends - end / SAMPLE_RATE).min() < TOLERANCE


def test_a_keyword_that_says_nothing_is_not_found(voices):
    with pytest.raises(WordNotFoundError, match="not found"):
        voices[0].speak_sentence(Sentence("so ", ",", " they said"))


def test_a_voice_of_espeak_ng_that_is_not_there():
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    with pytest.raises(KwsError, match="the voice nobody does not exist"):
        Voice("espeak-ng", "nobody").speak_sentence(Sentence("", "alexa", ""))


def test_voices_without_times_are_refused_and_left_out():
    voice = Voice("piper", "en.onnx")
    with pytest.raises(KwsError, match="does not say when a word is spoken"):
        voice.speak_sentence(Sentence("", "alexa", ""))
    assert timed_voices([voice, Voice("flite", "slt")]) == [Voice("flite", "slt")]


def test_without_espeak_ng_s_library_the_others_say_sentences(monkeypatch, caplog):
    monkeypatch.setattr(espeak_words, "LIBRARIES", ())
    voices = [Voice("espeak-ng", "en-us"), Voice("flite", "slt")]
    assert timed_voices(voices) == [Voice("flite", "slt")]
    assert "espeak-ng's library is not installed" in caplog.text


def test_the_program_of_espeak_ng_and_its_library_say_the_same():
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    voice = Voice("espeak-ng", "en-gb+f2")
    samples, *_ = voice.speak_sentence(Sentence("so ", "alexa", ", good night"))
    program = voice.speak("so alexa, good night")
    assert np.abs(samples[: len(program)].astype(int) - program[: len(samples)]).max() < 300


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    (tmp_path / "speech.wav").mkdir()
    with pytest.raises(KwsError, match=r"speech synthesis: .*speech\.wav") as error:
        TIMED["espeak-ng"]("en-us", 1.0, Sentence("", "alexa", ""), tmp_path)
    assert "\n" not in str(error.value)
