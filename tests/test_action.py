"""Actions run in threads: they delay nothing, and what fails or is dropped is one line."""

import logging

import numpy as np
import pytest
from command_line import SAMPLES, all_keywords, kws
from running_actions import (
    COMPUTER,
    KEYWORDS,
    command,
    fresh_python,
    load,
    logged_lines,
    run_to_end,
)
from waiting import PATIENCE

from kws.action import MAX_RUNNING
from kws.backend import Spotter
from kws.posterior import Detection

EACH = [Detection(16000, keyword, 0.9) for keyword in KEYWORDS]


def confidences_and_peaks():
    """Return the confidence of each keyword at its detection in a sample, and its peak."""
    spotter, detected, peaks = Spotter("home"), {}, dict.fromkeys(KEYWORDS, 0.0)
    for block in np.array_split(all_keywords(), 300):
        detected |= {found.keyword: found.confidence for found in spotter.push(block)}
        peaks = {keyword: max(peaks[keyword], score) for keyword, score in spotter.scores.items()}
    return detected, peaks


@pytest.fixture
def lines(caplog):
    """Return the lines that kws.action has logged so far, when called."""
    caplog.set_level(logging.DEBUG, "kws.action")
    return lambda: logged_lines(caplog)


class TestWhichActionsRun:
    """Run the actions whose keywords and confidence match; each command writes a file."""

    @pytest.fixture
    def triggered(self, tmp_path):
        def run(keyword, more, *detections):
            touch = "import sys; open(sys.argv[1] + '.ran', 'w')"
            text = command(touch, "{keyword}").replace('"computer"', keyword, 1) + more
            run_to_end(load(tmp_path, text), *detections)
            return sorted(path.stem for path in tmp_path.glob("*.ran"))

        return run

    def test_one_keyword(self, triggered):
        assert triggered('"smart mirror"', "", *EACH) == ["smart mirror"]

    def test_a_list_of_keywords(self, triggered):
        assert triggered('["alexa", "jarvis"]', "", *EACH) == ["alexa", "jarvis"]

    def test_any_keyword(self, triggered):
        assert triggered('"*"', "", *EACH) == sorted(KEYWORDS)

    def test_min_confidence(self, triggered):
        unsure = Detection(16000, "jarvis", 0.89)
        sure = Detection(32000, "alexa", 0.9)
        assert triggered('"*"', "min_confidence = 0.9", unsure, sure) == ["alexa"]

    def test_a_confidence_that_rises_soon_triggers_once(self, tmp_path):
        text = command("import sys; open(sys.argv[1], 'a').write(sys.argv[2] + chr(10))",
                       "{keyword}", "{confidence:.2f} at {time:.0f}", keyword="*",
                       more="min_confidence = 0.9")  # fmt: skip
        actions = load(tmp_path, text)
        actions.run(Detection(16000, "jarvis", 0.8))
        for score in (0.85, 0.89, 0.95, 0.99):
            actions.follow({"jarvis": score, "alexa": 1.0}, 0.08)
        actions.run(Detection(32000, "alexa", 0.8))
        for _ in range(26):
            actions.follow({"alexa": 0.89}, 0.08)
        actions.follow({"alexa": 1.0}, 0.08)  # too late
        actions.run(Detection(48000, "computer", 0.8))
        actions.run(Detection(48000, "computer", 0.85))  # in place of the one before
        actions.follow({"computer": 0.9}, 0.08)
        actions.close(PATIENCE)
        ran = {path.name: path.read_text() for path in tmp_path.iterdir() if not path.suffix}
        assert ran == {"jarvis": "0.95 at 1\n", "computer": "0.90 at 3\n"}

    @pytest.mark.parametrize("count", [4, 2, 0])
    def test_min_confidence_is_reached_after_the_detection(self, tmp_path, count):
        """The confidence of each of the four keywords rises after its detection."""
        detected, peaks = confidences_and_peaks()
        assert all(peaks[keyword] > detected[keyword] for keyword in KEYWORDS)
        levels = sorted(peaks.values(), reverse=True)
        minimum = (1.0, *levels)[count]  # that many peaks reach it
        assert sum(peak >= minimum for peak in levels) == count
        actions = tmp_path / "actions.toml"
        touch = '[[action]]\nkeyword = "*"\ncommand = ["touch", "{keyword}"]\nmin_confidence = '
        actions.write_text(f"{touch}{minimum}\n")
        done = kws("listen", "--wav", SAMPLES / "all_keywords.flac", "--actions", actions)
        assert (done.returncode, done.stdout.count("\n")) == (0, 4)
        assert len(list(tmp_path.iterdir())) == 1 + count


class TestThreads:
    WAITING = """if True:
        import os, sys, time
        while not os.path.exists("go"):
            time.sleep(0.01)
        open(sys.argv[1] + ".done", "w")"""

    def test_run_returns_while_the_action_goes_on(self, tmp_path, lines):
        actions = load(tmp_path, command(self.WAITING, "{keyword}", more="timeout = 3600"))
        actions.run(COMPUTER)
        (tmp_path / "go").touch()  # were run() to wait, the action would never see this
        actions.close(PATIENCE)
        assert lines() == []
        assert (tmp_path / "computer.done").exists()

    def test_one_too_many_is_dropped_with_one_line(self, tmp_path, lines):
        actions = load(tmp_path, command(self.WAITING, "{time}", more="timeout = 3600"))
        for second in range(MAX_RUNNING + 1):
            actions.run(Detection(16000 * second, "computer", 0.9))
        dropped = f"for 'computer' at {MAX_RUNNING}.00 s dropped: "
        assert len(lines()) == 1
        assert lines()[0].endswith(f"{dropped}{MAX_RUNNING} actions are running")
        (tmp_path / "go").touch()
        actions.close(PATIENCE)
        assert len(list(tmp_path.glob("*.done"))) == MAX_RUNNING
        assert len(lines()) == 1

    def test_nothing_starts_after_close(self, tmp_path, lines):
        actions = load(tmp_path, command("open('ran', 'w')"))
        actions.close(0)
        run_to_end(actions)
        assert lines()[0].endswith("dropped: listening has ended")
        assert not (tmp_path / "ran").exists()

    def test_a_failure_does_not_keep_others_from_running(self, tmp_path, lines):
        text = command("1 / 0") + command("open('ran', 'w')")
        run_to_end(load(tmp_path, text))
        assert len(lines()) == 1
        assert "ZeroDivisionError" in lines()[0]
        assert (tmp_path / "ran").exists()


def test_importing_is_cheap(tmp_path):
    program = "import sys, kws.action; print(*sys.modules)"
    loaded = fresh_python(program, tmp_path).stdout.split()
    assert "kws.action" in loaded
    heavy = {"sounddevice", "soundfile", "urllib.request", "tomllib", "numpy", "tensorflow"}
    assert heavy.isdisjoint(loaded)
