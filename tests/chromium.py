"""Drive a headless Chromium with a WAV file as its microphone, and look for barriers (axe)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from conftest import skip_without
from waiting import PATIENCE

TIMEOUT = 1000 * PATIENCE  # ms
NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium_page(microphone: Path | None, expected: str | None = None) -> Iterator[Any]:
    """Open a page of Playwright's; errors in it fail the test, but those that are expected.

    microphone: a WAV file that its microphone plays once; None: the microphone is not allowed.
    expected: a part of their text.
    """
    program = next(filter(None, map(shutil.which, NAMES)), None)
    skip_without("Chromium", program)
    skip_without("Playwright", find_spec("playwright"))
    from playwright.sync_api import sync_playwright

    options = ["--use-fake-device-for-media-stream"]
    if microphone:
        options.append("--use-fake-ui-for-media-stream")
        options.append(f"--use-file-for-fake-audio-capture={microphone}%noloop")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--no-sandbox")  # which Chromium asks of root
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options, timeout=TIMEOUT)
        page = browser.new_page()
        page.set_default_timeout(TIMEOUT)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        yield page
        browser.close()
    assert not [error for error in errors if not expected or expected not in error]


def barriers(page: Any) -> list[str]:
    """Return what axe-core finds to be serious or critical in a page, in both themes and narrow."""
    skip_without("axe-core", find_spec("axe_playwright_python"))
    from axe_playwright_python.sync_playwright import Axe

    found = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for problem in Axe().run(page).response["violations"]:
            if problem["impact"] in ("serious", "critical"):
                found += [f"{theme}: {problem['id']}: {node['html']}" for node in problem["nodes"]]
    size = page.viewport_size
    page.set_viewport_size({"width": 360, "height": 700})
    if (width := page.evaluate("document.documentElement.scrollWidth")) > 360:
        found.append(f"{width} pixels wide")
    page.set_viewport_size(size)
    return found
