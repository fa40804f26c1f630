"""Take a picture of the page of `kws export --format web`: python tools/picture_web_page.py.

Chromium, without a window, has a sample as its microphone; the picture is taken when the page has
found all keywords in it.
"""

from __future__ import annotations

import shutil
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import soundfile
from playwright.sync_api import sync_playwright

from kws.export.web_folder import export

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "audio_samples" / "all_keywords.flac"
KEYWORDS = 4  # in it
PICTURE = ROOT / "docs" / "images" / "web_page.png"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


class Handler(SimpleHTTPRequestHandler):
    """Serve files and print nothing."""

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def picture(address: str, microphone: Path, result: Path) -> None:
    """Let the page at an address listen to a WAV file; write the picture."""
    program = next(filter(None, map(shutil.which, PROGRAMS)))
    arguments = [
        *("--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        page = browser.new_page(viewport={"width": 640, "height": 670})
        page.goto(address)
        page.get_by_role("button", name="Listen").click()
        page.locator("#detections li").nth(KEYWORDS - 1).wait_for()
        page.screenshot(path=result)
        browser.close()


def main() -> None:
    """Export the shipped model, serve it, and take the picture."""
    with TemporaryDirectory(prefix="kws-page-") as made:
        folder = export("home", Path(made))[0].parent
        samples, rate = soundfile.read(SAMPLE, dtype="int16")
        soundfile.write(Path(made) / "microphone.wav", samples, rate)
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        picture(address, Path(made) / "microphone.wav", PICTURE)
        server.shutdown()
    print(PICTURE)


if __name__ == "__main__":
    sys.exit(main())
