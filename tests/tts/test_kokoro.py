"""Test Kokoro with a stand-in for its network."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import onnx
import pytest
from command_line import kws
from conftest import skip_without
from kokoro_stand_in import GOOD, UNIT, kokoro, style

from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.tts.kokoro import COMMA, NATIVE_RATE, SYMBOLS, kokoro_voices
from kws.tts.utterances import SAMPLING_WEIGHTS, synthesise
from kws.tts.voices import Voice, installed_voices, timed_voices
from kws.tts.word_times import Sentence, WordNotFoundError

ANOTHER = """
<ir_version: 8, opset_import: ["" : 17]>
same (float[1, 4] style) => (float[1, 4] audio) { audio = Identity (style) }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return kokoro(tmp_path / "kokoro")


def frequency(samples: np.ndarray) -> float:
    """Of a tone, in radians a sample at NATIVE_RATE."""
    crossings = np.count_nonzero(np.diff(np.signbit(samples.astype(float))))
    return crossings * np.pi / len(samples) * SAMPLE_RATE / NATIVE_RATE


@pytest.mark.slow
def test_every_voice_and_every_mean_of_two(folder: Path) -> None:
    names = [Path(name).name for name in kokoro_voices(folder)]
    assert names == [
        *("af_low", "bm_high", "jf_middle"),
        *("af_low+bm_high", "af_low+jf_middle", "bm_high+jf_middle"),
    ]
    voices = [
        voice for voice in installed_voices(kokoro_folder=folder) if voice.synthesiser == "kokoro"
    ]
    assert [voice.name for voice in voices] == kokoro_voices(folder)
    assert voices[3].label == "kokoro_af_low+bm_high"
    # A Briton says one phoneme fewer, for which the style is another: 2 % lower.
    pitches = 0.05, 0.98 * 0.15, 0.1, 0.1, 0.075, 0.98 * 0.125
    for voice, radians in zip(voices, pitches, strict=True):
        assert frequency(voice.speak("good morning")) == pytest.approx(radians, rel=0.005)


def test_rate_and_pitch(folder: Path) -> None:
    voice = Voice("kokoro", str(folder / "af_low"))
    usual, fast, high = (voice.speak("good morning", *s) for s in ((1, 1), (1.25, 1), (1, 1.25)))
    units = sum(SYMBOLS[symbol] for symbol in GOOD)
    assert len(usual) == pytest.approx(units * UNIT * SAMPLE_RATE / NATIVE_RATE, rel=0.001)
    assert len(fast) == pytest.approx(len(usual) / 1.25, rel=0.01)
    assert len(high) == pytest.approx(len(usual), rel=0.01)
    assert frequency(high) == pytest.approx(1.25 * frequency(usual), rel=0.02)
    assert np.abs(usual).max() == pytest.approx(0.5 * 0.8 * 32767, rel=0.05)


@pytest.mark.parametrize(("rate", "pitch"), [(1.0, 1.0), (1.25, 1.0), (1.0, 1.25)])
def test_a_keyword_in_a_sentence_is_where_its_tokens_are(
    folder: Path, rate: float, pitch: float
) -> None:
    """The tokens' numbers are their durations here; the audio is three frames ahead of them."""
    voice = Voice("kokoro", str(folder / "af_low"))
    samples, *span = voice.speak_sentence(Sentence("good ", "morning", ", good"), rate, pitch)
    good, morning = ([SYMBOLS[symbol] for symbol in word] for word in GOOD.split())
    before, word = sum(good) + SYMBOLS[" "], sum(morning)
    total = before + word + COMMA + SYMBOLS[" "] + sum(good)
    frame = 1 / 40
    unit = UNIT / NATIVE_RATE / rate
    expected = before * unit - 3 * frame / pitch, (before + word) * unit + frame / pitch
    assert np.array(span) / SAMPLE_RATE == pytest.approx(expected, abs=0.015)
    assert len(samples) / SAMPLE_RATE == pytest.approx(total * unit, rel=0.01)
    usual = voice.speak("good morning good", rate, pitch)
    assert len(samples) - len(usual) == pytest.approx(COMMA * unit * SAMPLE_RATE, abs=9)


def test_nothing_to_say_in_a_sentence(folder: Path) -> None:
    with pytest.raises(WordNotFoundError, match="not found"):
        Voice("kokoro", str(folder / "af_low")).speak_sentence(Sentence("so ", "-", " it is"))


