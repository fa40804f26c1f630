"""Test audio files from a pipe."""

from __future__ import annotations

import io
import tempfile

import pytest
import soundfile
from command_line import all_keywords, kws, refused

from kws.audio import piped_file
from kws.audio.piped_file import PipedFile
from kws.errors import KwsError


def encoded(form: str) -> bytes:
    """Return the sample with all keywords as a file."""
    content = io.BytesIO()
    soundfile.write(content, all_keywords(), 16_000, format=form)
    return content.getvalue()


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG"])
def test_a_file_from_a_pipe_gives_the_detections_of_the_file(tmp_path, form):
    content = encoded(form)
    (tmp_path / "file").write_bytes(content)
    pipe = {"stdin": None, "input": content, "text": False}
    piped = kws("listen", "--wav", "-", "--json", **pipe).stdout
    assert piped == kws("listen", "--wav", tmp_path / "file", "--json", text=False).stdout
    assert piped.count(b"\n") == 4


@pytest.mark.parametrize("content", ["", "To be read aloud.\n" * 99])
def test_what_is_not_an_audio_file_is_one_line(content):
    message = refused(kws("listen", "--wav", "-", stdin=None, input=content))
    assert message.startswith("standard input: no audio that can be read (")


def test_a_wav_into_the_stream_of_raw_samples_is_one_line():
    process = kws("listen", "--stdin", stdin=None, input=encoded("WAV"), text=False)
    assert (process.returncode, process.stdout) == (1, b"")
    assert process.stderr.endswith(
        b"standard input is a WAV file, not raw samples; `kws listen --wav -` reads it\n"
    )


def test_nothing_is_left_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with PipedFile(io.BytesIO(encoded("WAV"))) as file:
        assert file.name == "standard input"
        assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(KwsError, match=r"^standard input: cut short, "):
        PipedFile(io.BytesIO(encoded("WAV")[:-99]))
    assert not list(tmp_path.iterdir())


def test_a_pipe_without_end_and_no_temporary_folder_are_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(piped_file, "MAX_BYTES", 1 << 20)
    longer = io.BytesIO(bytes(2 << 20))
    with pytest.raises(KwsError, match="standard input is longer than 1 MiB; give a file"):
        PipedFile(longer)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(KwsError, match="no temporary folder can be made: No such file"):
        PipedFile(io.BytesIO())
