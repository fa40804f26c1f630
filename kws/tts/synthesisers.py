"""Run the speech synthesisers that are programs: espeak-ng, flite, festival, Piper."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kws.errors import KwsError
from kws.tts.languages import base_language

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
# Languages whose voices read English nearly as people do whose first language it is; those of other
# scripts change to English sounds.
ESPEAK_FOREIGN = (
    *("de", "nl", "sv", "da", "nb", "fr-fr", "es", "es-419", "it", "ro", "pl", "cs", "fi"),
    *("el", "ru", "hi", "ko", "cmn", "vi"),
)
# Further variants, of other ages, timbres and makers, that are not robots and whispers.
ESPEAK_MORE_VARIANTS = (
    *("Alicia", "Andy", "Annie", "adam", "aunty", "belinda", "ed", "grandma", "grandpa"),
    *("john", "klatt2", "klatt3", "klatt4", "linda", "michael", "shelby", "steph", "travis"),
)
FLITE_LEFT_OUT = ("kal", "awb_time")  # 8 kHz; knows nothing but the time of day


@dataclass(frozen=True)
class Synthesiser:
    """Describe how to list a synthesiser's English voices and speak a text file into a WAV."""

    program: str
    voices: Callable[[], list[str]]
    command: Callable[[str, float, Path, Path], list[str]]  # voice, rate, text, output
    reads_stdin: bool = False  # for the text


