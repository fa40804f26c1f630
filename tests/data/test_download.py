"""Test downloads from a server that breaks off, refuses or sends other files; and unpacking."""

from __future__ import annotations

import errno
import gzip
import os
import random
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import skip_without
from download_server import CONTENT, DIGEST, FILES, Server, archive, serving

from kws.data import download as download_module
from kws.data.download import ATTEMPTS, download, unfinished, unpack
from kws.errors import KwsError


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def fetch(server: Server, path: Path, **options: object) -> None:
    download(server.url, path, DIGEST, pause=0.0, **options)


def test_a_file_arrives_complete_with_progress(server, tmp_path):
    seen = []
    path = tmp_path / "new" / "set.tar.gz"
    fetch(server, path, progress=lambda *counts: seen.append(counts))
    assert path.read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [p.name for p in path.parent.iterdir()] == ["set.tar.gz"]


def test_broken_connections_are_resumed_where_they_broke(server, tmp_path):
    server.cuts = [300_000, 0, 250_000]
    fetch(server, tmp_path / "set")
    assert (tmp_path / "set").read_bytes() == CONTENT
    assert server.requests == [None, "bytes=300000-", "bytes=300000-", "bytes=550000-"]


def test_another_call_requests_the_rest_alone(server, tmp_path):
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


def test_a_complete_partial_file_is_only_checked(server, tmp_path):
    unfinished(tmp_path / "set").write_bytes(CONTENT)
    fetch(server, tmp_path / "set")
    assert server.requests == [f"bytes={len(CONTENT)}-"]
    assert (tmp_path / "set").read_bytes() == CONTENT


def test_a_partial_file_that_is_too_long_is_started_again(server, tmp_path):
    unfinished(tmp_path / "set").write_bytes(CONTENT + b"more")
    fetch(server, tmp_path / "set")
    assert (tmp_path / "set").read_bytes() == CONTENT


@pytest.mark.parametrize("existing", [b"", b"of another file"])
def test_a_wrong_checksum_leaves_nothing(server, tmp_path, existing):
    server.content = CONTENT[:-1] + b"!"
    unfinished(tmp_path / "set").write_bytes(existing)
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


@pytest.mark.parametrize("length", ["abc", "-5", "9" * 5000])
def test_a_length_that_is_none_is_one_line(server, tmp_path, length):
    server.length = length
    with pytest.raises(KwsError, match=f"set.tar.gz: the server states a length .*: '{length[:3]}"):
        fetch(server, tmp_path / "set")


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


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


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


@pytest.mark.parametrize("there", [0, 10, len(CONTENT) - 1])
def test_a_server_that_sends_more_is_refused(server, tmp_path, there):
    path = tmp_path / "set.tar.gz"
    path.with_name("set.tar.gz.part").write_bytes(CONTENT[:there])
    server.content = CONTENT * 5
    with pytest.raises(KwsError, match="the server sends more than the 1000000 bytes") as error:
        download(server.url, path, DIGEST, size=len(CONTENT))
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []
    server.content = CONTENT
    download(server.url, path, DIGEST, size=len(CONTENT))
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ([("a/" * 2000 + "b", b"")], "a path that is too long: 'a/a/"),
        ([("a" * 2000, b"")], "a path that is too long: 'aaa"),
        ([("a\0b", b"")], "damaged"),
        ([("one", b"1" * 60), ("two", b"2" * 60)], "holds more than it may, at 'two'"),
        ([(f"{number}", b"") for number in range(11)], "holds more than it may, at '10'"),
    ],
)
def test_an_archive_that_is_too_large(tmp_path, monkeypatch, members, complaint):
    monkeypatch.setattr(download_module, "MAX_MEMBERS", 10)
    path = archive(tmp_path / "set.tar.gz", *members)
    if "\0" in members[0][0]:
        info = tarfile.TarInfo("a")
        info.pax_headers = {"path": "a\0b"}
        path = archive(tmp_path / "set.tar.gz", (info, b""))
    with pytest.raises(KwsError, match=complaint) as error:
        unpack(path, tmp_path / "set", size=100)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400
    assert [path.name for path in tmp_path.iterdir()] == ["set.tar.gz"]


def test_a_sparse_file_of_terabytes_is_refused(tmp_path):
    info = tarfile.TarInfo("sparse")
    info.pax_headers = {
        "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(10**13),
        "GNU.sparse.map": f"{10**13},0",
    }  # fmt: skip
    path = archive(tmp_path / "set.tar.gz", (info, b""))
    with pytest.raises(KwsError, match="holds more than it may, at 'sparse'"):
        unpack(path, tmp_path / "set", size=1000)


@pytest.mark.parametrize("seed", range(150))
def test_a_damaged_tar_in_a_good_gzip_is_one_line_or_unpacked(tmp_path, seed):
    chance = random.Random(seed)
    path = archive(tmp_path / "set.tar.gz", *FILES, ("long/" * 30 + "name", b"x" * 600))
    content = bytearray(gzip.decompress(path.read_bytes()))
    for _ in range(chance.randint(1, 4)):
        position = chance.randrange(len(content))
        content[position : position + 12] = chance.choice(
            [chance.randbytes(12), b"777777777777", b"\xff" * 12, b"\x80" + bytes(10) + b"\xff"]
        )
    if chance.random() < 0.7:  # with the checksum of the first header right
        header = bytearray(content[:512])
        header[148:156] = b" " * 8
        content[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(gzip.compress(content, 1))
    fault = ""
    try:
        unpack(path, tmp_path / "set", size=10_000)
    except KwsError as error:
        fault = str(error)
    assert "\n" not in fault
    assert (tmp_path / "set").exists() == (not fault)
