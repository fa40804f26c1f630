"""Test the public API: its names, docs/api.md block by block, and the examples."""

from __future__ import annotations

import json
import platform
import re
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from alsa import Card
from command_line import ROOT, SAMPLES
from conftest import skip_without
from waiting import PATIENCE

import kws

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
KEYWORDS = ["computer", "jarvis", "alexa", "smart mirror"]
NAMES = {
    *("Spotter", "Detection", "ModelFile", "listen", "Microphone", "AudioFile", "RawStream"),
    *("Actions", "KwsError", "ModelConfig", "FrontEnd", "Smoothing"),
}


def samples_of(file: str) -> np.ndarray:
    return soundfile.read(SAMPLES / file, dtype="int16")[0]


def run(*arguments: object, **options) -> str:
    """Return what a fresh interpreter prints; it must succeed."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        **{"cwd": ROOT, "capture_output": True, "timeout": PATIENCE} | options,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def recordings_of_a_word(folder: Path) -> None:
    """Write eight recordings of a word that differ in noise alone, other speech and noise."""
    random = np.random.default_rng(0)
    [(_, start, end)] = json.loads((SAMPLES / "expected.json").read_text())["computer_lights.flac"]
    word = samples_of("computer_lights.flac")
    word = word[round((start - 0.25) * 16_000) : round((end + 0.5) * 16_000)]
    recordings = {
        f"computer/{index}.wav": word + random.integers(-20, 20, len(word), np.int16)
        for index in range(8)
    }
    for name in ("story", "commuter", "service", "mirror"):
        recordings[f"speech/{name}.wav"] = samples_of(f"{name}.flac")
    recordings["noise/white.wav"] = random.normal(0, 300, 32_000).astype(np.int16)
    for name, samples in recordings.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, samples, 16_000)


# A base model is trained once, on everything.
TINY_RECIPE = """
base_model = true
negatives = ["speech"]
noise = ["noise"]

[keywords]
computer = ["computer"]

[architecture]
channels = 16
kernels = [3, 5]

[schedule]
epochs = 2
steps_per_epoch = 20
batch_size = 16
warm_up_steps = 5
ema_steps = [5, 5]

[examples]
per_keyword = 32
background = 64

