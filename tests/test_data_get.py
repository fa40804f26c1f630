"""kws data get: from a local server that breaks off, refuses, and sends what was not asked for."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import os
import shutil
import socket
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from command_line import kws
from conftest import skip_without

from kws.data.download import ATTEMPTS, download, unfinished, unpack
from kws.data.public_datasets import KNOWN, KnownSet, get
from kws.errors import KwsError

CONTENT = np.random.default_rng(1).bytes(1_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `content` at any path; `cuts` are the bytes after which each next answer breaks off.

    requests: the Range header of each request, or None.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.cuts: list[int] = []
        self.ranges = True
        self.statuses: list[int] = []
        self.requests: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/set.tar.gz"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave early are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers["Range"]
        self.server.requests.append(asked)
        content, start = self.server.content, 0
        if self.server.statuses:
            self.send_error(self.server.statuses.pop(0))
            return
        if asked and self.server.ranges:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = start + self.server.cuts.pop(0) if self.server.cuts else len(content)
        self.wfile.write(content[start:end])

    def log_message(self, *arguments: object) -> None:
        """Not on the tests' output."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch(server: Server, path: Path, **options: object) -> None:
    download(server.url, path, DIGEST, pause=0.0, **options)


def test_a_file_comes_whole_with_progress(server, tmp_path):
    seen = []
    path = tmp_path / "new" / "set.tar.gz"
    fetch(server, path, progress=lambda *state: seen.append(state))
    assert path.read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [p.name for p in path.parent.iterdir()] == ["set.tar.gz"]


def test_broken_connections_are_taken_up_where_they_broke(server, tmp_path):
    server.cuts = [300_000, 0, 250_000]
    fetch(server, tmp_path / "set")
    assert (tmp_path / "set").read_bytes() == CONTENT
    assert server.requests == [None, "bytes=300000-", "bytes=300000-", "bytes=550000-"]


