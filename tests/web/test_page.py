"""Test the page of `kws export --format web` in Chromium, with a recording as its microphone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from chromium import barriers, chromium_page
from command_line import KEYWORDS, SAMPLES, all_keywords, kws
from static_server import served

from kws.export.web_folder import export, web_files
from kws.model_file import ModelFile

BEFORE = 3 * 16_000  # samples of silence, of which a busy machine loses some until it listens
LOST = 8000  # samples that it may lose later
ROUNDING = 8  # samples: times have 1 ms
# Let the page's own detector report the samples that it took.
KEEP_SAMPLES = """
window.taken = [];
const Original = AudioWorkletNode;
window.AudioWorkletNode = class extends Original {
  constructor(context, name, options) {
    options.processorOptions.report.samples = true;
    super(context, name, options);
    this.port.addEventListener("message", ({ data }) => window.taken.push(...data.samples));
  }
};
"""
# As a browser that does not convert the rate of a microphone.
NO_CONVERSION = """
const connect = AudioContext.prototype.createMediaStreamSource;
AudioContext.prototype.createMediaStreamSource = function (stream) {
  if (this.sampleRate === 16000) throw new DOMException("another rate", "NotSupportedError");
  return connect.call(this, stream);
};
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def microphone(tmp_path: Path) -> Path:
    """Return a WAV file with each keyword once, after silence."""
    soundfile.write(tmp_path / "microphone.wav", np.pad(all_keywords(), (BEFORE, 0)), 16_000)
    return tmp_path / "microphone.wav"


def detections(page: Any) -> list[tuple[str, int]]:
    """Return keyword and sample of the detections in the page's list, in their order."""
    items = page.locator("#detections li")
    listed = items.evaluate_all(
        "all => all.map(one => [one.querySelector('span').textContent, +one.dataset.sample])"
    )
    return [(keyword, sample) for keyword, sample in reversed(listed)]


def listen(page: Any, count: int) -> list[tuple[str, int]]:
    """Press the button, wait for so many detections, and stop."""
    page.get_by_role("button", name="Listen").click()
    page.locator("#detections li").nth(count - 1).wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Stopped.").wait_for()
    return detections(page)


def test_the_page_finds_what_kws_listen_finds(microphone: Path, tmp_path: Path) -> None:
    folder = export("home", tmp_path)[0].parent
    requests = []
    with served(folder) as address, chromium_page(microphone) as page:
        page.context.on("request", lambda request: requests.append(request.url))
        page.add_init_script(KEEP_SAMPLES)
        page.goto(address)
        found = listen(page, len(KEYWORDS))
        taken = np.array(page.evaluate("taken"), np.int16)
        assert [keyword for keyword, _ in found] == KEYWORDS
        assert requests
        assert all(url.startswith(address) for url in requests)
        assert not barriers(page)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")  # it has the files
        page.context.set_offline(True)
        page.reload()
        page.locator("#toggle:enabled").wait_for()  # engine and model are there

    soundfile.write(tmp_path / "taken.wav", taken, 16_000)
    exact, lossy = (lost_samples(found, path) for path in (tmp_path / "taken.wav", microphone))
    assert np.abs(exact).max() <= ROUNDING
    assert lossy.min() >= -ROUNDING
    assert lossy[0] <= BEFORE
    assert np.ptp(lossy) <= LOST


def lost_samples(found: list[tuple[str, int]], path: Path) -> np.ndarray:
    """Return how many samples of a file the page had lost at each keyword; the keywords agree."""
    lines = list(map(json.loads, kws("listen", "--wav", path, "--json").stdout.splitlines()))
    assert [keyword for keyword, _ in found] == [line["keyword"] for line in lines]
    return np.array([16_000 * line["time"] for line in lines]) - [sample for _, sample in found]


def test_a_browser_that_does_not_convert_rates(tmp_path: Path) -> None:
    folder = export("home", tmp_path)[0].parent
    samples, _ = soundfile.read(SAMPLES / "computer_lights.flac", dtype="int16")
    soundfile.write(tmp_path / "microphone.wav", np.pad(samples, (BEFORE, 0)), 16_000)
    with served(folder) as address, chromium_page(tmp_path / "microphone.wav") as page:
        page.add_init_script(NO_CONVERSION)
        page.goto(address)
        assert [keyword for keyword, _ in listen(page, 1)] == ["computer"]


def test_names_are_text_and_refusals_are_lines(tmp_path: Path) -> None:
    """Show hostile names, on a narrow screen, and a microphone that is not allowed."""
    names = ("<img src=x onerror=alert(1)>", "__proto__", "</script><script>alert(2)</script>")
    names += ("a" * 60,)
    model = ModelFile.load()
    hostile = replace(model, name=names[0], config=replace(model.config, keywords=names))
    for name, content in web_files(hostile).items():
        written = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(written)
    with served(tmp_path) as address, chromium_page(None) as page:
        page.set_viewport_size({"width": 360, "height": 640})
        dialogs = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        page.goto(address)
        page.locator("#toggle:enabled").wait_for()
        shown = page.locator(".meter > span:first-child").all_text_contents()
        assert shown == ["level", *names]
        assert page.locator("main img, main script").count() == 0
        page.get_by_role("button", name="Listen").click()
        page.get_by_text("The browser was not allowed to use the microphone.").wait_for()
        assert page.get_by_role("button", name="Listen").is_enabled()
        assert not dialogs
        assert not barriers(page)
