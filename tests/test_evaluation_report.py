"""kws evaluate --report: curves by a plain count, clips and latencies of recordings, the page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from html.parser import HTMLParser
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import SAMPLES, kws
from conftest import skip_without

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE
from kws.evaluation.det import det_curves
from kws.evaluation.operating_points import count_alarms
from kws.evaluation.scores import Scorer, Scores, score_recordings
from kws.evaluation.test_set import EvaluationSet
from kws.evaluation.worst_cases import alarm_steps, false_alarms, spoken
from kws.model_file import ModelFile

SAID = {
    "computer": ("computer_lights", "computer_moon"),
    "jarvis": ("jarvis_door", "jarvis_music"),
    "alexa": ("alexa_timer", "alexa_rain"),
}
OTHERS = ("story", "election", "service", "commuter")


def word(name: str) -> np.ndarray:
    """The first keyword of a sample, and silence behind it."""
    _, begin, end = json.loads((SAMPLES / "expected.json").read_text())[f"{name}.flac"][0]
    samples = read_audio(SAMPLES / f"{name}.flac")
    cut = samples[round((begin - 0.3) * SAMPLE_RATE) : round((end + 0.05) * SAMPLE_RATE)]
    return np.concatenate([cut, np.zeros(SAMPLE_RATE, np.int16)])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """positives/<keyword>/ and negatives/ of the samples, and a keyword that is not said."""
    folder = tmp_path_factory.mktemp("set")
    (folder / "negatives").mkdir()
    for keyword, names in SAID.items():
        (folder / "positives" / keyword).mkdir(parents=True)
        for name in names:
            soundfile.write(folder / "positives" / keyword / f"{name}.wav", word(name), SAMPLE_RATE)
    silence = np.random.default_rng(1).integers(-30, 30, 2 * SAMPLE_RATE).astype(np.int16)
    soundfile.write(folder / "positives" / "jarvis" / "unsaid.wav", silence, SAMPLE_RATE)
    for name in OTHERS:
        shutil.copy(SAMPLES / f"{name}.flac", folder / "negatives")
    # A keyword among the negatives: a false alarm by all rules of this test.
    shutil.copy(SAMPLES / "alexa_rain.flac", folder / "negatives" / "jarring.flac")
    return folder


def options(folders: Path) -> tuple[object, ...]:
    sides = ("--positives", folders / "positives", "--negatives", folders / "negatives")
    return ("evaluate", "home", *sides)


class Page(HTMLParser):
    """What a page would fetch or play."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.sources: dict[str, list[str]] = {"img": [], "audio": []}
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        assert "href" not in values
        if "src" in values:
            self.sources[tag].append(values["src"] or "")


def test_the_report_of_real_recordings(folders: Path, tmp_path: Path) -> None:
    skip_without("matplotlib", find_spec("matplotlib"))
    done = kws(*options(folders), "--json", "--report", tmp_path / "new" / "report")
    assert done.returncode == 0, done.stderr
    written = [line.split(" wrote ")[1] for line in done.stderr.splitlines() if " wrote " in line]
    assert [Path(path).name for path in written] == ["report.json", "report.html"]
    values = json.loads(Path(written[0]).read_text())
    printed = json.loads(done.stdout)
    assert {name: values[name] for name in printed} == printed
    missed = {Path(miss["file"]).name: miss["keyword"] for miss in values["worst_misses"]}
    assert missed["unsaid.wav"] == "jarvis"
    alarms = [(Path(a["file"]).name, a["keyword"]) for a in values["worst_false_alarms"]]
    assert ("jarring.flac", "alexa") in alarms
    for summary in values["latency_seconds"].values():
        assert -0.4 < summary["median"] <= summary["90%"] <= summary["most"] < 0.6
    content = Path(written[1]).read_text()
    page = Page(content)
    clips = len(missed) + len(alarms)
    assert len(page.sources["audio"]) == clips
    assert len(page.sources["img"]) == clips + 2
    for source in page.sources["img"]:
        assert source.startswith(("data:image/png;base64,", "data:image/svg+xml;base64,"))
    for keyword in (*SAID, "smart mirror"):
        assert keyword in content
    assert "nan" not in re.sub(r"base64,[^\"]*", "", content)
    clip = b64decode(page.sources["audio"][0].removeprefix("data:audio/flac;base64,"))
    samples, rate = soundfile.read(BytesIO(clip), dtype="int16")
    first = values["worst_misses"][0]["file"]
    assert rate == SAMPLE_RATE
    assert np.array_equal(samples, read_audio(Path(first)))


def material(folders: Path, noise: bool = False) -> EvaluationSet:
    said = {k: sorted((folders / "positives" / k).iterdir()) for k in SAID}
    hiss = np.random.default_rng(2).normal(0, 500, 20_000).astype(np.int16) if noise else None
    return EvaluationSet(said, sorted((folders / "negatives").iterdir()), hiss, 5.0)


