"""Go through the studio as a person would, from takes of a word to an exported model, in one pass.

On the way an upload breaks, the tab is closed and the server is killed: nothing is lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from chromium import barriers, chromium_page
from command_line import SAMPLES, all_keywords
from conftest import skip_without
from evaluation_samples import NEGATIVES, word
from free_port import free_port
from studio_client import running_studio

from kws.config import SAMPLE_RATE
from kws.model_file import ModelFile
from kws.studio.jobs import Jobs
from kws.studio.workspace import Workspace

pytestmark = pytest.mark.slow

TRAINING = 1_200_000  # ms, of a machine that is busy
# Enough to learn a word from few takes, if not well: thresholds are low. Nothing is synthesised.
RECIPE = """
[schedule]
epochs = 2
steps_per_epoch = 60
batch_size = 24
warm_up_steps = 10
ema_steps = [10, 10]
[examples]
per_keyword = 120
background = 240
[mining]
passages_per_epoch = 0
[posterior]
false_alarms_per_hour = 20
[synthesis]
utterances_per_keyword = 0
in_context_per_keyword = 0
accented_per_keyword = 0
lone_utterances = 0
random_sentences = 0
utterances_per_confusable = 0
utterances_per_lone = 0
generated_confusables = 0
"""
VOICES = 6  # whose takes are there already


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Path]:
    """Return a workspace with a short recipe, other speech, and takes by a few voices.

    Its jobs end with the test.
    """
    skip_without("TensorFlow", find_spec("tensorflow"))
    skip_without("matplotlib", find_spec("matplotlib"))
    from kws.tts.voices import installed_voices

    voices = [voice for voice in installed_voices() if voice.synthesiser != "festival"]
    folder = tmp_path / "workspace"
    words = folder / "recordings" / "my-words"
    for name in ("recipes", "recordings/my-words/computer", "recordings/my-words/_negative_"):
        (folder / name).mkdir(parents=True)
    (folder / "recipes" / "short.toml").write_text(RECIPE)
    random = np.random.default_rng(1)
    speakers = cycle(voices[:: len(voices) // VOICES])
    for number in range(VOICES):
        spoken = np.pad(next(speakers).speak("computer"), SAMPLE_RATE // 2)
        spoken += random.normal(0, 5, len(spoken)).astype(np.int16)
        path = words / "computer" / f"p{number}-20260131T154500-001.wav"
        soundfile.write(path, spoken, SAMPLE_RATE)
    for number, name in enumerate(NEGATIVES):
        speech, _ = soundfile.read(SAMPLES / f"{name}.flac", dtype="int16")
        path = words / "_negative_" / f"q{number}-20260131T154500-001.wav"
        soundfile.write(path, speech, SAMPLE_RATE)
    yield folder
    opened = Workspace(folder)
    for jobs in (Jobs(opened, opened.jobs), Jobs(opened, opened.evaluations)):
        for name in jobs.names():
            jobs.stop(name)


def microphone(path: Path, *words: np.ndarray, before: float) -> Path:
    """Write a WAV file in which each word is said so many seconds after the one before."""
    silence = np.zeros(round(before * SAMPLE_RATE), np.int16)
    audio = np.concatenate([part for spoken in words for part in (silence, spoken)])
    audio = np.pad(audio, (0, 8 * SAMPLE_RATE))
    noise = np.random.default_rng(0).integers(-8, 9, len(audio)).astype(np.int16)
    soundfile.write(path, audio + noise, SAMPLE_RATE)
    return path


def record(page: Any, url: str) -> None:
    """Record a take whose upload breaks and is sent again, and one that is silent."""
    page.goto(f"{url}#record")
    page.get_by_label("Keyword", exact=True).fill("Computer")
    page.get_by_label("Speaker").fill("anna")
    page.get_by_label("Takes", exact=True).fill("2")
    broken = iter((True,))
    page.route(
        "**/api/takes?*",
        lambda route: (
            route.abort()
            if route.request.method == "POST" and next(broken, False)
            else route.continue_()
        ),
    )
    page.get_by_role("button", name="Record", exact=True).click()
    page.get_by_text("The studio does not answer.").wait_for()
    page.get_by_role("button", name="Send it again").click()
    page.get_by_text("good: ").wait_for()
    page.get_by_text("silent: ").wait_for()
    page.get_by_role("button", name="Keep it anyway").wait_for()
    assert not barriers(page)
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Stopped. New takes: 1.").wait_for()
    page.get_by_text(f"computer: {VOICES + 1} files").wait_for()


def start_training(page: Any, workspace: Path) -> None:
    """Choose who speaks and what is not said, and train."""
    page.get_by_role("link", name="Train").click()
    page.get_by_text("Phrases that sound like the keywords").click()
    strike = page.get_by_role("button", name="Strike out ").first
    strike.click()
    page.locator("button[aria-pressed=true]").wait_for()
    struck = page.locator(".struck").inner_text()
    page.get_by_text("Voices", exact=True).click()
    page.get_by_role("checkbox", name="espeak-ng, ").uncheck()
    page.get_by_text("Saved.").wait_for()
    assert not barriers(page)
    page.reload()
    page.get_by_text("Phrases that sound like the keywords").click()
    page.locator(".struck", has_text=struck).wait_for()
    page.get_by_label("Name of the model").fill("mine")
    page.get_by_label("Tested models").fill("1")
    page.get_by_label("Recipe").select_option("short")
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("Running").wait_for()
    recipe = (workspace / "jobs" / "mine" / "recipe.toml").read_text()
    assert f'excluded_phrases = ["{struck}"]' in recipe
    assert "espeak-ng" not in recipe


def listen(page: Any) -> None:
    """Hear the model find the word in takes that are new to it."""
    page.get_by_role("link", name="Listen").click()
    page.get_by_role("button", name="Listen").wait_for()  # the page before names a model, too
    page.get_by_label("Model").select_option("mine")
    page.get_by_label("Keep clips").check()
    page.get_by_role("button", name="Listen").click()
    page.get_by_text("mine listens on the browser's microphone.").wait_for()
    page.get_by_label("Sensitivity of computer").press("End")
    trigger = page.locator("li", has_text="computer, confidence")
    trigger.nth(1).wait_for()
    seconds = trigger.first.locator("audio").evaluate(
        "audio => new Promise(ready => {"
        " audio.onloadedmetadata = () => ready(audio.duration); audio.load() })"
    )
    assert 1.5 < seconds <= 2.5
    assert not barriers(page)
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("The audio has ended.").wait_for()
    page.reload()  # what was heard is still there
    trigger.nth(1).wait_for()


def review(page: Any) -> None:
    """Mark a clip as a false alarm and another as the word; train on with them by one click."""
    page.get_by_role("link", name="Review").click()
    page.get_by_role("button", name="False alarm").first.click()
    page.get_by_role("button", name="False alarm", pressed=True).wait_for()
    page.get_by_role("button", name="computer was said").first.click()
    page.get_by_role("button", name="computer was said", pressed=True).wait_for()
    assert page.get_by_label("Name of the new model").input_value() == "mine-2"
    assert not barriers(page)
    page.get_by_role("button", name="Add them and train again").click()


def compare(page: Any) -> None:
    """See both models on the same recordings, when the training has ended."""
    page.get_by_role("heading", name="mine-2").wait_for()
    card = page.locator("section", has=page.get_by_role("heading", name="mine-2"))
    card.get_by_text("Done. The model mine-2").wait_for(timeout=TRAINING)
    table = card.get_by_role("region", name="Before and after")
    table.get_by_text("marked false alarms that set it off").wait_for()
    assert not barriers(page)


def evaluate(page: Any) -> None:
    """Compare both models in all conditions."""
    page.get_by_role("link", name="Evaluate").click()
    page.get_by_label(re.compile("^Model")).select_option("mine")
    page.get_by_label("Second model").select_option("mine-2")
    page.get_by_label("Other conditions, too").check()
    page.get_by_role("button", name="Evaluate").click()
    page.get_by_text("Measured on ").wait_for(timeout=TRAINING)
    table = page.get_by_role("region", name="Missed by condition")
    assert table.get_by_role("row").filter(has_text="rooms").get_by_text("%").count() == 2
    curve = page.get_by_role(
        "img", name="Miss rate against false alarms per hour of mine and mine-2"
    )
    assert (
        curve.evaluate(
            "canvas => new Set(canvas.getContext('2d').getImageData(0, 0,"
            " canvas.width, canvas.height).data).size"
        )
        > 9
    )
    for picture in page.locator("img").all()[:2]:
        picture.scroll_into_view_if_needed()
        page.wait_for_function("image => image.naturalWidth > 0", arg=picture.element_handle())
    assert not barriers(page)


def export(page: Any) -> None:
    """Take the model to a board."""
    page.get_by_role("link", name="Export").click()
    page.get_by_role("button", name="Export").wait_for()  # the page before has two models
    page.get_by_label("Model").select_option("mine-2")
    page.get_by_label("For").select_option(label="a board: Arduino sketch")
    page.get_by_role("button", name="Export").click()
    link = page.get_by_role("link", name="Download mine-2-arduino-sketch.zip")
    link.wait_for()
    assert page.get_by_label("What it costs there").inner_text()
    assert not barriers(page)
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "mine-2-arduino-sketch.zip"


def test_from_a_word_to_a_board(workspace: Path, tmp_path: Path) -> None:
    takes = microphone(tmp_path / "take.wav", all_keywords()[14_400:28_000], before=2.6)
    words = [word(name)[:-SAMPLE_RATE] for name in ("computer_lights", "computer_moon")]
    quiet = np.zeros(2 * SAMPLE_RATE, np.int16)  # in which the sensitivity is set
    others = microphone(tmp_path / "others.wav", quiet, *words, before=4.0)
    options = "--port", free_port()
    first = chromium_page(takes, expected="ERR_FAILED")
    with running_studio(workspace, *options) as studio, first as page:
        record(page, studio.url)
        start_training(page, workspace)
    # The tab is closed and the server is gone; the training goes on, and another studio knows it.
    with running_studio(workspace, *options) as studio, chromium_page(others) as page:
        page.goto(f"{studio.url}#train")
        page.get_by_text("Done. The model mine ").wait_for(timeout=TRAINING)
        listen(page)
        review(page)
        compare(page)
        evaluate(page)
        export(page)
    check_cards(workspace)


def check_cards(workspace: Path) -> None:
    """Check that both models were compared on what the first one's folds left out."""
    before, after = (
        ModelFile.load(workspace / "models" / f"{name}.tflite").config.card
        for name in ("mine", "mine-2")
    )
    assert after["continued_from"] == "mine"
    own = before["figures"]["clean"]["keywords"]["computer"]["own"]
    missed, count = after["before"]["missed, clean"]
    assert missed == round(own["miss_rate"] * count)
    assert after["after"]["missed, clean"][1] == count > 0
    marked = [after["after"][kind][1] for kind in ("marked_alarms", "marked_missed")]
    assert sum(marked) >= 1  # both, unless they are of two hours
    log = (workspace / "jobs" / "mine-2" / "log.txt").read_text()
    assert "work folder of its training is gone" not in log
    assert json.loads((workspace / "jobs" / "mine-2" / "job.json").read_text())["recipe"] == "short"
