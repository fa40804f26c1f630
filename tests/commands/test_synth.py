"""Test kws synth with espeak-ng."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from command_line import kws, refused, started
from conftest import skip_without
from full_disk import full_disk
from waiting import PATIENCE

from kws.tts.pronunciation import DICTIONARY


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.fixture
def quick(tmp_path) -> dict[str, str]:
    """Return an environment where espeak-ng is the only synthesiser: others take minutes."""
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "espeak-ng").symlink_to(str(shutil.which("espeak-ng")))
    return os.environ | {"PATH": str(programs)}


@pytest.mark.slow
def test_a_keyword_and_confusable_phrases(tmp_path, quick):
    skip_without("festlex-cmu", DICTIONARY.exists())
    data = tmp_path / "data"
    options = ("--output", data, "--count", 3, "--confusable", 6, "--sentences", 2)
    process = kws("synth", "Good Morning", *options, env=quick)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.splitlines() == [
        f"utterances of 'good morning': 3 in {data}/good_morning, 3 of them new",
        f"confusable phrases: 6 in {data}/_negative_, 6 of them new",
        f"sentences: 2 in {data}/_negative_, 2 of them new",
    ]
    made = contents(data)
    assert len(made) == 11
    again = kws("synth", "good morning", *options, env=quick)
    assert again.stdout.count(" 0 of them new") == 3
    assert contents(data) == made
    other = kws("synth", "good morning", *options, "--language", "de", env=quick)
    line = refused(other)
    assert line.startswith(f"{data}/good_morning: 3 of these utterances are by voices that do not")
    assert contents(data) == made


@pytest.mark.slow
def test_no_list_of_words_is_a_warning_unless_phrases_are_requested(tmp_path, quick):
    program = (
        "import sys; sys.modules['wordfreq'] = None\n"
        "from pathlib import Path; from kws.tts import word_lists\n"
        "word_lists.DICTIONARIES = Path('nowhere')\n"
        "from kws.cli import main; main()"
    )

    def synth(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, "synth", "ßß", "--output", tmp_path / "data"]
        return subprocess.run([*command, *options], env=quick, capture_output=True, text=True)

    process = synth("--count", "1")
    assert process.returncode == 0
    assert re.fullmatch(
        r"kws: no confusable phrases of 'ßß' are made: no common words of .* 'de' .*\n",
        process.stderr,
    )
    assert len(contents(tmp_path / "data")) == 1
    requested = synth("--near", "3")
    assert (requested.returncode, requested.stderr.count("\n")) == (1, 1)


@pytest.mark.slow
def test_a_language_is_chosen_and_an_unknown_one_is_one_line(tmp_path, quick):
    data = tmp_path / "data"
    options = ("--output", data, "--count", 2, "--confusable", 0)
    process = kws("synth", "hallo lampe", *options, "--language", "de", env=quick)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout == (
        f"utterances of 'hallo lampe' in the language 'de': 2 in {data}/hallo_lampe,"
        " 2 of them new\n"
    )
    assert all("@espeak-ng_de" in name for name in contents(data))
    unknown = kws("synth", "hallo lampe", *options, "--language", "xx", env=quick)
    assert (unknown.returncode, unknown.stdout, unknown.stderr.count("\n")) == (1, "", 1)
    assert "'xx': espeak-ng knows no such language" in unknown.stderr


def test_without_the_dictionary_the_warning_names_its_package(tmp_path, quick):
    program = (
        "from pathlib import Path; from kws.tts import pronunciation\n"
        "pronunciation.DICTIONARY = Path('nowhere')\n"
        "from kws.cli import main; main()"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, "synth", "lumen", "--output", tmp_path, "--count", "1"],
        env=quick,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert process.returncode == 0
    assert process.stderr == (
        "kws: no confusable phrases of 'lumen' are made:"
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


@pytest.mark.slow
def test_an_interrupt_keeps_what_was_made(tmp_path, quick):
    data = tmp_path / "data"
    arguments = ("synth", "lumen", "--output", data, "--near", 0)
    with started(*arguments, "--count", 5000, env=quick) as process:
        while not list(data.rglob("[!.]*.flac")):  # an unfinished one has a dot
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert "Traceback" not in process.stderr.read()
    made = contents(data)
    assert 0 < len(made) < 5000
    assert kws(*arguments, "--count", len(made) + 2, env=quick).returncode == 0
    assert made.items() <= contents(data).items()


def test_a_full_disk_is_one_line(tmp_path, quick):
    with full_disk(tmp_path, 16) as disk:
        output = disk / "data"
        options = ("--output", output, "--count", 8, "--confusable", 0, "--sentences", 0)
        process = kws("synth", "hey lumen", *options, env=quick)
        assert process.returncode == 1
        error = process.stderr.splitlines()[-1]
        assert error.startswith(f"kws: error: {output / 'hey_lumen'}/synth-hey_lumen-")
        assert error.endswith(".flac: cannot be written: No space left on device")
        assert "Traceback" not in process.stderr
        for path in output.rglob("*"):  # what was written is whole
            assert path.is_dir() or soundfile.info(path).frames
