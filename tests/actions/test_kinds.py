"""The four effects as they are: real processes, a real server, real functions, a real PortAudio."""

import fcntl
import json
import logging
import random
import socket
import sys
import tempfile
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.request import Request

import numpy as np
import pytest
import soundfile
from running_actions import (
    COMPUTER,
    command,
    fresh_python,
    load,
    logged_lines,
    run_to_end,
)
from waiting import PATIENCE, wait_until

from kws.actions import http_post, time_limit
from kws.errors import KwsError

pytestmark = pytest.mark.slow


@pytest.fixture
def lines(caplog):
    """Return the lines that kws.action has logged so far, when called."""
    caplog.set_level(logging.DEBUG, "kws.action")
    return lambda: logged_lines(caplog)


class TestCommand:
    def test_gets_the_detection_and_runs_in_the_folder_of_the_file(self, tmp_path, lines):
        program = """if True:
            import json, os, sys
            fields = {name: os.environ[name] for name in os.environ if name.startswith('KWS_')}
            json.dump([sys.argv[1:], fields], open('fields.json', 'w'))"""
        program = program.replace("{", "{{").replace("}", "}}")
        arguments = "{keyword} {confidence:.2f} at {time:.1f} s", "{{plain}}", "a; b $HOME"
        run_to_end(load(tmp_path, command(program, *arguments)))
        assert lines() == []
        assert json.loads((tmp_path / "fields.json").read_text()) == [
            ["computer 0.97 at 1.8 s", "{plain}", "a; b $HOME"],
            {"KWS_KEYWORD": "computer", "KWS_CONFIDENCE": "0.96875", "KWS_TIME": "1.84"},
        ]

    def test_a_program_in_the_folder_of_the_file(self, tmp_path, lines):
        program = tmp_path / "lights.sh"
        program.write_text("#!/bin/sh\necho on > lights\n")
        program.chmod(0o755)
        run_to_end(load(tmp_path, '[[action]]\nkeyword = "*"\ncommand = ["./lights.sh"]\n'))
        assert lines() == []
        assert (tmp_path / "lights").read_text() == "on\n"

    def test_leaves_our_standard_input_and_output_alone(self, tmp_path):
        (tmp_path / "actions.toml").write_text(command("print('out', len(input()))"))
        program = """if True:
            import sys
            from kws.action import Actions
            from kws.posterior import Detection
            actions = Actions.load("actions.toml", ["computer"])
            actions.run(Detection(16000, "computer", 0.9))
            actions.close(60)
            print("audio:", sys.stdin.read())"""
        result = fresh_python(program, tmp_path, input="samples")
        assert result.stdout == "audio: samples\n"
        assert result.stderr.count("\n") == 1
        assert "EOFError" in result.stderr

    def test_failure_is_one_line(self, tmp_path, lines):
        program = "import sys; sys.stderr.write('first' + chr(10) + 'last words'); sys.exit(3)"
        run_to_end(load(tmp_path, command(program)))
        where = f"{tmp_path}/actions.toml:1: command for 'computer' at 1.84 s failed: "
        assert lines() == [where + "exit status 3: last words"]

    def test_a_flood_of_errors_takes_no_room_and_is_one_line(self, tmp_path, lines):
        program = """if True:
            import sys
            for _ in range(3000): sys.stderr.write('x' * 9999 + chr(10))
            sys.stderr.write('last ' + chr(27) + '[2Jwords')
            sys.exit(3)"""
        run_to_end(load(tmp_path, command(program)))
        assert [line.partition("failed: ")[2] for line in lines()] == [
            "exit status 3: last ?[2Jwords"
        ]

    def test_a_process_that_goes_on_delays_nothing(self, tmp_path, lines):
        program = """if True:
            import subprocess, sys
            child = "import os, sys, time\\n"
            child += "while not os.path.exists('go'): time.sleep(0.01)\\n"
            child += "print('late', file=sys.stderr); open('ended', 'w')"
            subprocess.Popen([sys.executable, '-IS', '-c', child])
            sys.exit('first')"""
        actions = load(tmp_path, command(program))
        actions.run(COMPUTER)
        wait_until(lambda: lines())
        assert lines()[0].endswith("failed: exit status 1: first")
        (tmp_path / "go").touch()
        wait_until((tmp_path / "ended").exists)

    def test_without_a_temporary_folder(self, tmp_path, lines, monkeypatch):
        def nowhere(*_, **__):
            raise FileNotFoundError(2, "No usable temporary directory found")

        for name in ("gettempdir", "TemporaryFile", "NamedTemporaryFile", "mkstemp", "mkdtemp"):
            monkeypatch.setattr(tempfile, name, nowhere)
        run_to_end(load(tmp_path, '[[action]]\nkeyword = "*"\ncommand = ["touch", "ran"]\n'))
        assert lines() == []
        assert (tmp_path / "ran").exists()

    def test_ended_by_a_signal(self, tmp_path, lines):
        run_to_end(load(tmp_path, command("import os; os.kill(os.getpid(), 6)")))
        assert lines()[0].endswith("failed: ended by signal 6")

    def test_that_cannot_start_any_more(self, tmp_path, lines):
        program = tmp_path / "gone"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        actions = load(tmp_path, '[[action]]\nkeyword = "*"\ncommand = ["./gone"]\n')
        program.unlink()
        run_to_end(actions)
        assert len(lines()) == 1
        assert "FileNotFoundError" in lines()[0]

    FAMILY = """if True:
        import subprocess, sys, time
        child = '''if True:
            import fcntl, time
            lock = open("lock", "w")
            fcntl.flock(lock, fcntl.LOCK_EX)
            open("locked", "w")
            time.sleep(3600)'''
        subprocess.Popen([sys.executable, "-IS", "-c", child])
        time.sleep(3600)"""

    def assert_child_dies(self, folder):
        """The lock that the child of the command took is free again."""
        assert (folder / "locked").exists()
        with open(folder / "lock") as lock:
            wait_until(lambda: is_free(lock))

    def test_past_its_timeout_is_killed_with_its_children(self, tmp_path, lines, monkeypatch):
        """Time passes when the child is there, however long it takes to start."""
        clock = SimpleNamespace(monotonic=lambda: 9.0 * (tmp_path / "locked").exists())
        monkeypatch.setattr(time_limit, "time", clock)
        actions = load(tmp_path, command(self.FAMILY, more="timeout = 5"))
        run_to_end(actions)
        assert len(lines()) == 1
        assert lines()[0].endswith("failed: not done within 5 s, killed")
        self.assert_child_dies(tmp_path)

    def test_close_kills_what_is_left(self, tmp_path, lines):
        actions = load(tmp_path, command(self.FAMILY, more="timeout = 3600"))
        actions.run(COMPUTER)
        wait_until((tmp_path / "locked").exists)
        actions.close(0)
        wait_until(lines)
        assert len(lines()) == 1
        assert lines()[0].endswith("failed: not done when listening ended, killed")
        self.assert_child_dies(tmp_path)


