"""Every mistake in an actions file is an error before listening, with the file and the line."""

import re
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import soundfile
from command_line import ROOT
from conftest import skip_without

from kws.action import Actions
from kws.errors import KwsError

KEYWORDS = ["computer", "jarvis", "alexa", "smart mirror"]
GOOD = '[[action]]\nkeyword = "computer"\nwebhook = "http://localhost/"\n\n'  # lines 1 to 4
OTHER = '[[action]]\nkeyword = "jarvis"\n'  # lines 5 and 6
URL = 'webhook = "http://localhost/"\n'

MISTAKES = {
    # name: (text after GOOD, line, part of the message)
    "unknown key": (
        OTHER + URL + "timout = 5\n",
        8,
        "unknown key 'timout', did you mean 'timeout'",
    ),
    "unlike any key": (OTHER + URL + "zzz = 5\n", 8, "unknown key 'zzz', known: keyword"),
    "dotted key": (OTHER + URL + "zzz.a = 5\n", 8, "unknown key 'zzz'"),
    "table in an action": (OTHER + URL + "[action.headers]\nx = 1\n", 8, "unknown key 'headers'"),
    "unknown table": ("[[actoin]]\n", 5, "unknown key 'actoin', did you mean 'action'"),
    "unknown keyword": (
        '[[action]]\nkeyword = "Computr"\n' + URL,
        6,
        "unknown keyword 'Computr', did you mean 'computer'",
    ),
    "unknown keyword in a list": (
        '[[action]]\n# two\nkeyword = [\n  "alexa",\n  "xyz",\n]\n' + URL,
        7,
        "unknown keyword 'xyz', known: computer, jarvis, alexa, smart mirror",
    ),
    "no keyword": ("\n[[action]]\n" + URL, 6, "no keyword"),
    "keyword of a wrong type": ("[[action]]\nkeyword = 5\n" + URL, 6, "a string, not a number"),
    "empty keyword list": ("[[action]]\nkeyword = []\n" + URL, 6, "not empty"),
    "nothing to do": (OTHER, 5, "has none"),
    "two kinds": (OTHER + URL + 'sound = "x.wav"\n', 8, "has webhook and sound"),
    "timeout of a wrong type": (OTHER + 'timeout = "5"\n' + URL, 7, "a number, not a string"),
    "timeout of a boolean": (OTHER + "timeout = true\n" + URL, 7, "a number, not a boolean"),
    "timeout of a date": (OTHER + "timeout = 2020-01-01\n" + URL, 7, "not a date or time"),
    "no time": (OTHER + "timeout = 0\n" + URL, 7, "timeout must be from 0.1 to 86400, not 0"),
    "endless time": (OTHER + "timeout = inf\n" + URL, 7, "timeout must be from"),
    "confidence in per cent": (OTHER + "min_confidence = 90\n" + URL, 7, "from 0 to 1, not 90"),
    "command as a string": (
        OTHER + 'command = "echo hello"\n',
        7,
        'command must be a list, ["program", "argument"], not a string',
    ),
    "empty command": (OTHER + "command = []\n", 7, "not empty"),
    "number in a command": (OTHER + 'command = ["sleep", 5]\n', 7, "strings only, not a number"),
    "no such program": (OTHER + 'command = ["no-such-prog"]\n', 7, "no program 'no-such-prog'"),
    "no program there": (OTHER + 'command = ["./no"]\n', 7, "no program './no'"),
    "not executable": (OTHER + 'command = ["./actions.toml"]\n', 7, "no program './actions.toml'"),
    "nobody's home": (OTHER + 'command = ["~no-such-user/x"]\n', 7, "~no-such-user"),
    "NUL in a program": (OTHER + 'command = ["a\\u0000b"]\n', 7, "command holds a NUL"),
    "NUL in an argument": (OTHER + 'command = ["true", "a\\u0000b"]\n', 7, "can be given a NUL"),
    "NUL in a sound": (OTHER + 'sound = "a\\u0000b"\n', 7, "sound holds a NUL"),
    "unknown placeholder": (
        OTHER + 'command = ["true", "{key_word}"]\n',
        7,
        "unknown placeholder 'key_word', did you mean 'keyword'",
    ),
    "attribute of a placeholder": (
        OTHER + 'command = ["true", "{keyword.upper}"]\n',
        7,
        "unknown placeholder 'keyword.upper'",
    ),
    "JSON in an argument": (
        OTHER + "command = ['true', '{\"a\": 1}']\n",
        7,
        "a brace itself is written twice",
    ),
    "wrong format": (OTHER + 'command = ["true", "{keyword:.2f}"]\n', 7, "format code"),
    "brace not closed": (OTHER + 'command = ["true", "{time"]\n', 7, "'{time'"),
    "webhook of another scheme": (OTHER + 'webhook = "ftp://x/"\n', 7, "http:// or https://"),
    "webhook without scheme": (OTHER + 'webhook = "localhost:80/x"\n', 7, "http:// or https://"),
    "webhook without host": (OTHER + 'webhook = "http:///x"\n', 7, "http:// or https://"),
    "webhook with a bad port": (OTHER + 'webhook = "http://x:8o/"\n', 7, "http:// or https://"),
    "webhook with a space": (OTHER + 'webhook = "http://x/a b"\n', 7, "http:// or https://"),
    "webhook with a user": (OTHER + 'webhook = "http://a:b@x/"\n', 7, "user name"),
    "webhook of a wrong type": (OTHER + "webhook = 5\n", 7, "a string, not a number"),
    "mqtt without a broker": (OTHER + 'mqtt = "home/wake"\n', 7, "a [mqtt] table with broker ="),
    "mqtt to a wildcard": (OTHER + 'mqtt = "home/#"\n', 7, "without + and #"),
    "mqtt of a wrong type": (OTHER + "mqtt = 5\n", 7, "a string, not a number"),
    "payload of another kind": (
        OTHER + URL + 'payload = "ON"\n',
        8,
        "payload is of an mqtt action",
    ),
    "unknown placeholder in a payload": (
        OTHER + 'mqtt = "a"\npayload = "{word}"\n',
        8,
        "unknown placeholder 'word'",
    ),
    "broker without a name": (OTHER + 'mqtt = "a"\n[mqtt]\n', 8, "[mqtt] needs a broker"),
    "broker of another scheme": (
        OTHER + 'mqtt = "a"\n[mqtt]\nbroker = "tcp://x"\n',
        9,
        "mqtt://HOST[:PORT] or mqtts://HOST[:PORT], not 'tcp://x'",
    ),
    "broker with a password": (
        OTHER + 'mqtt = "a"\n[mqtt]\nbroker = "mqtt://me:secret@x"\n',
        9,
        "a URL with a user or password is seen by all users of the machine",
    ),
    "unknown key of a broker": (
        OTHER + 'mqtt = "a"\n[mqtt]\nbroker = "mqtt://x"\nport = 5\n',
        10,
        "unknown key 'port'",
    ),
    "no such sound": (OTHER + 'sound = "no.wav"\n', 7, "no sound file"),
    "no sound at all": (OTHER + 'sound = "actions.toml"\n', 7, "cannot be read as sound"),
    "sound of a wrong type": (OTHER + 'sound = ["a.wav"]\n', 7, "a string, not a list"),
    "python without function": (OTHER + 'python = "json"\n', 7, '"module:function"'),
    "no such module": (OTHER + 'python = "no_such:f"\n', 7, "No module named 'no_such'"),
    "no such function": (OTHER + 'python = "json:dunps"\n', 7, "no attribute 'dunps'"),
    "no function": (OTHER + 'python = "sys:path"\n', 7, "function of one argument"),
    "function of no argument": (OTHER + 'python = "os:getpid"\n', 7, "function of one argument"),
    "not TOML": (OTHER + URL + "timeout = = 5\n", 8, "not valid TOML: Invalid value, column 11"),
    "list not closed": (OTHER + 'command = ["true",\n\n', 7, "not valid TOML"),
    "key twice": (OTHER + URL + 'keyword = "alexa"\n', 8, "not valid TOML"),
}


