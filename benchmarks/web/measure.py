"""Measure the detector for browsers: `python benchmarks/web/measure.py [DATA] [--model NAME|PATH]`.

Printed are the bytes that a page loads, as files and compressed by gzip, of the model and of its
first network alone; how often real time the module is in Node and in Chromium, by processor time of
one core in Node and by the clock in Chromium; how soon the page is painted and ready.

With DATA, a folder of recordings, detections in --hours of it are compared line for line with those
of kws.Spotter; exit status 1 where a line differs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from threading import Thread

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))
from user_errors import run_main

from kws.audio.audio_file import read_each
from kws.backend import Spotter
from kws.config import SAMPLE_RATE
from kws.data.audio_files import audio_files
from kws.export.web_folder import ENGINE, MODEL, web_files
from kws.listener import FLUSH_SECONDS
from kws.model_file import ModelFile
from kws.types import Samples

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "audio_samples" / "all_keywords.flac"
MODULE = ("kws.js", "detector.js", "resampler.js", "worklet.js")
PAGE = ("index.html", "page.js", "page.css")
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLUSH = np.zeros(round(FLUSH_SECONDS * SAMPLE_RATE), np.int16)
IN_PAGE = """async (seconds) => {
  const { createDetector } = await import("./kws.js");
  const bytes = await (await fetch("audio.pcm")).arrayBuffer();
  const samples = new Int16Array(bytes), detector = await createDetector();
  let pushed = 0, start = performance.now();
  for (; performance.now() - start < 1000 * seconds; ++pushed) detector.push(samples);
  return pushed * samples.length / 16 / (performance.now() - start);
}"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", nargs="?", type=Path, help="folder of recordings")
    parser.add_argument("--hours", type=float, default=1.0, help="of them (default 1)")
    parser.add_argument("--model", default="home")
    parser.add_argument("--without-browser", action="store_true")
    options = parser.parse_args()
    model = ModelFile.load(options.model)
    sizes(model)
    with TemporaryDirectory(prefix="kws-web-") as made:
        folder = Path(made)
        for name, content in web_files(model).items():
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        ((_, sample),) = read_each([SAMPLE])
        recordings = recorded(options.data, options.hours) if options.data else iter([sample] * 20)
        same = compare(model, folder, recordings)
        if not options.without_browser:
            sample.astype("<i2").tofile(folder / "audio.pcm")
            browser(folder)
    return 0 if same else 1


def sizes(model: ModelFile) -> None:
    """Print the bytes of the parts of a page."""
    first, files = web_files(model.each_network()[0]), web_files(model)
    parts = {
        f"model, {1 + len(model.networks)} networks": [files[MODEL]],
        "model, its first network alone": [first[MODEL]],
        "engine": [files[ENGINE]],
        "module": [files[name] for name in MODULE],
        "page": [files[name] for name in PAGE],
    }
    total = {}
    print(f"{'bytes':34}{'file':>9}{'gzip':>9}")
    for name, contents in parts.items():
        content = [c.encode() if isinstance(c, str) else c for c in contents]
        size = sum(map(len, content))
        total[name] = sum(len(gzip.compress(each, 9, mtime=0)) for each in content)
        print(f"{name:34}{size:9,}{total[name]:9,}")
    whole, single, *rest = total.values()
    print(f"{'engine + model':34}{'':9}{whole + rest[0]:9,}")
    print(f"{'engine + first network':34}{'':9}{single + rest[0]:9,}")
    print(f"{'all that the page loads':34}{'':9}{whole + sum(rest):9,}")


def recorded(folder: Path, hours: float) -> Iterator[Samples]:
    """Yield recordings of a folder, spread over it, until they have so many hours."""
    paths = audio_files(folder)
    order = np.random.default_rng(1).permutation(len(paths))
    left = round(hours * 3600 * SAMPLE_RATE)
    for _, samples in read_each(paths[index] for index in order):
        if left <= 0:
            return
        yield samples[:left]
        left -= len(samples)


def compare(model: ModelFile, folder: Path, recordings: Iterable[Samples]) -> bool:
    """Print whether the module in Node finds what kws.Spotter does, and how fast it is."""
    spotter, lines, paths = Spotter(model), [], []
    for index, samples in enumerate(recordings):
        paths.append(folder / f"{index}.pcm")
        samples.astype("<i2").tofile(paths[-1])
        spotter.reset()
        found = [*spotter.push(samples), *spotter.push(FLUSH)]
        lines += [(index, f.keyword, f.sample, f.confidence) for f in found]
    command = ["node", HERE / "detect.mjs", folder, *paths]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    *found, cost = map(json.loads, done.stdout.splitlines())
    same = lines == [(f["file"], f["keyword"], f["sample"], f["confidence"]) for f in found]
    seconds = cost["audio_seconds"]
    print(
        f"\n{seconds / 3600:.2f} h in {len(paths)} recordings: {len(found)} detections,"
        f" {'equal' if same else 'NOT equal'} to the {len(lines)} of kws.Spotter line for line"
    )
    print(
        f"Node: {seconds / cost['processor_seconds']:.0f} times real time on one core,"
        f" {1000 * cost['longest_push_seconds']:.0f} ms for the longest block of 80 ms"
    )
    return same


def browser(folder: Path) -> None:
    """Print how fast Chromium is."""
    from playwright.sync_api import sync_playwright

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    Thread(target=server.serve_forever, daemon=True).start()
    program = next(filter(None, map(which, PROGRAMS)))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.locator("#toggle:enabled").wait_for()
        ready = page.evaluate("performance.now()")
        print(f"Chromium: painted after {page.evaluate(PAINT):.0f} ms, ready after {ready:.0f} ms")
        print(f"Chromium: {page.evaluate(IN_PAGE, 3):.0f} times real time, by the clock")
        chromium.close()
    server.shutdown()


if __name__ == "__main__":
    run_main(main)
