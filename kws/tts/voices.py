"""Speech from the synthesisers of this machine.

All but Piper and Kokoro are deterministic: the same version, voice, text and settings give the same
samples.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import soxr

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.tts import kokoro
from kws.tts.synthesisers import ENGINES, PIPER, SYNTHESISERS, piper_voices, run

RATES = (0.6, 1.7)  # times the voice's own speed
PITCHES = (0.8, 1.25)  # times the voice's own pitch
KOKORO = "kokoro"  # the one that is no program: kws/data/kokoro.py


@dataclass(frozen=True)
class Voice:
    """One voice of one synthesiser; installed_voices() finds them."""

    synthesiser: str  # espeak-ng, flite, festival, piper or kokoro
    name: str  # as the synthesiser calls it; for Piper and Kokoro the path of the voice

    def __str__(self) -> str:
        return f"{self.synthesiser} {self.name}"

    @property
    def label(self) -> str:
        """What the voice is called in file names."""
        return f"{self.synthesiser}_{Path(self.name).name}"

    def speak(self, text: str, rate: float = 1.0, pitch: float = 1.0) -> npt.NDArray[np.int16]:
        """Say a text: int16 samples [n] at 16 kHz, with the silence the voice puts around it.

        rate, within RATES, changes the speed alone. pitch, within PITCHES, shifts the whole voice
        at the same speed, formants too, as a smaller or larger speaker's. KwsError when there is
        no text, a setting is out of range or the synthesiser fails.
        """
        if not text.strip():
            raise KwsError("speech synthesis: there is no text to say")
        for what, value, (low, high) in (("rate", rate, RATES), ("pitch", pitch, PITCHES)):
            if not low <= value <= high:
                raise KwsError(f"speech synthesis: {what} {value:g} is not {low:g} to {high:g}")
        samples = self._spoken(text, rate / pitch)
        if pitch != 1:
            # Spoken slower by `pitch`, played faster by as much.
            exact = soxr.resample(samples.astype(np.float32), SAMPLE_RATE * pitch, SAMPLE_RATE)
            samples = np.clip(exact.round(), -32768, 32767).astype(np.int16)
        return samples

    def _spoken(self, text: str, rate: float) -> npt.NDArray[np.int16]:
        if self.synthesiser == KOKORO:
            return kokoro.speak(self.name, rate, text)
        with TemporaryDirectory(prefix="kws-") as folder:
            source, output = Path(folder, "text.txt"), Path(folder, "speech.wav")
            source.write_text(f"{text}\n", encoding="utf-8")
            engine = ENGINES[self.synthesiser]
            command = engine.command(self.name, rate, source, output)
            _, complaint = run(command, source if engine.reads_stdin else None)
            # flite and festival can fail with exit status 0: what counts is the speech.
            if not output.exists() or not len(speech := read_audio(output)):
                raise KwsError(f"speech synthesis: {self} said nothing: {complaint or 'no reason'}")
            return speech


def installed_voices(piper: Path | None = None, kokoro_folder: Path | None = None) -> list[Voice]:
    """Every voice of this machine, in a fixed order; KwsError when there is none.

    piper: a folder of Piper's voices, which are taken as well; KwsError without the program.
    kokoro_folder: that of Kokoro's network and voices, the same without espeak-ng.
    """
    voices = [
        Voice(synthesiser, voice)
        for synthesiser, engine in SYNTHESISERS.items()
        if shutil.which(engine.program)
        for voice in engine.voices()
    ]
    if piper is not None:
        if not shutil.which(ENGINES[PIPER].program):
            raise KwsError("Piper is not installed: pip install piper-tts")
        voices += [Voice(PIPER, voice) for voice in piper_voices(piper)]
    if kokoro_folder is not None:
        voices += [Voice(KOKORO, voice) for voice in kokoro.kokoro_voices(kokoro_folder)]
    if not voices:
        raise KwsError(
            "no speech synthesiser is installed; kws uses espeak-ng, flite, festival"
            " (Debian, Ubuntu: apt install espeak-ng flite festival), Piper and Kokoro"
        )
    return voices