def is_free(file):
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@pytest.fixture
def server(monkeypatch):
    """An HTTP server on loopback: stores what it is sent, answers as the path says."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.posts.append((self.path, self.headers["Content-Type"], body))
            if self.path == "/hang":
                released.wait(PATIENCE)
            code, _, location = self.path.removeprefix("/redirect/").partition("/")
            if self.path == "/circle":
                code, location = 307, "/circle"
            if self.path.startswith(("/redirect/", "/circle")):
                self.send_response(int(code))
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                return
            self.send_response(404 if self.path == "/missing" else 204)
            self.end_headers()

        def do_GET(self):
            self.server.posts.append((self.path, "GET", b""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.posts = []
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        released.set()
        server.shutdown()


def webhook(url, more=""):
    return f'[[action]]\nkeyword = "computer"\nwebhook = "{url}"\n{more}\n'


class TestWebhook:
    def test_posts_the_detection_as_json(self, tmp_path, server, lines):
        run_to_end(load(tmp_path, webhook(f"{server.url}/api?x=1")))
        assert lines() == []
        [(path, content_type, body)] = server.posts
        assert (path, content_type) == ("/api?x=1", "application/json")
        assert json.loads(body) == {"time": 1.84, "keyword": "computer", "confidence": 0.96875}

    def test_refused_by_the_server(self, tmp_path, server, lines):
        run_to_end(load(tmp_path, webhook(f"{server.url}/missing")))
        assert len(lines()) == 1
        assert lines()[0].endswith(
            "webhook for 'computer' at 1.84 s failed: the server answered 404 Not Found"
        )

    def test_no_server(self, tmp_path, server, lines):
        server.shutdown()
        server.server_close()
        run_to_end(load(tmp_path, webhook(server.url)))
        assert len(lines()) == 1
        assert "refused" in lines()[0]

    @pytest.mark.parametrize("code", [301, 302, 307, 308])
    def test_a_redirect_does_not_lose_the_body(self, tmp_path, server, lines, code):
        twice = f"{server.url}/redirect/{code}/{server.url}/redirect/{code}/../../there?y=2"
        run_to_end(load(tmp_path, webhook(twice)))
        assert lines() == []
        bodies = [json.loads(body) for _, _, body in server.posts]
        assert len(bodies) == 3
        assert server.posts[-1][:2] == ("/there?y=2", "application/json")
        assert bodies[-1] == {"time": 1.84, "keyword": "computer", "confidence": 0.96875}

    @pytest.mark.parametrize("seed", range(8))
    def test_a_redirect_is_followed_with_the_body_or_is_one_line(
        self, tmp_path, server, lines, seed
    ):
        chance = random.Random(seed)
        code = chance.choice([300, 301, 302, 303, 304, 305, 306, 307, 308, 399])
        target = chance.choice(
            ["", server.url + "/there", "/there", "ftp://127.0.0.1/x", "http://["]
        )
        run_to_end(load(tmp_path, webhook(f"{server.url}/redirect/{code}/{target}")))
        arrived = [body for path, kind, body in server.posts if path == "/there" and kind != "GET"]
        assert len(arrived) + len(lines()) == 1
        assert all(kind != "GET" for _, kind, _ in server.posts)

    def test_a_redirect_from_tls_to_plain_text_is_refused(self):
        redirects = http_post._Redirects()
        request = Request("https://one/", b"body", method="POST")
        with pytest.raises(KwsError, match="answered 302 Found, so nothing was sent to http://one"):
            redirects.redirect_request(request, None, 302, "Found", {}, "http://one/")
        request = Request("http://one/", b"body", {"Content-Type": "a/b"}, method="POST")
        again = redirects.redirect_request(request, None, 302, "Found", {}, "https://two/")
        assert (again.full_url, again.data, again.get_method()) == ("https://two/", b"body", "POST")
        assert again.headers == {"Content-type": "a/b"}

    def test_redirects_in_a_circle_end(self, tmp_path, server, lines):
        run_to_end(load(tmp_path, webhook(f"{server.url}/circle")))
        assert len(lines()) == 1
        assert "infinite loop" in lines()[0]
        assert len(server.posts) < 20

    def test_a_server_that_drips_blocks_nothing(self, tmp_path, monkeypatch, lines):
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        dripping = []

        def drip(listener):
            with suppress(OSError):  # the test has closed it
                while True:
                    connection, _ = listener.accept()
                    dripping.append(connection)
                    threading.Thread(target=drip_to, args=(connection,), daemon=True).start()

        def drip_to(connection):
            try:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while connection.send(b"x"):
                    time.sleep(0.05)
            except OSError:
                dripping.remove(connection)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=drip, args=(listener,), daemon=True).start()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            actions = load(tmp_path, webhook(url, "timeout = 0.5"))
            for count in (1, 2):
                actions.run(COMPUTER)
                wait_until(lambda count=count: len(lines()) == count)
                assert lines()[-1].endswith("failed: not done within 0.5 s, abandoned")
            wait_until(lambda: not dripping)

    def test_hanging_server(self, tmp_path, server, lines):
        run_to_end(load(tmp_path, webhook(f"{server.url}/hang", "timeout = 2")))
        assert len(lines()) == 1
        assert lines()[0].endswith("failed: not done within 2 s, abandoned")
        wait_until(lambda: server.posts)
        assert len(server.posts) == 1


@pytest.fixture
def function(tmp_path, monkeypatch):
    """Load an action that calls act() of a new module in the folder of the actions file."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    name = f"home_{tmp_path.name}"

    def loaded(source, more=""):
        (tmp_path / f"{name}.py").write_text(source)
        text = f'[[action]]\nkeyword = "computer"\npython = "{name}:act"\n{more}\n'
        return load(tmp_path, text), sys.modules[name]

    yield loaded
    sys.modules.pop(name, None)


