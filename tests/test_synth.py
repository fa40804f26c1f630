"""kws synth: a keyword and what sounds like it, by the real synthesisers."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import kws, started
from conftest import skip_without

from kws.config import SAMPLE_RATE
from kws.data.clips import partition_of
from kws.data.keywords import folder_name
from kws.errors import KwsError
from kws.tts.pronunciation import DICTIONARY
from kws.tts.synthesisers import piper_voices
from kws.tts.utterances import file_name, synthesise
from kws.tts.voices import Voice, installed_voices


@pytest.fixture
def voices() -> list[Voice]:
    """A few quick ones."""
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    return [Voice("espeak-ng", name) for name in ("en-us", "en-gb+f2", "en-us+m3", "en-029")]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


def test_utterances_are_the_same_again_and_only_the_missing_are_made(tmp_path, voices):
    progress = []
    first = synthesise(["lumen", "lemon"], 4, tmp_path / "a", 1, voices=voices)
    again = synthesise(
        ["lumen", "lemon"],
        6,
        tmp_path / "b",
        1,
        voices=voices,
        progress=lambda *state: progress.append(state),
    )
    assert progress == [(made, 12) for made in range(1, 13)]
    made, more = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert len(made) == len(first) == 8
    assert len(more) == len(again) == 12
    assert made.items() <= more.items()
    kept = {path: path.stat().st_mtime_ns for path in again[:5]}
    for path in again[5:]:
        path.unlink()
    assert synthesise(["lumen", "lemon"], 6, tmp_path / "b", 1, voices=voices) == again
    assert contents(tmp_path / "b") == more
    assert kept == {path: path.stat().st_mtime_ns for path in kept}


def test_another_seed_draws_other_voices(tmp_path, voices):
    one, two = (
        synthesise(["lumen"], 6, tmp_path / str(seed), seed, voices=voices) for seed in (1, 2)
    )
    assert [path.read_bytes() for path in one] != [path.read_bytes() for path in two]


def test_what_another_voice_said_is_not_said_again(tmp_path, voices):
    one = synthesise(["lumen"], 5, tmp_path, 1, voices=voices[:2])
    assert synthesise(["lumen"], 5, tmp_path, 1, voices=voices[2:]) == one


def test_utterances_are_recordings_split_by_voice(tmp_path, voices):
    paths = synthesise(["lumen"], 8, tmp_path, 1, prefix="synth-", voices=voices)
    for path in paths:
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (SAMPLE_RATE, 1, "PCM_16")
        voice = path.stem.split("@")[1]
        assert partition_of(path) == partition_of(Path(f"synth-other_phrase-3@{voice}.wav"))


def test_long_texts_have_names_of_their_own(tmp_path, voices):
    texts = ["a word " * 20 + end for end in ("here", "there")]
    assert len({path.name for path in synthesise(texts, 1, tmp_path, 1, voices=voices[:1])}) == 2
    assert file_name("it's a/b, ok?") == "it's_a_b_ok"


def test_a_folder_that_cannot_be_written(tmp_path, voices):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KwsError, match="file"):
        synthesise(["lumen"], 1, tmp_path / "file" / "deeper", 1, voices=voices)


def test_a_voice_that_fails_ends_it_and_leaves_nothing_unfinished(tmp_path, voices):
    with pytest.raises(KwsError, match="voice does not exist"):
        synthesise(["lumen"], 3, tmp_path, 1, voices=[Voice("espeak-ng", "nobody")])
    assert not contents(tmp_path)


def test_a_full_disk_is_one_line(tmp_path, voices):
    skip_without("/dev/full", Path("/dev/full").exists())
    name = synthesise(["lumen"], 1, tmp_path / "a", 1, voices=voices)[0].name
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / name).with_suffix(".part").symlink_to("/dev/full")
    with pytest.raises(KwsError, match="cannot be written") as error:
        synthesise(["lumen"], 1, tmp_path / "b", 1, voices=voices)
    assert "\n" not in str(error.value)
    assert not contents(tmp_path / "b")


@pytest.mark.parametrize(
    ("text", "name"),
    [("Hey  Lumen", "hey_lumen"), ("hey_lumen", "hey_lumen"), ("it's", "it's"), ("größe", "größe")],
)
def test_the_folder_of_a_keyword(text, name):
    assert folder_name(text) == name


@pytest.mark.parametrize(
    "text", ["", "  ", "_", "../x", "a/b", ".hidden", "a\0b", "-x", "_room_", "x" * 101]
)
def test_no_keyword(text):
    with pytest.raises(KwsError, match="keyword"):
        folder_name(text)


# The command


@pytest.fixture
def quick(tmp_path) -> dict[str, str]:
    """An environment where espeak-ng is the one synthesiser: the others take minutes."""
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "espeak-ng").symlink_to(str(shutil.which("espeak-ng")))
    return os.environ | {"PATH": str(programs)}


def test_a_keyword_and_phrases_near_it(tmp_path, quick):
    skip_without("festlex-cmu", DICTIONARY.exists())
    data = tmp_path / "data"
    options = ("--output", data, "--count", 3, "--near", 6, "--sentences", 2)
    process = kws("synth", "Good Morning", *options, env=quick)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.splitlines() == [
        f"utterances of 'good morning': 3 in {data}/good_morning, 3 of them new",
        f"near phrases: 6 in {data}/_negative_, 6 of them new",
        f"sentences: 2 in {data}/_negative_, 2 of them new",
    ]
    made = contents(data)
    assert len(made) == 11
    again = kws("synth", "good morning", *options, env=quick)
    assert again.stdout.count(" 0 of them new") == 3
    assert contents(data) == made


def test_no_dictionary_is_a_hint_unless_near_phrases_are_asked_for(tmp_path, quick):
    skip_without("festlex-cmu", DICTIONARY.exists())
    process = kws("synth", "ßß", "--output", tmp_path / "data", "--count", 1, env=quick)
    assert process.returncode == 0
    assert re.fullmatch(r"kws: no phrases near 'ßß' are made: .*no word.*\n", process.stderr)
    assert len(contents(tmp_path / "data")) == 1
    asked = kws("synth", "ßß", "--output", tmp_path / "data", "--near", 3, env=quick)
    assert (asked.returncode, asked.stderr.count("\n")) == (1, 1)


def test_without_the_dictionary_the_hint_names_its_package(tmp_path, quick):
    program = (
        "from pathlib import Path; from kws.data import pronunciation\n"
        "pronunciation.DICTIONARY = Path('nowhere')\n"
        "from kws.cli import main; main()"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, "synth", "lumen", "--output", tmp_path, "--count", "1"],
        env=quick,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 0
    assert process.stderr == (
        "kws: no phrases near 'lumen' are made:"
        " nowhere: No such file or directory; the package is festlex-cmu\n"
    )
    assert len(contents(tmp_path)) == 1


def test_no_synthesiser_is_one_line_that_says_what_to_install(tmp_path):
    process = kws("synth", "lumen", "--output", tmp_path / "data", env={"PATH": str(tmp_path)})
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == (
        "kws: error: no speech synthesiser is installed; kws uses espeak-ng, flite, festival"
        " (Debian, Ubuntu: apt install espeak-ng flite festival), Piper and Kokoro\n"
    )
    assert not (tmp_path / "data").exists()


def test_an_interrupt_keeps_what_was_said(tmp_path, quick):
    data = tmp_path / "data"
    arguments = ("synth", "lumen", "--output", data, "--near", 0)
    with started(*arguments, "--count", 5000, env=quick) as process:
        while not list(data.rglob("*.flac")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) != 0
        assert "Traceback" not in process.stderr.read()
    made = contents(data)
    assert 0 < len(made) < 5000
    assert kws(*arguments, "--count", len(made) + 2, env=quick).returncode == 0
    assert made.items() <= contents(data).items()


# Piper's own voices are large and not on this machine: a program with its options, which hands
# the text to espeak-ng.
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


@pytest.mark.parametrize("settings", [None, "[]", "{", '{"num_speakers": "x"}'])
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


def test_speech_is_audible(tmp_path, voices):
    [path] = synthesise(["good morning"], 1, tmp_path, 1, voices=voices)
    assert np.abs(soundfile.read(path)[0]).max() > 0.05
