"""Take the pictures of kws studio in docs/images: python tools/studio_screenshots.py.

Chromium listens to a sample as its microphone. With --pages DIR every page of a studio, of the
--workspace FOLDER if there is one, is stored there to be looked at: in both themes, wide and 360
pixels wide. Needs the extra dev and the system's Chromium.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "audio_samples" / "all_keywords.flac"
IMAGES = ROOT / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
PAGES = ("listen", "record", "review", "train", "evaluate", "export")
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
THEMES, WIDTHS = ("light", "dark"), (900, 360)
LAST = "smart mirror, confidence"  # of the sample's detections
OPTIONS = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--no-sandbox")


def main() -> None:
    """Start a studio, listen to the sample in Chromium, and store its pages in both themes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=Path, help="folder for pictures of every page instead")
    parser.add_argument("--workspace", type=Path, help="whose pages these are")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="kws-studio-") as made:
        microphone = Path(made) / "microphone.wav"
        samples, rate = soundfile.read(SAMPLE, dtype="int16")
        soundfile.write(microphone, samples, rate)
        workspace = str(options.workspace or f"{made}/workspace")
        command = [sys.executable, "-m", "kws", "studio", workspace, "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as studio:
            assert studio.stdout is not None
            url = studio.stdout.readline().split()[-1]
            try:
                picture(url, microphone, options.pages)
            finally:
                studio.terminate()


def picture(url: str, microphone: Path, pages: Path | None) -> None:
    """Take the pictures of all pages, or listen until the last keyword and take that page's."""
    capture = f"--use-file-for-fake-audio-capture={microphone}%noloop"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*OPTIONS, capture])
        if pages:
            every_page(browser, url, pages)
            return
        page = browser.new_page(viewport={"width": 900, "height": 800})
        page.goto(url)
        page.get_by_role("button", name="Listen").click()
        page.get_by_text(LAST).wait_for(timeout=60_000)
        for theme in THEMES:
            store(page, theme, IMAGES / f"studio_{theme}.png", whole=False)
        browser.close()


def every_page(browser: Browser, url: str, folder: Path) -> None:
    """Store each page in both themes and widths, with all that can be opened in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        page = browser.new_page()
        page.goto(f"{url}#{name}")
        page.locator("main h1 + *").first.wait_for()
        page.evaluate(
            "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
        )
        page.wait_for_timeout(3000)  # ms, until what was opened is there
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            for theme in THEMES:
                store(page, theme, folder / f"{name}_{width}_{theme}.png", whole=True)
        page.close()
    browser.close()


def store(page: Page, theme: str, path: Path, whole: bool) -> None:
    """Store the page in a theme: all of it, or what a window shows."""
    page.emulate_media(color_scheme=theme)
    page.wait_for_timeout(300)  # ms, until it is drawn
    page.screenshot(path=path, full_page=whole)


if __name__ == "__main__":
    main()
