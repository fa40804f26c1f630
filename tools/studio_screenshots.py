"""Take the pictures of kws studio in docs/images: python tools/studio_screenshots.py.

Chromium listens to a sample as its microphone. Needs the extra dev and the system's Chromium.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "audio_samples" / "all_keywords.flac"
IMAGES = ROOT / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
LAST = "smart mirror, confidence"  # of the sample's detections
OPTIONS = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--no-sandbox")


def main() -> None:
    """Start a studio, listen to the sample in Chromium, and store its page in both themes."""
    with TemporaryDirectory(prefix="kws-studio-") as made:
        microphone = Path(made) / "microphone.wav"
        samples, rate = soundfile.read(SAMPLE, dtype="int16")
        soundfile.write(microphone, samples, rate)
        command = [sys.executable, "-m", "kws", "studio", f"{made}/workspace", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as studio:
            assert studio.stdout is not None
            url = studio.stdout.readline().split()[-1]
            try:
                picture(url, microphone)
            finally:
                studio.terminate()


def picture(url: str, microphone: Path) -> None:
    """Listen until the last keyword of the sample, and take the pictures."""
    capture = f"--use-file-for-fake-audio-capture={microphone}%noloop"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*OPTIONS, capture])
        page = browser.new_page(viewport={"width": 900, "height": 800})
        page.goto(url)
        page.get_by_role("button", name="Listen").click()
        page.get_by_text(LAST).wait_for(timeout=60_000)
        for theme in ("light", "dark"):
            store(page, theme)
        browser.close()


def store(page: Page, theme: str) -> None:
    """Store the page in a theme."""
    page.emulate_media(color_scheme=theme)
    page.wait_for_timeout(300)  # ms, until it is drawn
    page.screenshot(path=IMAGES / f"studio_{theme}.png")


if __name__ == "__main__":
    main()