[mining]
passages_per_epoch = 0
"""


def test_the_public_names_are_there_and_in_the_documentation():
    assert {*kws.__all__} == NAMES | {"__version__"}
    for name in NAMES:
        assert getattr(kws, name).__doc__
        assert f"`kws.{name}" in PAGE
    assert {*dir(kws)} > NAMES
    with pytest.raises(AttributeError, match="'kws' has no attribute 'Speaker'"):
        kws.Speaker  # noqa: B018


def test_the_package_is_typed():
    assert (ROOT / "kws" / "py.typed").is_file()
    assert "\nkws = py.typed\n" in (ROOT / "setup.cfg").read_text()


def test_listen_takes_a_path_or_a_source_and_a_name_or_a_model_or_a_spotter():
    path = SAMPLES / "jarvis_door.flac"
    model = kws.ModelFile.load("home")
    found = [
        list(kws.listen(str(path))),
        list(kws.listen(path, "home")),
        list(kws.listen(kws.AudioFile(path), model)),
        list(kws.listen(kws.AudioFile(path), spotter=kws.Spotter(model, backend="numpy"))),
    ]
    assert [detection.keyword for detection in found[0]] == ["jarvis"]
    assert found == [found[0]] * 4


def test_an_abandoned_loop_closes_its_source():
    class Source(kws.AudioFile):
        closed = False

        def __exit__(self, *error: object) -> None:
            super().__exit__(*error)
            self.closed = True

    source = Source(SAMPLES / "all_keywords.flac")
    detections = kws.listen(source)
    assert next(detections).keyword == "computer"
    assert not source.closed
    detections.close()
    assert source.closed


@pytest.mark.parametrize("index", range(len(PYTHON)))
def test_each_block_of_the_documentation_runs(index, sound_cards):
    environment = sound_cards(Card("desk", samples_of("all_keywords.flac")))
    pipe = samples_of("alexa_rain.flac").tobytes()
    output = run("-c", PYTHON[index], env=environment, input=pipe)
    expected = {
        0: r"2\.0\d s  computer  0\.\d\d\n",
        1: r".*lights\.flac \['computer'\]\n.*door\.flac \['jarvis'\]\nDetection\(.*'alexa'.*\)\n",
        2: r"computer 0\.9\d+\n" + "".join(rf"{keyword} 0\.\d+\n" for keyword in KEYWORDS[1:]),
        3: "".join(rf"{keyword} \d+ {{.*}}\n" for keyword in KEYWORDS),
        4: "".join(rf"{keyword} 0\.\d+\n" for keyword in KEYWORDS) + r"416 \d+ [0-9a-f]{64}\n",
        5: r"README\.md: not a \.tflite model\n",
        6: r"True\n",
    }
    assert re.fullmatch(expected[index], output), output


def test_the_c_program_of_the_documentation_runs(tmp_path):
    skip_without("gcc", shutil.which("gcc"))
    run("-m", "kws", "export", "home", "--output", tmp_path)
    (program,) = re.findall(r"```c\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "main.c").write_text(program)
    engine = tmp_path / "kws_home" / "src"
    strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{engine}"]
    sources = [tmp_path / "main.c", *engine.glob("*.c")]
    libm = [] if platform.machine() == "x86_64" else ["-lm"]
    subprocess.run(["gcc", *strict, *sources, "-o", tmp_path / "main", *libm], check=True)
    pipe = samples_of("all_keywords.flac").tobytes()
    output = subprocess.run([tmp_path / "main"], input=pipe, capture_output=True, check=True).stdout
    expected = [f"{d.time:.2f} s  {d.keyword}" for d in kws.listen(SAMPLES / "all_keywords.flac")]
    assert output.decode().splitlines() == expected


class TestExamples:
    def test_microphone(self, sound_cards):
        environment = sound_cards(Card("desk", samples_of("computer_lights.flac")))
        process = subprocess.Popen(
            [sys.executable, "examples/microphone.py", "desk"],
            **{"env": environment, "cwd": ROOT, "text": True},
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE},
        )
        try:
            assert process.stdout.readline() == "listening on desk\n"
            assert re.fullmatch(r"\d\.\d\d s  computer  0\.\d\d\n", process.stdout.readline())
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=PATIENCE) == ("", "")
            assert process.returncode == 0
        finally:
            process.kill()

    def test_audio_file(self):
        files = ["audio_samples/all_keywords.flac", "audio_samples/story.flac"]
        lines = run("examples/audio_file.py", *files).splitlines()
        assert [line.split(maxsplit=2)[0] for line in lines] == files[:1] * 4
        assert [re.sub(r"[\d.]", "", line.split(maxsplit=2)[2]).strip() for line in lines] == (
            KEYWORDS
        )

    def test_audio_file_that_is_absent(self):
        done = subprocess.run(
            [sys.executable, "examples/audio_file.py", "absent.wav"],
            **{"cwd": ROOT, "capture_output": True, "text": True},
        )
        assert done.returncode == 1
        assert done.stderr == "error: absent.wav: No such file or directory\n"

    def test_custom_action(self):
        output = run("examples/custom_action.py", SAMPLES / "all_keywords.flac")
        assert re.fullmatch(r"lights switched at 2\.0\d s by 'computer'\n", output)

    def test_several_words(self):
        output = run("examples/several_words.py", SAMPLES / "all_keywords.flac")
        for keyword, reaction in {"computer": "Yes?", "alexa": "..."}.items():
            assert f" s  {keyword}: {reaction}\n" in output
        highest = re.findall(r"(.+): highest score (\S+), threshold (\S+)\n", output)
        assert [keyword for keyword, _, _ in highest] == KEYWORDS
        assert all(float(score) >= float(threshold) for _, score, threshold in highest)

    @pytest.mark.slow
    def test_train_with_api(self, tmp_path):
        skip_without("TensorFlow", find_spec("tensorflow"))
        recordings_of_a_word(tmp_path)
        (tmp_path / "recipe.toml").write_text(TINY_RECIPE)
        paths = [tmp_path, tmp_path / "word.tflite", tmp_path / "recipe.toml"]
        output = run("examples/train_with_api.py", *paths, timeout=PATIENCE)
        assert output.splitlines()[-1] == "computer: threshold 0.50"
        assert kws.Spotter(tmp_path / "word.tflite").config.keywords == ("computer",)

    def test_each_example_is_run_here(self):
        tests = {name.removeprefix("test_") for name in dir(TestExamples)}
        names = {path.stem for path in (ROOT / "examples").glob("*.py")}
        assert names <= tests

    def test_types(self):
        skip_without("mypy", find_spec("mypy"))
        run("-m", "mypy", "--strict", "examples")