class TestFunction:
    def test_is_called_with_the_detection(self, function, lines):
        actions, module = function("calls = []\ndef act(d): calls.append(d)\n")
        run_to_end(actions)
        assert lines() == []
        assert module.calls == [COMPUTER]

    def test_that_raises(self, function, lines):
        actions, _ = function("def act(d): raise ValueError('no\\nlights')\n")
        run_to_end(actions)
        assert len(lines()) == 1
        assert lines()[0].endswith("python for 'computer' at 1.84 s failed: ValueError: no lights")

    def test_that_exits(self, function, lines):
        actions, _ = function("import sys\ndef act(d): sys.exit('bye')\n")
        run_to_end(actions)
        assert len(lines()) == 1
        assert lines()[0].endswith("failed: SystemExit: bye")

    def test_past_its_timeout_is_abandoned_and_not_piled_up(self, function, lines):
        source = "import threading\nrelease = threading.Event()\ndef act(d): release.wait(3600)\n"
        actions, module = function(source, "timeout = 0.5")
        actions.run(COMPUTER)
        wait_until(lambda: len(lines()) == 1)
        assert lines()[0].endswith("failed: not done within 0.5 s, abandoned")
        actions.run(COMPUTER)
        wait_until(lambda: len(lines()) == 2)
        assert lines()[1].endswith("failed: not started, an earlier one still hangs")
        module.release.set()
        actions.close(PATIENCE)
        assert len(lines()) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="its sound devices are plugins of ALSA")