def run(command: list[str], source: Path | None = None) -> tuple[str, str]:
    """Run a synthesiser; return its standard output and error; KwsError when it fails.

    source: a file for its standard input.
    """
    try:
        with open(source or os.devnull, "rb") as stdin:
            done = subprocess.run(
                command,
                stdin=stdin,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=TIMEOUT,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KwsError(f"speech synthesis: {error}") from error
    complaint = " ".join(done.stderr.split())
    if done.returncode:
        reason = complaint or f"exit status {done.returncode}"
        raise KwsError(f"speech synthesis: {command[0]}: {reason}")
    return done.stdout, complaint


def _espeak_voices() -> list[str]:
    """Return the variants of each English accent that is installed."""
    listing, _ = run(["espeak-ng", "--voices=en"])
    languages = {line.split()[1] for line in listing.splitlines()}
    return [voice for a in ESPEAK_ACCENTS if a in languages for voice in _espeak_variants(a)]


def espeak_foreign_voices() -> list[str]:
    """Return the voices of languages that can be taken for an accent, and of further variants."""
    listing, _ = run(["espeak-ng", "--voices"])
    languages = {line.split()[1] for line in listing.splitlines()[1:]}
    foreign = [language for language in ESPEAK_FOREIGN if language in languages]
    more = _more_variants()
    voices = [voice for language in foreign for voice in _espeak_variants(language)]
    return voices + [
        f"{accent}+{variant}" for accent in ("en-us", "en-gb", *foreign) for variant in more
    ]


def espeak_dialects(language: str) -> list[str]:
    """Return what espeak-ng knows of a language: fr-fr, fr-be and fr-ch of "fr"; none of others.

    A dialect that is named, as "pt-br", is alone.
    """
    listing, _ = run(["espeak-ng", "--voices"])
    known = list(dict.fromkeys(line.split()[1] for line in listing.splitlines()[1:]))
    wanted = language.strip().lower().replace("_", "-")
    base = base_language(language)
    if wanted != base and wanted in known:
        return [wanted]
    return [name for name in known if name == base or name.startswith(f"{base}-")]


def espeak_voices_of(language: str, more: bool = False) -> list[str]:
    """Return the variants of espeak-ng's voices of a language, none where it has no such voice.

    more: those of other ages, timbres and makers as well.
    """
    dialects = espeak_dialects(language)
    voices = [voice for dialect in dialects for voice in _espeak_variants(dialect)]
    variants = _more_variants() if more else []
    return voices + [f"{dialect}+{variant}" for dialect in dialects for variant in variants]


def _more_variants() -> list[str]:
    """Return the variants of ESPEAK_MORE_VARIANTS that are installed."""
    variants, _ = run(["espeak-ng", "--voices=variant"])
    files = {line.split()[-1].removeprefix("!v/") for line in variants.splitlines()[1:]}
    return [variant for variant in ESPEAK_MORE_VARIANTS if variant in files]


def _espeak_variants(voice: str) -> list[str]:
    return [voice, *(f"{voice}+{variant}" for variant in ESPEAK_VARIANTS)]


def _espeak(voice: str, rate: float, text: Path, output: Path) -> list[str]:
    """Return the command of espeak-ng."""
    speed = str(round(ESPEAK_WORDS_PER_MINUTE * rate))
    return ["espeak-ng", "-v", voice, "-s", speed, "-f", str(text), "-w", str(output)]


def _flite_voices() -> list[str]:
    """Return the voices of flite at 16 kHz."""
    listing, _ = run(["flite", "-lv"])  # Voices available: kal awb_time kal16 ...
    return [name for name in listing.split()[2:] if name not in FLITE_LEFT_OUT]


def flite_command(voice: str, rate: float, text: Path, output: Path) -> list[str]:
    """Return the command of flite."""
    stretch = f"duration_stretch={1 / rate:.4f}"
    return ["flite", "-voice", voice, "--setf", stretch, "-f", str(text), "-o", str(output)]


def _festival_voices() -> list[str]:
    """Return the voices of festival."""
    listing, _ = run(["festival", "-b", "(print (voice.list))"])  # (kal_diphone ...)
    return sorted(listing.strip("()\n ").split())


def festival_settings(voice: str, rate: float) -> tuple[str, ...]:
    """Return expressions that make festival speak with a voice at a rate."""
    return (
        f"(voice_{voice})",
        f"(Param.set 'Duration_Stretch (/ (Param.get 'Duration_Stretch) {rate:.4f}))",
        # Voices of the HTS engine know nothing of Duration_Stretch.
        "(if (symbol-bound? 'hts_engine_params) (set! hts_engine_params"
        f' (cons (list "-r" {rate:.4f}) hts_engine_params)))',
    )


def _festival(voice: str, rate: float, text: Path, output: Path) -> list[str]:
    """Return the command of festival."""
    options = [word for setting in festival_settings(voice, rate) for word in ("-eval", setting)]
    return ["text2wave", str(text), "-o", str(output), *options]


def piper_voices(folder: Path) -> list[str]:
    """Return the voices of Piper in a folder, <voice>.onnx with <voice>.onnx.json, sorted.

    A voice with several speakers is listed as <voice>.onnx#<number> for each. Raises KwsError where
    there is no voice, or one whose settings cannot be read.
    """
    names: list[str] = []
    for path in sorted(folder.glob("*.onnx")):
        settings = Path(f"{path}.json")
        try:
            speakers = int(json.loads(settings.read_text("utf-8")).get("num_speakers", 1))
        except OSError as error:
            raise KwsError(f"{settings}: {error.strerror}") from error
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise KwsError(f"{settings}: not the settings of a Piper voice: {error}") from error
        several = [f"{path}#{number}" for number in range(speakers)]
        names += several if speakers > 1 else [str(path)]
    if not names:
        raise KwsError(f"{folder}: no Piper voices there (<voice>.onnx and <voice>.onnx.json)")
    return names


def piper_language(voice: str) -> str | None:
    """Return the language of one of piper_voices() as its settings state it; None where not."""
    settings = Path(f"{voice.partition('#')[0]}.json")
    try:
        stated = json.loads(settings.read_text("utf-8"))
        language = stated.get("language", {}).get("code") or stated.get("espeak", {}).get("voice")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise KwsError(f"{settings}: not the settings of a Piper voice: {error}") from error
    return base_language(language) if isinstance(language, str) else None


def _piper(voice: str, rate: float, text: Path, output: Path) -> list[str]:
    """Return the command, of options that Piper in C++ and in Python share.

    Piper draws a new intonation each time.
    """
    model, _, speaker = voice.partition("#")
    command = ["piper", "--model", model, "--output_file", str(output)]
    command += ["--length_scale", f"{1 / rate:.4f}"]
    return [*command, "--speaker", speaker] if speaker else command


ESPEAK = "espeak-ng"
SYNTHESISERS = {
    ESPEAK: Synthesiser("espeak-ng", _espeak_voices, _espeak),
    "flite": Synthesiser("flite", _flite_voices, flite_command),
    "festival": Synthesiser("text2wave", _festival_voices, _festival),
}
PIPER = "piper"  # its voices are where the user put them: piper_voices()
ENGINES = {**SYNTHESISERS, PIPER: Synthesiser("piper", list, _piper, reads_stdin=True)}
