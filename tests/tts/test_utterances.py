"""Test that utterances are reproducible, kept, named by voice, and fail with one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import skip_without

from kws.audio.encode import encode
from kws.config import SAMPLE_RATE
from kws.data.clips import partition_of
from kws.errors import KwsError
from kws.tts.carrier_sentences import carrier_sentence
from kws.tts.utterances import file_name, read_keyword_in_sentence, synthesise
from kws.tts.voices import Voice, installed_voices


@pytest.fixture
def voices() -> list[Voice]:
    """Return a few quick voices."""
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    return [Voice("espeak-ng", name) for name in ("en-us", "en-gb+f2", "en-us+m3", "en-029")]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.mark.slow
def test_utterances_are_the_same_again_and_only_the_missing_are_made(tmp_path, voices):
    progress = []
    first = synthesise(["lumen", "lemon"], 4, tmp_path / "a", 1, voices=voices)
    again = synthesise(
        ["lumen", "lemon"],
        6,
        tmp_path / "b",
        1,
        voices=voices,
        progress=lambda *counts: progress.append(counts),
    )
    assert progress == [(made, 12) for made in range(1, 13)]
    made, more = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert len(made) == len(first) == 8
    assert len(more) == len(again) == 12
    assert made.items() <= more.items()
    kept = {path: path.stat().st_mtime_ns for path in again[:5]}
    for path in again[5:]:
        path.unlink()
    assert synthesise(["lumen", "lemon"], 6, tmp_path / "b", 1, voices=voices) == again
    assert contents(tmp_path / "b") == more
    assert kept == {path: path.stat().st_mtime_ns for path in kept}


def test_another_seed_draws_other_voices(tmp_path, voices):
    one, two = (
        synthesise(["lumen"], 6, tmp_path / str(seed), seed, voices=voices) for seed in (1, 2)
    )
    assert [path.read_bytes() for path in one] != [path.read_bytes() for path in two]


def test_utterances_of_another_voice_are_kept(tmp_path, voices):
    one = synthesise(["lumen"], 5, tmp_path, 1, voices=voices[:2])
    assert synthesise(["lumen"], 5, tmp_path, 1, voices=voices[2:]) == one


def test_utterances_are_recordings_split_by_voice(tmp_path, voices):
    paths = synthesise(["lumen"], 8, tmp_path, 1, prefix="synth-", voices=voices)
    for path in paths:
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (SAMPLE_RATE, 1, "PCM_16")
        voice = path.stem.split("@")[1]
        assert partition_of(path) == partition_of(Path(f"synth-other_phrase-3@{voice}.wav"))


def test_long_texts_have_names_of_their_own(tmp_path, voices):
    texts = ["a word " * 20 + end for end in ("here", "there")]
    assert len({path.name for path in synthesise(texts, 1, tmp_path, 1, voices=voices[:1])}) == 2
    assert file_name("it's a/b, ok?") == "it's_a_b_ok"


def test_a_folder_that_cannot_be_written(tmp_path, voices):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KwsError, match="file"):
        synthesise(["lumen"], 1, tmp_path / "file" / "deeper", 1, voices=voices)


def test_a_voice_that_fails_ends_it_and_leaves_nothing_unfinished(tmp_path, voices):
    with pytest.raises(KwsError, match="voice does not exist"):
        synthesise(["lumen"], 3, tmp_path, 1, voices=[Voice("espeak-ng", "nobody")])
    assert not contents(tmp_path)


def test_a_full_disk_is_one_line(tmp_path, voices, monkeypatch):
    skip_without("/dev/full", Path("/dev/full").exists())
    (tmp_path / "b").mkdir()
    full = tmp_path / "b" / ".unfinished"
    full.symlink_to("/dev/full")
    monkeypatch.setattr("kws.atomic_write.unfinished_path", lambda path: full)
    with pytest.raises(KwsError, match="cannot be written") as error:
        synthesise(["lumen"], 1, tmp_path / "b", 1, voices=voices)
    assert "\n" not in str(error.value)
    assert not contents(tmp_path / "b")


def test_speech_is_audible(tmp_path, voices):
    [path] = synthesise(["good morning"], 1, tmp_path, 1, voices=voices)
    assert np.abs(soundfile.read(path)[0]).max() > 0.05


def test_a_synthesiser_that_fails_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    program = tmp_path / "flite"
    program.write_text("#!/bin/sh\necho no data >&2; exit 3\n")
    program.chmod(0o755)
    skip_without("espeak-ng", shutil.which("espeak-ng"))
    (tmp_path / "espeak-ng").symlink_to(str(shutil.which("espeak-ng")))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert {voice.synthesiser for voice in installed_voices()} == {"espeak-ng"}
    assert "flite is left out: speech synthesis: flite: no data" in caplog.messages


@pytest.mark.slow
def test_keywords_in_sentences_are_kept_with_their_span(tmp_path, voices):
    progress = []

    def made(count: int) -> list[Path]:
        return synthesise(
            ["lumen"],
            count,
            tmp_path,
            1,
            voices=[*voices, Voice("flite", "slt")],
            carrier=carrier_sentence,
            progress=lambda *counts: progress.append(counts),
        )

    skip_without("flite", shutil.which("flite"))
    first = made(6)
    spoken = [read_keyword_in_sentence(path) for path in first]
    assert len(first) == 6
    for samples, start, end in spoken:
        assert 0 <= start < end <= len(samples)
        assert 0.2 < (end - start) / SAMPLE_RATE < 0.9
        assert np.abs(samples[start:end]).max() > 1000
    assert len({len(samples) for samples, _, _ in spoken}) == 6
    progress.clear()
    again = made(8)
    assert again[:6] == first
    assert progress == [(1, 2), (2, 2)]


def test_a_sentence_without_its_keyword_is_left_out(tmp_path, voices, caplog):
    assert not synthesise(["..."], 1, tmp_path, 1, voices=voices, carrier=carrier_sentence)
    assert "is left out" in caplog.text
    assert not contents(tmp_path)


def test_a_file_that_does_not_say_where_the_keyword_is(tmp_path, voices):
    [path] = synthesise(["lumen"], 1, tmp_path, 1, voices=voices)
    with pytest.raises(KwsError, match="does not say where the keyword is"):
        read_keyword_in_sentence(path)
    path.write_bytes(encode(np.zeros(9, np.int16), comment="2 10"))
    with pytest.raises(KwsError, match="is not within it"):
        read_keyword_in_sentence(path)


def test_children_are_a_share_and_change_no_other_utterance(tmp_path, voices):
    usual, mixed, children = (
        synthesise(["lumen"], 8, tmp_path / str(share), 1, voices=voices, children=share)
        for share in (0.0, 0.5, 1.0)
    )
    same = [a.read_bytes() == b.read_bytes() for a, b in zip(usual, mixed, strict=True)]
    assert 0 < sum(same) < 8
    assert not any(a.read_bytes() == b.read_bytes() for a, b in zip(usual, children, strict=True))
