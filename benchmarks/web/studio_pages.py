"""Measure the pages of kws studio: `python benchmarks/web/studio_pages.py [--runs N]`.

Printed are, for each page alone and for all together, the files that a browser loads, their bytes
as they are and compressed by gzip, and how soon Chromium with an empty cache paints the page and
has it ready: medians of some runs, by the clock.
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
import sys
from pathlib import Path
from shutil import which
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "kws" / "studio" / "static"
PAGES = ("listen", "record", "review", "train", "evaluate", "export")
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LOADED = "performance.getEntriesByType('resource').map(({ name }) => name)"
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5, help="of each page (default 5)")
    runs = parser.parse_args().runs
    program = next(filter(None, map(which, PROGRAMS)))
    with TemporaryDirectory(prefix="kws-studio-") as made, sync_playwright() as playwright:
        command = [sys.executable, "-m", "kws", "studio", f"{made}/workspace", "--port", "0"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as studio:
            assert studio.stdout is not None
            url = studio.stdout.readline().split()[-1]
            chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            try:
                report(chromium, url, runs)
            finally:
                chromium.close()
                studio.terminate()


def report(chromium: Browser, url: str, runs: int) -> None:
    """Print a line for each page, and one for all."""
    print(f"{'page':10}{'files':>6}{'bytes':>9}{'gzip':>8}{'painted, ms':>13}{'ready, ms':>11}")
    files: set[Path] = set()
    for page in PAGES:
        visits = [visit(chromium, f"{url}#{page}") for _ in range(runs)]
        loaded = visits[0][0]
        files |= loaded
        painted, ready = (median(of[index] for of in visits) for index in (1, 2))
        print(f"{page:10}{sizes(loaded)}{painted:13.0f}{ready:11.0f}")
    print(f"{'all':10}{sizes(files)}")


def visit(chromium: Browser, address: str) -> tuple[set[Path], Any, Any]:
    """Open a page with an empty cache; return its files and after how many ms it was there."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(address)
    page.locator("main h1 + *").first.wait_for()
    ready = page.evaluate("performance.now()")
    paths = [urlsplit(name).path for name in page.evaluate(LOADED)]
    static = {STATIC / path.rpartition("/")[2] for path in paths if path.startswith("/static/")}
    painted = page.evaluate(PAINT)
    context.close()
    return {STATIC / "index.html", *static}, painted, ready


def sizes(files: set[Path]) -> str:
    """Return the number of files, their bytes, and their bytes compressed."""
    contents = [file.read_bytes() for file in files]
    compressed = sum(len(gzip.compress(content, 9, mtime=0)) for content in contents)
    return f"{len(files):6}{sum(map(len, contents)):9,}{compressed:8,}"


if __name__ == "__main__":
    main()
