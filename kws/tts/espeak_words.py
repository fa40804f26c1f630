"""Speak a text with espeak-ng's library, which says when each word begins and ends.

A program: espeak_words.py VOICE WORDS_PER_MINUTE OUTPUT.wav < text; stdout is JSON, one [first
character, start, end] for each word, in seconds. A process for each text, as for the other
synthesisers: the library carries state from one text to the next, which would change the audio.
"""

from __future__ import annotations

import ctypes
import json
import sys
import wave
from ctypes import POINTER, Structure, Union, c_char, c_char_p, c_int, c_short, c_ubyte, c_void_p
from itertools import count as counter
from itertools import takewhile
from typing import Any, NamedTuple

LIBRARIES = ("libespeak-ng.so.1", "libespeak-ng.so", "libespeak-ng.1.dylib", "libespeak-ng.dylib")
RATE_PARAMETER = 1  # espeakRATE
SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: the callback gets the audio
PHONEME_EVENTS = 1  # espeakINITIALIZE_PHONEME_EVENTS
UTF8 = 1  # espeakCHARS_UTF8
END_OF_LIST, WORD, SENTENCE_END, PHONEME = 0, 1, 5, 7  # espeak_EVENT_TYPE
PAUSE = b"_"  # what the names of all pauses begin with


class Name(Union):
    """Hold the content of an event: the name of a phoneme, for instance."""

    _fields_ = (("number", c_int), ("text", c_char_p), ("phoneme", c_char * 8))


class Event(Structure):
    """Mirror espeak_EVENT of speak_lib.h."""

    _fields_ = (
        *(("type", c_int), ("identifier", ctypes.c_uint), ("text_position", c_int)),
        *(("length", c_int), ("milliseconds", c_int), ("sample", c_int)),
        *(("user_data", c_void_p), ("name", Name)),
    )


class Properties(Structure):
    """Mirror espeak_VOICE of speak_lib.h."""

    _fields_ = (
        *(("name", c_char_p), ("languages", c_char_p), ("identifier", c_char_p)),
        *(("gender", c_ubyte), ("age", c_ubyte), ("variant", c_ubyte), ("unused", c_ubyte)),
        *(("score", c_int), ("spare", c_void_p)),
    )


Callback = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(Event))


class Mark(NamedTuple):
    """Keep what an event says."""

    type: int
    character: int  # of the text, from 1
    sample: int
    phoneme: bytes  # empty for other events


def load() -> ctypes.CDLL:
    """Return the library; OSError where it is not installed."""
    for name in LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise OSError("espeak-ng's library is not installed")


def speak(text: str, voice: str, words_per_minute: int) -> tuple[int, bytes, list[Mark]]:
    """Return rate, int16 samples and events of a text; OSError or ValueError where that fails."""
    library = load()
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, None, PHONEME_EVENTS)
    if rate <= 0:
        raise OSError("espeak-ng's library cannot be initialised")
    properties = Properties(languages=voice.encode())  # as the program espeak-ng does
    if library.espeak_SetVoiceByName(voice.encode()) and library.espeak_SetVoiceByProperties(
        ctypes.byref(properties)
    ):
        raise ValueError(f"the voice {voice} does not exist")
    audio, marks = bytearray(), list[Mark]()

    def receive(samples: Any, count: int, events: Any) -> int:
        if count > 0:
            audio.extend(ctypes.string_at(samples, 2 * count))
        for event in takewhile(lambda e: e.type != END_OF_LIST, map(events.__getitem__, counter())):
            phoneme = event.name.phoneme if event.type == PHONEME else b""
            marks.append(Mark(event.type, event.text_position, event.sample, phoneme))
        return 0

    callback = Callback(receive)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetParameter(RATE_PARAMETER, words_per_minute, 0)
    content = text.encode()
    if library.espeak_Synth(content, len(content) + 1, 0, 1, 0, UTF8, None, None):
        raise ValueError("the text cannot be said")
    library.espeak_Synchronize()
    return rate, bytes(audio), marks


def word_times(marks: list[Mark]) -> list[tuple[int, int, int]]:
    """Return first character, first sample and last+1 sample of each word.

    A word lasts from its first phoneme to the pause, the word or the sentence's end after its last.
    """
    words = []
    for index, mark in enumerate(marks):
        if mark.type != WORD:
            continue
        phonemes = list(takewhile(lambda m: m.type not in (WORD, SENTENCE_END), marks[index + 1 :]))
        pauses = [m for m in phonemes if m.phoneme.startswith(PAUSE)]
        spoken = [m for m in phonemes if m.phoneme and m not in pauses]
        if spoken:
            after = [m for m in pauses if m.sample > spoken[-1].sample]
            after += marks[index + 1 + len(phonemes) :][:1]
            words.append((mark.character, spoken[0].sample, after[0].sample))
    return words


def main(voice: str, words_per_minute: str, output: str) -> None:
    """Speak the standard input into a WAV file and print the times of its words."""
    text = sys.stdin.buffer.read().decode().strip()
    try:
        rate, audio, marks = speak(text, voice, int(words_per_minute))
        with wave.open(output, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(audio)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    times = [(character, *(n / rate for n in span)) for character, *span in word_times(marks)]
    print(json.dumps(times))


if __name__ == "__main__":
    main(*sys.argv[1:])