def test_another_call_asks_for_the_rest_alone(server, tmp_path):
    server.cuts = [400_000] + [0] * ATTEMPTS
    with pytest.raises(KwsError, match=r"connection broke off, 0\.4 MB are there.* goes on"):
        fetch(server, tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == ["set.part"]
    server.requests.clear()
    fetch(server, tmp_path / "set")
    assert server.requests == ["bytes=400000-"]
    assert (tmp_path / "set").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all_of_it_again(server, tmp_path):
    server.ranges = False
    server.cuts = [400_000]
    fetch(server, tmp_path / "set")
    assert server.requests == [None, "bytes=400000-"]
    assert (tmp_path / "set").read_bytes() == CONTENT


def test_a_part_that_is_all_there_is_checked_alone(server, tmp_path):
    unfinished(tmp_path / "set").write_bytes(CONTENT)
    fetch(server, tmp_path / "set")
    assert server.requests == [f"bytes={len(CONTENT)}-"]
    assert (tmp_path / "set").read_bytes() == CONTENT


def test_a_part_of_a_longer_file_is_begun_anew(server, tmp_path):
    unfinished(tmp_path / "set").write_bytes(CONTENT + b"more")
    fetch(server, tmp_path / "set")
    assert (tmp_path / "set").read_bytes() == CONTENT


@pytest.mark.parametrize("part", [b"", b"of another file"])
def test_a_wrong_checksum_leaves_nothing_behind(server, tmp_path, part):
    server.content = CONTENT[:-1] + b"!"
    unfinished(tmp_path / "set").write_bytes(part)
    with pytest.raises(KwsError, match="wrong checksum"):
        fetch(server, tmp_path / "set")
    assert not list(tmp_path.iterdir())


def test_a_server_in_trouble_is_asked_again_and_a_refusal_is_not(server, tmp_path):
    server.statuses = [503, 500]
    fetch(server, tmp_path / "set")
    server.requests.clear()
    server.statuses = [404]
    with pytest.raises(KwsError, match=r"set\.tar\.gz: the server answers 404 Not Found$"):
        fetch(server, tmp_path / "other")
    assert server.requests == [None]


def test_no_network_is_one_line(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/set"
        with pytest.raises(KwsError, match=r"no connection: Connection refused; is there a netw"):
            download(url, tmp_path / "set", DIGEST, pause=0.0)
    with pytest.raises(KwsError, match="no URL that can be fetched"):
        download("nonsense", tmp_path / "set", DIGEST)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_line(server, tmp_path):
    skip_without("/dev/full", Path("/dev/full").exists())
    unfinished(tmp_path / "set").symlink_to("/dev/full")
    with pytest.raises(KwsError, match=f"{os.strerror(errno.ENOSPC)}; free some space"):
        fetch(server, tmp_path / "set")
    assert not (tmp_path / "set").exists()


# Archives


def archive(path: Path, *members: tuple[tarfile.TarInfo | str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member, content in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


FILES = (("./one/a_nohash_0.wav", b"sound"), ("./README.md", b"text"), ("./one/b.wav", b""))


def test_an_archive_is_unpacked(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()  # empty
    unpack(archive(tmp_path / "set.tar.gz", (special("./", tarfile.DIRTYPE), b""), *FILES), folder)
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}
    assert found == {name.removeprefix("./"): content for name, content in FILES}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "set.tar.gz"]


@pytest.mark.parametrize(
    ("member", "complaint"),
    [
        ("/etc/passwd", "leads elsewhere: '/etc/passwd'"),
        ("one/../../outside", "leads elsewhere"),
        ("..", "leads elsewhere"),
        ("one\\..\\..\\outside", "leads elsewhere"),
        ("C:outside", "leads elsewhere"),
        (special("link", tarfile.SYMTYPE, ".."), "more than files and folders: 'link'"),
        (special("link", tarfile.LNKTYPE, "README.md"), "more than files and folders"),
        (special("pipe", tarfile.FIFOTYPE), "more than files and folders"),
    ],
)
def test_an_archive_that_would_leave_its_folder(tmp_path, member, complaint):
    path = archive(tmp_path / "set.tar.gz", *FILES, (member, b""), ("link/outside", b"!"))
    with pytest.raises(KwsError, match=complaint):
        unpack(path, tmp_path / "deep" / "set")
    assert not list((tmp_path / "deep").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "set.tar.gz"]


def test_a_damaged_archive_leaves_nothing(tmp_path):
    path = archive(tmp_path / "set.tar.gz", ("one/a.wav", CONTENT))
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for content in (b"", b"no archive", whole[: len(whole) // 2], flipped, gzip.compress(b"text")):
        path.write_bytes(content)
        with pytest.raises(KwsError, match=r"set\.tar\.gz: ") as error:
            unpack(path, tmp_path / "set")
        assert "\n" not in str(error.value)
        assert [path.name for path in tmp_path.iterdir()] == ["set.tar.gz"]


# Known sets


@pytest.fixture
def small(server, tmp_path) -> KnownSet:
    content = archive(tmp_path / "made.tar.gz", *FILES).read_bytes()
    server.content = content
    digest = hashlib.sha256(content).hexdigest()
    return KnownSet("small", "A set", "CC0", server.url, len(content), 1000, digest)


def test_a_set_is_got_in_spite_of_a_broken_connection(server, small, tmp_path, capsys):
    server.cuts = [small.size // 2]
    folder = get(small, tmp_path / "data" / "small")
    assert (folder / "one" / "a_nohash_0.wav").read_bytes() == b"sound"
    assert [path.name for path in folder.parent.iterdir()] == ["small"]
    assert capsys.readouterr().out.splitlines() == [
        "downloading small",
        "unpacking",
        f"A set (CC0) is in {folder}",
    ]
    with pytest.raises(KwsError, match="small: is there already, and not empty"):
        get(small, folder)


def test_a_set_is_called_as_its_archive(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert get(small, None) == tmp_path / "set"


def test_a_disk_that_is_too_small(small, tmp_path):
    huge = KnownSet(*{**vars(small), "unpacked": 10**18}.values())
    with pytest.raises(KwsError, match=r": 1000000000\.0 GB are needed, \d+\.\d GB are free"):
        get(huge, tmp_path / "small")
    assert not (tmp_path / "small").exists()


def test_known_checksums_are_checksums():
    for known in KNOWN.values():
        assert len(bytes.fromhex(known.sha256)) == 32
        assert known.folder == known.url.rpartition("/")[2].removesuffix(".tar.gz")


def test_the_list():
    shown = kws("data", "list").stdout
    assert all(known.name in shown and known.url in shown for known in KNOWN.values())
    assert '"name": "speech-commands"' in kws("data", "list", "--json").stdout


def test_the_command(server, tmp_path):
    process = kws("data", "get", "nonsense")
    names = "speech-commands, speech-commands-v0.01"
    assert process.stderr == f"kws: error: no dataset named 'nonsense'; known are {names}\n"
    known = KNOWN["speech-commands"]
    if shutil.disk_usage(tmp_path).free < known.size + known.unpacked:
        pytest.skip("too little free space for the real set")
    folder = tmp_path / "set"
    process = kws("data", "get", known.name, "--output", folder, "--url", server.url)
    assert process.returncode == 1
    assert process.stderr.startswith(f"kws: error: {server.url}: wrong checksum")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("in the way")
    process = kws("data", "get", known.name, "--output", tmp_path / "file")
    assert process.stderr == f"kws: error: {tmp_path}/file: is there already, and not empty\n"
