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
        assert known.folder == known.url.rpartition("/")[2].removesuffix(".tar.gz")
