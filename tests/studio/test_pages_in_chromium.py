"""Go through the studio's pages with Chromium as a person would."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from chromium import barriers, chromium_page
from command_line import all_keywords
from conftest import skip_without
from evaluation_samples import write_samples
from studio_client import StudioClient

from kws.audio.keep import KeptClip
from kws.audio.kept_files import KeptFiles
from kws.posterior import Detection
from kws.training.checkpoint import Checkpoint
from kws.training.workers import Status

pytestmark = pytest.mark.slow


@pytest.fixture
def microphone(tmp_path: Path) -> Path:
    """Return a WAV file in which "computer" is said after a second."""
    path = tmp_path / "microphone.wav"
    silence = np.zeros(16_000, np.int16)
    soundfile.write(path, np.concatenate([silence, all_keywords()[:48_000], silence]), 16_000)
    return path


def test_listen(studio: StudioClient, microphone: Path) -> None:
    with chromium_page(microphone) as page:
        page.goto(studio.url)
        assert page.title() == "Listen - kws studio"
        page.get_by_label("Model").select_option("home")
        page.get_by_role("button", name="Listen").click()
        page.get_by_text("home listens on the browser's microphone.").wait_for()
        trigger = page.locator("li", has_text="computer, confidence")
        clip = trigger.locator("audio")
        clip.wait_for()
        seconds = clip.evaluate(
            "audio => new Promise(ready => {"
            " audio.onloadedmetadata = () => ready(audio.duration); audio.load() })"
        )
        assert 1.5 < seconds <= 2.5
        page.get_by_label("Sensitivity of computer").press("End")
        page.get_by_text("threshold 0.").first.wait_for()
        assert not barriers(page)
        page.get_by_role("button", name="Stop").click()
        page.get_by_text("The audio has ended.").wait_for()
        page.reload()  # what was heard is still there
        trigger.wait_for()
    assert studio.get("/api/listen")["keywords"][0]["sensitivity"] == 1


def test_record(studio: StudioClient, workspace: Path, tmp_path: Path) -> None:
    """Say a word 0.7 s after the countdown, once; the next take is silent."""
    audio = np.random.default_rng(0).integers(-8, 9, 160_000).astype(np.int16)
    audio[35_200:48_800] += all_keywords()[14_400:28_000]
    soundfile.write(tmp_path / "takes.wav", audio, 16_000)
    with chromium_page(tmp_path / "takes.wav") as page:
        page.goto(f"{studio.url}#record")
        page.get_by_label("Dataset").fill("by-browser")
        page.get_by_label("Keyword", exact=True).fill("Computer")
        page.get_by_label("Speaker").fill("anna")
        page.get_by_label("Takes", exact=True).fill("2")
        page.get_by_role("button", name="Record").click()
        page.get_by_text("good: ").wait_for()
        page.get_by_text("silent: ").wait_for()
        page.get_by_role("button", name="Again").wait_for()
        page.get_by_role("button", name="Keep it anyway").wait_for()
        assert not barriers(page)
        page.get_by_role("button", name="Stop").click()
        page.get_by_text("Stopped. New takes: 1.").wait_for()
        page.get_by_text("computer: 1 file").wait_for()
    (take,) = (workspace / "recordings" / "by-browser" / "computer").iterdir()
    assert 1.2 < soundfile.info(take).duration < 1.7  # trimmed to the word and its margins


def test_review(studio: StudioClient, workspace: Path, microphone: Path) -> None:
    kept = workspace / "kept"
    files = KeptFiles(kept, "home")
    for keyword in ("computer", "<b>alexa</b>"):
        files.keep(KeptClip(all_keywords()[:40_000], Detection(40_000, keyword, 0.9), 0.8, False))
    files.close()
    with chromium_page(microphone) as page:
        page.goto(f"{studio.url}#review")
        page.get_by_text("<b>alexa</b>, detection").wait_for()  # as text, not as markup
        item = page.get_by_role("listitem").filter(has_text="computer, detection")
        item.get_by_role("button", name="False alarm").click()
        pressed = item.get_by_role("button", name="False alarm", pressed=True)
        pressed.wait_for()
        assert not barriers(page)
        assert len(list((kept / "_negative_").iterdir())) == 1
        pressed.press("Enter")  # by keyboard: undone
        item.get_by_role("button", name="False alarm", pressed=False).wait_for()
    assert not list((kept / "_negative_").iterdir())


def test_train(studio: StudioClient, workspace: Path, microphone: Path) -> None:
    """Show a training as its work folder has it, and one that fails."""
    (workspace / "recordings" / "empty" / "computer").mkdir(parents=True)
    work = workspace / "jobs" / "interrupted" / "work"
    work.mkdir(parents=True)
    job = {"dataset": "empty", "folds": 1, "started": 0, "arguments": ["train"], "began_at": 0}
    (work.parent / "job.json").write_text(json.dumps(job))
    Status("", work / "fold-0.progress").report("training", 0.4)
    Checkpoint(losses=[(1, 0.5, 0.6), (2, 0.4, 0.5)]).save(work / "fold-0.checkpoint")
    with chromium_page(microphone) as page:
        page.goto(f"{studio.url}#train")
        card = page.locator("section", has_text="Interrupted. It can go on where it was.")
        card.get_by_text("fold 1: training").wait_for()
        card.get_by_text("40 %").wait_for()
        assert card.get_by_role("img", name="Loss of interrupted by epoch").is_visible()
        page.get_by_label("Dataset").select_option("empty")
        page.get_by_label("Name of the model").fill("new")
        page.get_by_role("button", name="Train").click()
        page.get_by_text("Failed: ").wait_for()
        assert not barriers(page)
        page.reload()
        page.get_by_text("Failed: ").wait_for()


def test_export(studio: StudioClient, microphone: Path) -> None:
    with chromium_page(microphone) as page:
        page.goto(f"{studio.url}#export")
        page.get_by_label("For").select_option(label="a board: Arduino sketch")
        page.get_by_role("button", name="Export").click()
        link = page.get_by_role("link", name="Download home-arduino-sketch.zip")
        link.wait_for()
        assert page.get_by_label("What it costs there").inner_text()
        assert not barriers(page)
        with page.expect_download() as download:
            link.click()
        assert download.value.suggested_filename == "home-arduino-sketch.zip"
        page.get_by_label("For").select_option("tflite")
        page.get_by_role("button", name="Export").click()
        page.get_by_role("link", name="Download home.tflite").wait_for()


def test_evaluate(studio: StudioClient, workspace: Path, tmp_path: Path, microphone: Path) -> None:
    skip_without("matplotlib", find_spec("matplotlib"))
    write_samples(tmp_path)
    shutil.move(tmp_path / "positives", workspace / "recordings" / "samples")
    shutil.move(tmp_path / "negatives", workspace / "recordings" / "samples" / "_negative_")
    with chromium_page(microphone) as page:
        page.goto(f"{studio.url}#evaluate")
        page.get_by_label("Dataset").select_option("samples")
        page.get_by_role("button", name="Evaluate").click()
        page.get_by_text("Measured on ").wait_for(timeout=200_000)
        curve = page.get_by_role("img", name="Miss rate against false alarms per hour")
        page.wait_for_function("image => image.naturalWidth > 0", arg=curve.element_handle())
        clip = page.get_by_role("img", name="Spectrogram of unsaid.wav")
        clip.scroll_into_view_if_needed()
        page.wait_for_function("image => image.naturalWidth > 0", arg=clip.element_handle())
        assert page.get_by_label("Audio of jarring.flac").count() >= 1
        assert not barriers(page)
