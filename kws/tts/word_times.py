"""Speak a keyword within a sentence with the synthesisers that say when each word is spoken.

These are espeak-ng through its library, flite and festival, and Kokoro where its network tells the
durations of its tokens. The times are those that the audio is made from. Piper gives none.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.audio.encode import encode
from kws.errors import KwsError
from kws.keyword_names import words_of
from kws.tts import espeak_words, kokoro
from kws.tts.synthesisers import (
    ESPEAK,
    ESPEAK_WORDS_PER_MINUTE,
    festival_settings,
    flite_command,
    run,
)

KOKORO = "kokoro"  # the one synthesiser that runs in this process
FLITE_PAUSE = "pau"
MAX_OTHER_PHONES = 0.25  # of a keyword's, by which it may differ within a sentence


@dataclass(frozen=True)
class Sentence:
    """Hold a sentence that contains a keyword once."""

    before: str  # ends with a space, or is empty
    keyword: str
    after: str

    def __str__(self) -> str:
        return self.before + self.keyword + self.after


Span = tuple[float, float]  # s


def _espeak(voice: str, rate: float, sentence: Sentence, folder: Path) -> Span:
    """Write a sentence to speech.wav in a folder; return the keyword's span in it."""
    speed = str(round(ESPEAK_WORDS_PER_MINUTE * rate))
    command = [sys.executable, "-I", espeak_words.__file__, voice, speed]
    answer, _ = run([*command, str(folder / "speech.wav")], _written(sentence, folder))
    first = len(sentence.before)
    spans = [
        (start, end)
        for character, start, end in json.loads(answer)
        if first < character <= first + len(sentence.keyword)
    ]
    return _joined(spans, sentence)


def _flite(voice: str, rate: float, sentence: Sentence, folder: Path) -> Span:
    """Do the same with flite, whose times are those of phones: find the keyword's among them."""
    keyword, speech = folder / "keyword.txt", folder / "speech.wav"
    keyword.write_text(f"{sentence.keyword}\n", encoding="utf-8")
    alone, _ = run([*flite_command(voice, rate, keyword, Path("none")), "-ps"])
    command = flite_command(voice, rate, _written(sentence, folder), speech)
    answer, _ = run([*command, "-psdur"])
    wanted = [phone for phone in alone.split() if phone != FLITE_PAUSE]
    found = [(phone, float(end)) for phone, _, end in (x.partition(":") for x in answer.split())]
    ends = [0.0, *(end for _, end in found)]
    starts = range(len(found) - len(wanted) + 1)
    if not wanted or not starts:
        raise _not_found(sentence)
    others = [
        sum(a != b for (a, _), b in zip(found[start:], wanted, strict=False)) for start in starts
    ]
    start = others.index(min(others))
    if others[start] > MAX_OTHER_PHONES * len(wanted):
        raise _not_found(sentence)
    return ends[start], ends[start + len(wanted)]


# Prints a line for each word: the word before it of the same token, or 0; its start and its end.
FESTIVAL_TIMES = (
    "(mapcar (lambda (word) (format t {format} (item.feat word {previous})"
    " (item.feat word {start}) (item.feat word {end}))) (utt.relation.items utterance 'Word))"
).format(
    format=r'"%s %f %f\n"',
    previous='"R:Token.p.name"',
    start='"word_start"',
    end='"word_end"',
)


def _festival(voice: str, rate: float, sentence: Sentence, folder: Path) -> Span:
    """Do the same with festival, which lists words with their times; 0 marks a token's first."""
    text = str(sentence).replace("\\", " ").replace('"', " ")
    program = (
        f'(set! utterance (utt.synth (Utterance Text "{text}")))',
        f'(utt.save.wave utterance "{folder / "speech.wav"}" \'riff)',
        FESTIVAL_TIMES,
    )
    answer, _ = run(["festival", "-b", *festival_settings(voice, rate), *program])
    token, spans = -1, []
    before, within = (_tokens(part) for part in (sentence.before, sentence.keyword))
    for line in answer.splitlines():
        previous, start, end = line.split()
        token += previous == "0"
        if before <= token < before + within:
            spans.append((float(start), float(end)))
    return _joined(spans, sentence)


def _tokens(text: str) -> int:
    """Return the number of festival's tokens: what spaces separate, marks alone excepted."""
    return sum(bool(words_of(part, "")) for part in text.split())


def _written(sentence: Sentence, folder: Path) -> Path:
    path = folder / "text.txt"
    path.write_text(f"{sentence}\n", encoding="utf-8")
    return path


def _joined(spans: Sequence[Span], sentence: Sentence) -> Span:
    if not spans:
        raise _not_found(sentence)
    return spans[0][0], spans[-1][1]


class WordNotFoundError(KwsError):
    """Report that a synthesiser's answer does not say where a keyword is."""


def _not_found(sentence: Sentence) -> WordNotFoundError:
    return WordNotFoundError(
        f"speech synthesis: {sentence.keyword!r} is not found in {str(sentence)!r}"
    )


def _kokoro(voice: str, rate: float, sentence: Sentence, folder: Path) -> Span:
    """Do the same with Kokoro, which runs in this process."""
    if not words_of(sentence.keyword, ""):
        raise _not_found(sentence)
    parts = sentence.before, sentence.keyword, sentence.after
    samples, *span = kokoro.speak_around(voice, rate, *parts)
    (folder / "speech.wav").write_bytes(encode(samples, "WAV"))
    return span[0], span[1]


Timed = Callable[[str, float, Sentence, Path], Span]  # voice, rate, sentence, folder
TIMED: dict[str, Timed] = {ESPEAK: _espeak, "flite": _flite, "festival": _festival, KOKORO: _kokoro}