def test_a_network_without_times_says_no_sentences(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = kokoro(tmp_path / "other", frames="unknown")
    voices = [Voice("flite", "slt"), Voice("kokoro", str(other / "af_low"))]
    assert timed_voices(voices) == voices[:1]
    assert f"no sentences are said by Kokoro: no times from {other}" in caplog.messages
    assert len(voices[1].speak("good morning"))
    with pytest.raises(KwsError, match="does not tell when a word is said"):
        voices[1].speak_sentence(Sentence("so ", "lumen", ""))


def test_a_network_with_times_says_sentences(folder: Path) -> None:
    voice = Voice("kokoro", str(folder / "af_low"))
    assert timed_voices([voice]) == [voice]


def test_a_british_voice_has_british_phonemes(folder: Path) -> None:
    """Write British English, without a phoneme for an r that is not spoken."""
    american, british = (Voice("kokoro", str(folder / n)) for n in ("af_low", "bm_high"))
    assert len(british.speak("smart")) < len(american.speak("smart"))


def test_all_phonemes_of_english_are_known() -> None:
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    text = (
        "the quick brown fox jumps over a lazy dog; a yacht, a fire, a church, here and there,"
        " vision and music, roses and boys, happy birds, little bottles, ships that sing, uh-oh"
    )
    for accent in ("en-us", "en-gb"):
        command = ["espeak-ng", "-q", "--ipa", "-v", accent, text]
        written = subprocess.run(command, capture_output=True, check=True).stdout.decode()
        assert set(" ".join(written.split())) <= set(SYMBOLS)
    assert len(set(SYMBOLS.values())) == len(SYMBOLS)
    assert [SYMBOLS[s] for s in " azɡŋʒˈː"] == [16, 43, 68, 92, 112, 147, 156, 158]


@pytest.mark.slow
def test_weights_decide_how_often_it_speaks(folder: Path, tmp_path: Path) -> None:
    voices = installed_voices(kokoro_folder=folder)
    for weight, fewest, most in ((0.0, 0, 0), (1000.0, 20, 20), (1.0, 4, 16)):
        name = tmp_path / str(weight)
        weights = {**SAMPLING_WEIGHTS, "festival": 0.0, "kokoro": weight}
        paths = synthesise(["lumen"], 20, name, 1, voices=voices, weights=weights)
        assert fewest <= sum("@kokoro_" in path.name for path in paths) <= most


def test_too_much_at_once(folder: Path) -> None:
    """Eight phonemes and a space for each "morning"."""
    voice = Voice("kokoro", str(folder / "af_low"))
    assert len(voice.speak(" ".join(["morning"] * 4)))
    with pytest.raises(KwsError, match="says up to 40 phonemes at once"):
        voice.speak(" ".join(["morning"] * 5))


def test_nothing_to_say(folder: Path) -> None:
    with pytest.raises(KwsError, match="finds nothing to say in '---'"):
        Voice("kokoro", str(folder / "af_low")).speak("---")


def break_files(folder: Path, how: str) -> None:
    network, styles = folder / "kokoro-v1.0.int8.onnx", folder / "voices-v1.0.bin"
    if how == "no network":
        network.unlink()
    elif how == "no styles":
        styles.unlink()
    elif how == "cut network":
        network.write_bytes(network.read_bytes()[:100])
    elif how == "cut styles":
        styles.write_bytes(styles.read_bytes()[:100])
    elif how == "empty styles":
        styles.write_bytes(b"")
    elif how == "two networks":
        (folder / "kokoro-v1.0.fp16.onnx").write_bytes(b"")
    elif how == "another network":
        network.write_bytes(onnx.parser.parse_model(ANOTHER).SerializeToString())
    elif how == "no voices":
        with styles.open("wb") as file:
            np.savez(file)
    elif how == "no arrays":
        with ZipFile(styles, "w") as archive:
            archive.writestr("af_low", b"abc")
    elif how == "uneven styles":
        with styles.open("wb") as file:
            np.savez(file, af_low=style(1), am_high=style(1)[:-1])
    elif how == "other styles":
        np.save(styles.with_suffix(".npy"), np.zeros(3))
        styles.with_suffix(".npy").rename(styles)
    else:
        with styles.open("wb") as file:
            np.savez(file, af_flat=np.zeros(256, np.float32))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no network", "kokoro: one kokoro*.onnx is Kokoro's, but there is none there"),
        ("no styles", "kokoro: one voices*.bin is Kokoro's, but there is none there"),
        ("two networks", "there is kokoro-v1.0.fp16.onnx and kokoro-v1.0.int8.onnx"),
        ("another network", "not Kokoro's network, which takes tokens, style and speed"),
        ("no voices", "voices-v1.0.bin: no voices of Kokoro: it holds styles of 0 kinds"),
        ("no arrays", "voices-v1.0.bin: no voices of Kokoro: af_low is |S3 []"),
        ("uneven styles", "voices-v1.0.bin: no voices of Kokoro: it holds styles of 2 kinds"),
        ("cut network", "kokoro-v1.0.int8.onnx: no network that can be run: "),
        ("cut styles", "voices-v1.0.bin: no voices of Kokoro: "),
        ("empty styles", "voices-v1.0.bin: no voices of Kokoro: "),
        ("other styles", "voices-v1.0.bin: no voices of Kokoro: "),
        ("flat styles", "voices-v1.0.bin: no voices of Kokoro: af_flat is float32 [256]"),
    ],
)
def test_what_is_wrong_is_one_line(folder: Path, tmp_path: Path, how: str, message: str) -> None:
    break_files(folder, how)
    data = tmp_path / "data"
    process = kws("synth", "lumen", "--output", data, "--near", 0, "--kokoro", folder)
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith("kws: error: ")
    assert process.stderr.count("\n") == 1
    assert message in process.stderr
    assert not data.exists()


@pytest.mark.slow
def test_from_the_command_line(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    process = kws(
        *("synth", "lumen", "--output", data, "--count", 30, "--near", 0, "--kokoro", folder)
    )
    assert process.returncode == 0, process.stderr
    assert len(list(data.rglob("*@kokoro_*.flac"))) >= 5
