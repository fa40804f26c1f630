"""Look at pages of the studio in Chromium; test_journey_in_chromium.py goes through all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
from chromium import barriers, chromium_page
from command_line import KEYWORDS, SAMPLES, all_keywords
from studio_client import StudioClient

from kws.audio.keep import KeptClip
from kws.audio.kept_files import KeptFiles
from kws.posterior import Detection
from kws.training.checkpoint import Checkpoint
from kws.training.workers import Status

pytestmark = pytest.mark.slow


def test_a_file_instead_of_a_microphone(studio: StudioClient, tmp_path: Path) -> None:
    (broken := tmp_path / "broken.wav").write_bytes(b"no audio")
    with chromium_page(None) as page:
        page.goto(studio.url)
        assert page.title() == "Listen - kws studio"
        page.get_by_label("Microphone").select_option("file")
        page.get_by_role("button", name="Listen").click()
        page.get_by_text("Which file?").wait_for()
        page.get_by_label("Audio file", exact=True).set_input_files(broken)
        page.get_by_role("button", name="Listen").click()
        page.get_by_text("broken.wav cannot be read").wait_for()
        page.get_by_label("Audio file", exact=True).set_input_files(SAMPLES / "all_keywords.flac")
        page.get_by_role("button", name="Listen").click()
        page.get_by_text("The audio has ended.").wait_for()
        shown = page.locator("ol > li strong").all_text_contents()
        assert [text.partition(",")[0] for text in reversed(shown)] == KEYWORDS
        assert not barriers(page)
        page.get_by_role("link", name="Record").click()
        page.get_by_text("Record on a phone").click()
        page.get_by_text("This studio is reached by this machine alone.").wait_for()
        assert not barriers(page)


def test_review(studio: StudioClient, workspace: Path) -> None:
    kept = workspace / "kept"
    files = KeptFiles(kept, "home")
    for keyword in ("computer", "<b>alexa</b>"):
        files.keep(KeptClip(all_keywords()[:40_000], Detection(40_000, keyword, 0.9), 0.8, False))
    files.close()
    with chromium_page(None) as page:
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


def test_train(studio: StudioClient, workspace: Path) -> None:
    """Show a training as its work folder has it, and one that fails."""
    (workspace / "recordings" / "empty" / "computer").mkdir(parents=True)
    work = workspace / "jobs" / "interrupted" / "work"
    work.mkdir(parents=True)
    job = {"dataset": "empty", "folds": 1, "started": 0, "arguments": ["train"], "began_at": 0}
    (work.parent / "job.json").write_text(json.dumps(job))
    Status("", work / "fold-0.progress").report("training", 0.4)
    Checkpoint(losses=[(1, 0.5, 0.6), (2, 0.4, 0.5)]).save(work / "fold-0.checkpoint")
    with chromium_page(None) as page:
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


def test_evaluate(studio: StudioClient, workspace: Path) -> None:
    """Show two models on the same recordings as their reports have them."""
    recording = workspace / "recordings" / "samples" / "computer" / "quiet.wav"
    recording.parent.mkdir(parents=True)
    soundfile.write(recording, all_keywords()[:16_000], 16_000)
    job = workspace / "evaluations" / "0123456789abcdef"
    miss = {"keyword": "computer", "file": str(recording), "seconds": 0.0, "confidence": 0.25}
    own = {"miss_rate": 0.5, "false_alarms": 3, "false_alarms_per_hour": 1.5}
    share = {"count": 1, "recordings": 2, "rate": 0.5, "interval": [0.09, 0.91]}
    unknown = {**share, "rate": None, "interval": [None, None]}
    for folder, keyword in (("report", "computer"), ("report-2", "<b>alexa</b>")):
        values = {
            "hours": 2.0,
            "keywords": {keyword: {"utterances": 2, "own": own}},
            "conditions": {"rooms": share, "clean": unknown},
            "det": {
                "false_alarms_per_hour": [0.5, 1.0, 4.0],
                "miss_rate": {keyword: [1.0, 0.5, 0.5]},
            },
            "worst_misses": [miss],
            "worst_false_alarms": [],
        }
        (job / folder).mkdir(parents=True)
        (job / folder / "report.json").write_text(json.dumps(values))
    about = {"model": "one", "second": "two", "dataset": "samples", "arguments": ["evaluate"]}
    (job / "job.json").write_text(json.dumps(about))
    (job / "result.json").write_text('{"status": 0}')
    with chromium_page(None) as page:
        page.goto(f"{studio.url}#evaluate")
        page.get_by_text("Measured on 120.0 minutes without keywords.").wait_for()
        page.get_by_role("heading", name="one and two on samples", exact=True).wait_for()
        figures = page.get_by_role("region", name="Figures by keyword")
        assert figures.get_by_role("rowheader").all_text_contents() == ["computer", "<b>alexa</b>"]
        assert figures.get_by_text("1.50 (3)").count() == 2
        rooms = page.get_by_role("region", name="Missed by condition").get_by_role("row").nth(1)
        assert rooms.inner_text().split("\t")[1:] == ["50.0 % (9.0 to 91.0)"] * 2
        page.get_by_role("img", name="alarms per hour of one and two").wait_for()
        for picture in page.get_by_role("img", name="Spectrogram of quiet.wav").all():
            picture.scroll_into_view_if_needed()
            page.wait_for_function("image => image.naturalWidth > 0", arg=picture.element_handle())
        assert page.get_by_label("Audio of quiet.wav").count() == 2
        assert not barriers(page)
