"""Test kws data list and kws data get."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from command_line import kws
from download_server import Server, serving

from kws.data.public_datasets import PUBLIC_DATASETS


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_the_list():
    shown = kws("data", "list").stdout
    assert all(known.name in shown and known.url in shown for known in PUBLIC_DATASETS.values())
    assert '"name": "speech-commands"' in kws("data", "list", "--json").stdout


@pytest.mark.slow
def test_the_command(server, tmp_path):
    process = kws("data", "get", "nonsense")
    names = ", ".join(PUBLIC_DATASETS)
    assert process.stderr == f"kws: error: no dataset named 'nonsense'; known are {names}\n"
    known = PUBLIC_DATASETS["speech-commands"]
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
