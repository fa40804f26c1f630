"""Test the add-on of Home Assistant: its settings, what it runs, what it says to the Supervisor."""

from __future__ import annotations

import json
import re
import runpy
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec

import pytest
from command_line import KEYWORDS, ROOT
from conftest import skip_without

skip_without("the packages wyoming and yaml", find_spec("wyoming") and find_spec("yaml"))

import yaml  # noqa: E402
from wyoming_client import sample, server  # noqa: E402

import kws  # noqa: E402

ADD_ON = ROOT / "deploy" / "home-assistant"
CONFIG = yaml.safe_load((ADD_ON / "config.yaml").read_text())


@pytest.fixture
def run():
    return runpy.run_path(str(ADD_ON / "run.py"))


def test_the_settings_are_what_home_assistant_asks_for():
    assert CONFIG["version"] == kws.__version__
    assert CONFIG["discovery"] == ["wyoming"]
    assert "10400/tcp" in CONFIG["ports"]
    assert set(CONFIG["options"]) <= set(CONFIG["schema"])
    assert {"name", "slug", "description", "arch"} <= set(CONFIG)


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_option_is_translated(language):
    texts = yaml.safe_load((ADD_ON / "translations" / f"{language}.yaml").read_text())
    assert set(texts["configuration"]) == set(CONFIG["schema"])
    assert set(texts["network"]) == set(CONFIG["ports"])


def test_every_option_is_documented():
    documented = re.findall(r"^\| `(\w+)` \|", (ADD_ON / "DOCS.md").read_text(), re.MULTILINE)
    assert documented == list(CONFIG["schema"])


def test_the_add_on_serves_with_its_options(run, tmp_path):
    options = {
        "thresholds": [{"keyword": "smart mirror", "threshold": 1.0}],
        "refractory_seconds": 5,
        "debug": True,
    }
    command = run["command"](options, "tcp://0.0.0.0:10400", tmp_path)
    assert command[:3] == ["kws", "serve", "--uri"]
    with server(*command[4:]) as running, running.connect() as client:
        assert client.names() == KEYWORDS
        events = client.answers(sample("all_keywords.flac"), None)
    assert [event.data["name"] for event in events] == KEYWORDS[:3]


def test_no_option_needs_to_be_set(run, tmp_path):
    command = run["command"](CONFIG["options"], "tcp://0.0.0.0:10400", tmp_path)
    assert command[2:] == ["--uri", "tcp://0.0.0.0:10400", "--custom-model-dir", str(tmp_path)]


def test_the_supervisor_learns_where_the_server_is(run):
    requests = []

    class Supervisor(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((self.headers["Authorization"], json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Supervisor) as supervisor:
        threading.Thread(target=supervisor.handle_request, daemon=True).start()
        run["announce"](f"http://127.0.0.1:{supervisor.server_port}/discovery", "secret")
    ((authorization, message),) = requests
    assert authorization == "Bearer secret"
    assert message["service"] == "wyoming"
    assert re.fullmatch(r"tcp://[\w.-]+:10400", message["config"]["uri"])


def test_a_supervisor_that_is_not_there_is_no_hindrance(run, capsys):
    run["announce"]("http://127.0.0.1:9/discovery", "")
    assert capsys.readouterr().err.startswith("kws: Home Assistant was not reached: ")
