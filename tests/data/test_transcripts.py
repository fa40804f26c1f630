"""Test what is said in recordings, by a folder's index.tsv."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws.data.transcripts import read_transcripts
from kws.errors import KwsError


def test_texts_are_words_without_marks(tmp_path: Path) -> None:
    (tmp_path / "index.tsv").write_text(
        "file\tseconds\tspeaker\ttext\n"
        'a.opus\t1.0\tx\t[beep] "Hello,  World!" {breath}\n'
        "b.opus\t1.0\tx\t\n"
        "c.opus\t1.0\tx\n"
    )
    said = read_transcripts(tmp_path)
    assert said == {
        tmp_path / "a.opus": "hello world",
        tmp_path / "b.opus": "",
        tmp_path / "c.opus": "",
    }


def test_a_folder_without_an_index_has_no_texts(tmp_path: Path) -> None:
    assert read_transcripts(tmp_path) == {}


@pytest.mark.parametrize("content", [b"", b"path\ttext\n", b"file\ttext\n\xff\xff\n"])
def test_another_file_of_that_name_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "index.tsv").write_bytes(content)
    with pytest.raises(KwsError, match=r"index\.tsv: "):
        read_transcripts(tmp_path)


def test_a_row_without_a_file_is_named_and_files_outside_of_the_folder_do_not_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index = tmp_path / "in" / "index.tsv"
    index.parent.mkdir()
    index.write_text("text\tfile\nhi\ta.wav\nhello\n")
    with pytest.raises(KwsError, match=r"index\.tsv:3: no file in it"):
        read_transcripts(index.parent)
    index.write_text(f"text\tfile\nx\t../b.wav\ny\t{tmp_path}/c.wav\nhi\ta.wav\nyou\ta.wav\n")
    assert read_transcripts(index.parent) == {index.parent / "a.wav": "hi you"}
    assert "index.tsv: 2 files outside of its folder" in caplog.text
