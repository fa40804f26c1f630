"""Test that a public dataset is downloaded, checked and unpacked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from download_server import FILES, Server, archive, serving

from kws.data.public_datasets import PUBLIC_DATASETS, PublicDataset, get
from kws.errors import KwsError


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def small(server, tmp_path) -> PublicDataset:
    content = archive(tmp_path / "made.tar.gz", *FILES).read_bytes()
    server.content = content
    digest = hashlib.sha256(content).hexdigest()
    return PublicDataset("small", "A set", "CC0", server.url, len(content), 1000, digest)


@pytest.mark.slow
def test_a_dataset_arrives_over_a_broken_connection(server, small, tmp_path, capsys):
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


@pytest.mark.parametrize("other", [False, True])
def test_an_archive_that_is_there_is_checked_before_it_is_unpacked(
    server, small, tmp_path, caplog, other
):
    there = tmp_path / ".small.tar.gz"
    members = (("one/other.wav", b"other"),) if other else FILES
    archive(there, *members)
    if not other:
        there.write_bytes(server.content)
    folder = get(small, tmp_path / "small")
    assert not (folder / "one" / "other.wav").exists()
    assert (folder / "one" / "a_nohash_0.wav").exists()
    assert len(server.requests) == other
    assert len(caplog.records) == other


def test_an_archive_that_unpacks_to_far_more_is_refused(server, small, tmp_path):
    few = PublicDataset(*{**vars(small), "unpacked": 4}.values())
    with pytest.raises(KwsError, match="holds more than it may"):
        get(few, tmp_path / "small")


def test_the_folder_has_the_name_of_the_archive(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert get(small, None) == tmp_path / "set"


def test_a_disk_that_is_too_small(small, tmp_path):
    huge = PublicDataset(*{**vars(small), "unpacked": 10**18}.values())
    with pytest.raises(KwsError, match=r": 1000000000\.0 GB are needed, \d+\.\d GB are free"):
        get(huge, tmp_path / "small")
    assert not (tmp_path / "small").exists()


def test_known_checksums_are_checksums():
    for known in PUBLIC_DATASETS.values():
        assert len(bytes.fromhex(known.sha256)) == 32
        assert known.url.startswith("https://")
        assert known.folder == known.url.rpartition("/")[2].removesuffix(".tar.gz")
