"""The speech synthesisers that kws knows, and how each is asked: espeak-ng, flite, festival."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kws.errors import KwsError

TIMEOUT = 60  # s; a sentence takes well under one

ESPEAK_WORDS_PER_MINUTE = 175  # espeak-ng's own speed
ESPEAK_ACCENTS = (
    "en-us",
    "en-us-nyc",
    "en-gb",
    "en-gb-scotland",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-x-gbcwmd",
    "en-029",
)
ESPEAK_VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5")
FLITE_LEFT_OUT = ("kal", "awb_time")  # 8 kHz; knows nothing but the time of day


@dataclass(frozen=True)
class Synthesiser:
    """How a synthesiser lists its English voices and speaks a text file into a WAV file."""

    program: str
    voices: Callable[[], list[str]]
    command: Callable[[str, float, Path, Path], list[str]]  # voice, rate, text, output


def run(command: list[str]) -> tuple[str, str]:
    """Run a synthesiser: what it printed and what it complained of; KwsError when it fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KwsError(f"speech synthesis: {error}") from error
    complaint = " ".join(done.stderr.split())
    if done.returncode:
        reason = complaint or f"exit status {done.returncode}"
        raise KwsError(f"speech synthesis: {command[0]}: {reason}")
    return done.stdout, complaint


def _espeak_voices() -> list[str]:
    listing, _ = run(["espeak-ng", "--voices=en"])
    languages = {line.split()[1] for line in listing.splitlines()}
    variants = ("", *(f"+{variant}" for variant in ESPEAK_VARIANTS))
    return [accent + v for accent in ESPEAK_ACCENTS if accent in languages for v in variants]


def _espeak(voice: str, rate: float, text: Path, output: Path) -> list[str]:
    speed = str(round(ESPEAK_WORDS_PER_MINUTE * rate))
    return ["espeak-ng", "-v", voice, "-s", speed, "-f", str(text), "-w", str(output)]


def _flite_voices() -> list[str]:
    listing, _ = run(["flite", "-lv"])  # Voices available: kal awb_time kal16 ...
    return [name for name in listing.split()[2:] if name not in FLITE_LEFT_OUT]


def _flite(voice: str, rate: float, text: Path, output: Path) -> list[str]:
    stretch = f"duration_stretch={1 / rate:.4f}"
    return ["flite", "-voice", voice, "--setf", stretch, "-f", str(text), "-o", str(output)]


def _festival_voices() -> list[str]:
    listing, _ = run(["festival", "-b", "(print (voice.list))"])  # (kal_diphone ...)
    return sorted(listing.strip("()\n ").split())


def _festival(voice: str, rate: float, text: Path, output: Path) -> list[str]:
    settings = (
        f"(voice_{voice})",
        f"(Param.set 'Duration_Stretch (/ (Param.get 'Duration_Stretch) {rate:.4f}))",
        # Voices of the HTS engine know nothing of Duration_Stretch.
        "(if (symbol-bound? 'hts_engine_params) (set! hts_engine_params"
        f' (cons (list "-r" {rate:.4f}) hts_engine_params)))',
    )
    options = [word for setting in settings for word in ("-eval", setting)]
    return ["text2wave", str(text), "-o", str(output), *options]


SYNTHESISERS = {
    "espeak-ng": Synthesiser("espeak-ng", _espeak_voices, _espeak),
    "flite": Synthesiser("flite", _flite_voices, _flite),
    "festival": Synthesiser("text2wave", _festival_voices, _festival),
}