class TestSound:
    PLAY = """if True:
        from kws.action import Actions
        from kws.posterior import Detection
        actions = Actions.load("actions.toml", ["computer"])
        actions.run(Detection(16000, "computer", 0.9))
        actions.close(60)"""

    @pytest.fixture
    def ding(self, tmp_path):
        """int16 [frames, 2] of a sound; an actions file that plays it is written, too."""
        seconds = np.arange(4410)[:, None] / 22050
        ding = np.round(20000 * np.sin(2 * np.pi * np.array([880, 660]) * seconds)).astype(np.int16)
        soundfile.write(tmp_path / "ding.flac", ding, 22050)
        (tmp_path / "actions.toml").write_text('[[action]]\nkeyword="*"\nsound = "ding.flac"\n')
        return ding

    def test_is_played_whole_by_portaudio(self, tmp_path, ding):
        (tmp_path / "asound.conf").write_text(
            f"""pcm.null {{ type null }}
            pcm.default {{ type file, file "{tmp_path}/played", format raw, slave.pcm null }}"""
        )
        result = fresh_python(self.PLAY, tmp_path, ALSA_CONFIG_PATH=str(tmp_path / "asound.conf"))
        assert result.returncode == 0, result.stderr
        assert "failed" not in result.stderr, result.stderr
        played = np.fromfile(tmp_path / "played", np.float32).reshape(-1, 2)
        np.testing.assert_array_equal(played[: len(ding)] * 32768, ding)
        assert not played[len(ding) :].any()

    def test_without_an_output_device_is_one_line(self, tmp_path, ding):
        (tmp_path / "asound.conf").write_text(
            """pcm.null { type null }
            pcm.default { type hw, card 31 }
            ctl.default { type hw, card 31 }"""
        )
        result = fresh_python(self.PLAY, tmp_path, ALSA_CONFIG_PATH=str(tmp_path / "asound.conf"))
        assert result.returncode == 0
        failures = [line for line in result.stderr.splitlines() if "failed" in line]
        assert len(failures) == 1
        assert "PortAudioError" in failures[0]
        assert "Traceback" not in result.stderr

    def test_without_portaudio_is_one_line(self, tmp_path, ding):
        hidden = """if True:
        import ctypes.util
        find = ctypes.util.find_library
        ctypes.util.find_library = lambda name: None if "portaudio" in name else find(name)
        """
        result = fresh_python(hidden + self.PLAY.removeprefix("if True:"), tmp_path)
        assert result.returncode == 0
        assert result.stderr.count("\n") == 1
        assert "PortAudio library not found" in result.stderr