class TestMistakes:
    """Report each mistake with the file and the line."""

    @pytest.fixture
    def reported(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "path", list(sys.path))

        def error(content):
            path = tmp_path / "actions.toml"
            path.write_bytes(content)
            with pytest.raises(KwsError) as caught:
                Actions.load(path, KEYWORDS)
            message = str(caught.value)
            assert "\n" not in message
            assert message.startswith(f"{path}:"), message
            line, _, problem = message.removeprefix(f"{path}:").partition(": ")
            return int(line), problem

        return error

    @pytest.mark.parametrize(("text", "line", "problem"), MISTAKES.values(), ids=MISTAKES)
    def test_after_a_good_action(self, reported, text, line, problem):
        skip_without("paho-mqtt", "[mqtt]" not in text or find_spec("paho"))
        found = reported((GOOD + text).encode())
        assert found[0] == line, found
        assert problem in found[1]

    @pytest.mark.parametrize(
        ("text", "line", "problem"),
        [
            ("\n[action]\nkeyword = 1\n", 2, "two brackets, [[action]]"),
            ("action = 5\n", 1, "two brackets, [[action]]"),
            ("# all\ntimeout = 5\n" + GOOD, 2, "timeout must stand below an [[action]] header"),
            ('mqtt = "home/wake"\n' + GOOD, 1, "mqtt must stand below an [[action]] header"),
            ('a = """\n[[action]]\n"""\n', 1, "unknown key 'a', known: action"),
            ("\n\naction = [\n {keyword = 'alexa'},\n]\n", 3, "has none"),
            (GOOD.replace("\n", "\r\n") + "[[action]]\r\nx = 1\r\n", 6, "unknown key 'x'"),
            ("\ufeff" + GOOD + "x = 1\n", 5, "unknown key 'x'"),
            ("x = " + "[" * 100_000, 1, "not valid TOML"),
        ],
    )
    def test_in_the_file_as_a_whole(self, reported, text, line, problem):
        found = reported(text.encode())
        assert found[0] == line, found
        assert problem in found[1]

    def test_not_text(self, reported):
        assert reported(GOOD.encode() + b"# \xff\n") == (5, "not UTF-8 text")

    @pytest.mark.parametrize("name", ["missing.toml", "."])
    def test_no_such_file(self, tmp_path, name):
        with pytest.raises(KwsError, match=re.escape(f"{tmp_path / name}: ")):
            Actions.load(tmp_path / name, KEYWORDS)

    def test_sounds_that_cannot_be_played(self, reported, tmp_path):
        soundfile.write(tmp_path / "cut.flac", np.arange(20000, dtype=np.int16), 16000)
        content = (tmp_path / "cut.flac").read_bytes()
        (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
        soundfile.write(tmp_path / "empty.wav", np.empty(0, np.int16), 16000)
        (tmp_path / "samples.raw").write_bytes(bytes(100))
        for name in ["cut.flac", "empty.wav", "samples.raw", "missing", "x" * 5000]:
            line, problem = reported((GOOD + OTHER + f'sound = "{name}"\n').encode())
            assert line == 7
            assert name in problem or problem.endswith("no sound")

    def test_modules_that_cannot_be_used(self, reported, tmp_path):
        (tmp_path / "kws_test_broken.py").write_text("def f(:\n")
        (tmp_path / "kws_test_exits.py").write_text("import sys\nsys.exit(3)\n")
        (tmp_path / "kws_test_async.py").write_text("async def f(detection): pass\n")
        reasons = {"broken": "SyntaxError", "exits": "SystemExit: 3", "async": "is async"}
        for name, reason in reasons.items():
            line, problem = reported((GOOD + OTHER + f'python = "kws_test_{name}:f"\n').encode())
            assert line == 7
            assert reason in problem


def test_an_empty_file_is_taken_with_a_line_that_says_so(tmp_path, caplog):
    (tmp_path / "actions.toml").write_text("# no actions yet\n")
    Actions.load(tmp_path / "actions.toml", KEYWORDS).close(0)
    assert "actions.toml: has no [[action]]" in caplog.text


def test_the_examples_of_the_documentation_are_right(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "actions.md").read_text()
    examples = re.findall(r"^```toml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    function = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "my_home.py").write_text("\n".join(function))
    soundfile.write(tmp_path / "ding.wav", np.ones(100, np.int16), 16000)
    for program in ["notify-send", "curl"]:
        (tmp_path / program).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    skip_without("paho-mqtt", find_spec("paho"))
    (tmp_path / "mqtt.password").write_text("secret\n")
    assert len(examples) == 3
    for example in examples:
        (tmp_path / "actions.toml").write_text(example)
        Actions.load(tmp_path / "actions.toml", KEYWORDS).close(0)