@pytest.mark.parametrize("noise", [False, True], ids=["clean", "noise"])
def test_the_material_is_the_same_in_every_pass(folders: Path, noise: bool) -> None:
    test_set = material(folders, noise)
    for passes in zip(test_set.read_negatives(), test_set.read_negatives(), strict=True):
        first, again = passes
        assert first.path == again.path
        assert np.array_equal(first.clean, read_audio(first.path))
        assert np.array_equal(first.mixed, again.mixed)
        assert np.array_equal(first.mixed, first.clean) == (not noise)


def test_false_alarms_are_cut_where_they_were_heard(folders: Path) -> None:
    test_set, scorer = material(folders), Scorer(ModelFile.load("home"))
    heard = score_recordings(scorer, {}, (take.mixed for take in test_set.read_negatives()))
    found = false_alarms(scorer, test_set, heard)
    (alarm,) = [one for one in found if one.path.name == "jarring.flac"]
    assert alarm.keyword == "alexa"
    place = round(alarm.seconds * SAMPLE_RATE)
    assert np.array_equal(alarm.samples, read_audio(alarm.path)[place : place + len(alarm.samples)])
    assert alarm.confidence >= ModelFile.load("home").config.thresholds[2]
    alone = scorer.score_stream([alarm.samples])
    assert alone[:, 2].max() / (1 << 15) == pytest.approx(alarm.confidence, abs=0.2)


def test_latency_is_measured_from_the_end_of_the_word(tmp_path: Path, folders: Path) -> None:
    """The same word later in its recording is heard as late after its end."""
    said = word("alexa_timer")
    scorer = Scorer(ModelFile.load("home"))
    latencies = []
    for pause in (0, SAMPLE_RATE):
        path = tmp_path / f"{pause}.wav"
        soundfile.write(path, np.concatenate([np.zeros(pause, np.int16), said]), SAMPLE_RATE)
        test_set = EvaluationSet({"alexa": [path]}, [], None, 0.0)
        one = spoken(scorer, test_set, "alexa")
        assert one.misses == []
        latencies.append(one.latencies[0])
    assert latencies[0] == pytest.approx(latencies[1], abs=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_curves_are_what_a_plain_count_gives(seed: int) -> None:
    random = np.random.default_rng(seed)
    peaks = random.integers(0, 60, 40)
    trace = np.where(random.random(3000) < 0.03, random.integers(1, 60, 3000), 0)
    rates = det_curves(Scores({"word": peaks, "other": peaks[:0]}, {"word": trace}, 4.0), 5)
    assert list(rates.miss_rates) == ["word"]
    assert rates.false_alarms_per_hour[:2].tolist() == [0.1, 0.25]
    for alarms, rate in zip(rates.false_alarms_per_hour, rates.miss_rates["word"], strict=True):
        levels = (level for level in range(1, 70) if count_alarms(trace, level, 5) <= 4 * alarms)
        assert rate == np.mean(peaks < next(levels))
    assert (np.diff(rates.miss_rates["word"]) <= 0).all()
    assert np.array_equal(rates.mean, rates.miss_rates["word"])


def test_alarms_by_hand() -> None:
    trace = np.array([0, 10, 30, 10, 0, 0, 0, 0, 50, 0, 9])
    assert alarm_steps(trace, 10, 3) == [8, 2]
    assert alarm_steps(trace, 51, 3) == []


@pytest.mark.skipif(sys.platform == "win32", reason="folders are closed in another way")
@pytest.mark.parametrize("obstacle", ["file", "closed folder", "folder in a file"])
def test_a_folder_that_cannot_be_written_is_told_at_once(
    folders: Path, tmp_path: Path, obstacle: str
) -> None:
    place = tmp_path / "report"
    if obstacle == "closed folder":
        if os.geteuid() == 0:
            pytest.skip("nothing is closed to root")
        place.mkdir(mode=0o500)
    else:
        place.write_text("in the way")
    target = place / "deeper" if obstacle == "folder in a file" else place
    done = kws(*options(folders), "--report", target)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"kws: error: \S+: the report cannot be written: [\w ]+\n", done.stderr), (
        done.stderr
    )


def test_without_matplotlib_one_line_says_what_to_install(folders: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from importlib.machinery import PathFinder as P\n"
        "real = P.find_spec\n"
        "P.find_spec = classmethod("
        "lambda c, name, *a: None if name == 'matplotlib' else real(name, *a))\n"
        "from kws.cli import main; sys.argv[0] = 'kws'; main()\n"
    )
    words = [sys.executable, "-c", code, *map(str, options(folders)), "--report", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "kws: error: kws evaluate --report needs matplotlib: pip install 'kws[report]'\n"
    )
    assert list(tmp_path.iterdir()) == []
