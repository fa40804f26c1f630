"""Test that all audio of a file is decoded, whatever its header or libsndfile says of its length.

Further inputs of each kind are made at random from fixed seeds.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys

import numpy as np
import pytest
import soundfile
from conftest import skip_without

from kws.audio.audio_file import AudioFile, read_audio
from kws.audio.containers import W64_DATA, parts_of
from kws.audio.flac_frames import last_sample
from kws.data.clips import inspect, partition_of
from kws.errors import KwsError
from kws.ring_buffer import RingBuffer

UNKNOWN = 0xFFFFFFFF


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9000, 9000, count).astype(np.int16)


def chunk(name: bytes, content: bytes, size: int | None = None, order: str = "<") -> bytes:
    """Return a chunk of RIFF that claims `size` bytes; None: the true size."""
    said = len(content) if size is None else size
    return struct.pack(f"{order}4sI", name, said) + content + bytes(len(content) % 2)


def wav(data: bytes, size: int | None, whole: int = 4088, order: str = "<") -> bytes:
    form = struct.pack(f"{order}HHIIHH", 1, 1, 16_000, 32_000, 2, 16)
    name = b"RIFX" if order == ">" else b"RIFF"
    body = b"WAVE" + chunk(b"fmt ", form, order=order) + chunk(b"data", data, size, order)
    return struct.pack(f"{order}4sI", name, whole) + body


def rf64(data: bytes, size: int) -> bytes:
    """Return an RF64 whose ds64 chunk claims `size` bytes of samples."""
    sizes = struct.pack("<QQQI", size and size + 72, size, size // 2, 0)
    form = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)
    body = b"WAVE" + chunk(b"ds64", sizes) + chunk(b"fmt ", form) + chunk(b"data", data, UNKNOWN)
    return struct.pack("<4sI", b"RF64", UNKNOWN) + body


@pytest.mark.parametrize("seed", range(12))
def test_a_wav_whose_header_promises_too_little_is_read_to_its_end(tmp_path, seed):
    random = np.random.default_rng(seed)
    samples = noise(int(random.integers(100, 20_000)), seed)
    order = "<>"[seed % 2]
    said = 2 * int(random.integers(0, len(samples))) if seed > 1 else 0
    content = wav(
        samples.astype(f"{order}i2").tobytes(), said, int(random.integers(0, 9999)), order
    )
    (tmp_path / "short.wav").write_bytes(content)
    np.testing.assert_array_equal(read_audio(tmp_path / "short.wav"), samples)
    recording = inspect(tmp_path / "short.wav")
    assert recording.seconds == len(samples) / 16_000
    assert not recording.converted


@pytest.mark.parametrize("size", [0, 2_000, 20_000])
def test_an_rf64_is_read_to_its_end(tmp_path, size):
    samples = noise(10_000)
    (tmp_path / "long.wav").write_bytes(rf64(samples.tobytes(), size))
    np.testing.assert_array_equal(read_audio(tmp_path / "long.wav"), samples)


def test_a_truncated_rf64_is_an_error(tmp_path):
    (tmp_path / "cut.wav").write_bytes(rf64(noise(1_000).tobytes(), 1 << 33))
    with pytest.raises(KwsError, match="cut short, 8589932592 bytes of its audio are missing"):
        AudioFile(tmp_path / "cut.wav")


@pytest.mark.parametrize(
    "after",
    [
        chunk(b"LIST", b"INFOISFT" + bytes(30)),
        chunk(b"LIST", bytes(40))[:30],
        chunk(b"abcd", b"odd") + chunk(b"efgh", b"even"),
        b"TAG" + bytes(125),
        b"ID3\4" + bytes(60),
        b"\0\1\2",
    ],
)
def test_what_follows_the_samples_of_a_finished_wav_is_not_audio(tmp_path, after):
    samples = noise(1_000)
    (tmp_path / "tags.wav").write_bytes(wav(samples.tobytes(), None) + after)
    np.testing.assert_array_equal(read_audio(tmp_path / "tags.wav"), samples)


def encoded(path, seconds: float, rate: int, form: str, kind: str, channels: int = 1) -> bytes:
    """Return a sweep in a compressed format."""
    time = np.arange(round(seconds * rate)) / rate
    wave = np.sin(2 * np.pi * (300 + 200 * time) * time) / 4
    soundfile.write(
        path, np.repeat(wave[:, None], channels, axis=1), rate, format=form, subtype=kind
    )
    return path.read_bytes()


OGG = [("OPUS", 48_000), ("OPUS", 16_000), ("VORBIS", 44_100), ("VORBIS", 16_000)]


@pytest.mark.parametrize("seed", range(6))
def test_all_links_of_a_chained_ogg_are_decoded(tmp_path, seed):
    random = np.random.default_rng(seed)
    links, expected = [], []
    for _ in range(random.integers(2, 5)):
        kind, rate = OGG[random.integers(len(OGG))]
        one = tmp_path / "one.ogg"
        links.append(encoded(one, random.uniform(0.3, 2), rate, "OGG", kind, random.integers(1, 3)))
        expected.append(read_audio(one))
    path = tmp_path / "chained.ogg"
    path.write_bytes(b"".join(links))
    np.testing.assert_array_equal(read_audio(path), np.concatenate(expected))
    assert inspect(path).seconds == pytest.approx(sum(map(len, expected)) / 16_000)


def test_a_damaged_link_does_not_silence_those_after_it(tmp_path):
    link = encoded(tmp_path / "one.opus", 1.0, 48_000, "OGG", "OPUS")
    heads = link.index(b"OpusTags")  # the second page: without it the link has no header
    broken = link[:heads] + bytes(20) + link[heads + 20 :]
    (tmp_path / "chained.opus").write_bytes(link + broken + link)
    blocks, ring = [], RingBuffer(64_000)

    def read() -> None:
        with AudioFile(tmp_path / "chained.opus") as recording:
            while recording.fill(ring):
                blocks.append(ring.read(ring.available))

    with pytest.raises(KwsError, match=r"damaged or cut short after 1\.00 s"):
        read()
    assert len(np.concatenate(blocks)) == 32_000


def mp3(path, seconds: float, rate: int = 44_100, channels: int = 1) -> tuple[bytes, bytes]:
    """Return an MP3 with the header that says its length, and without it."""
    content = encoded(path, seconds, rate, "MP3", "MPEG_LAYER_III", channels)
    start = content.index(b"\xff")
    assert b"Xing" in content[:100] or b"Info" in content[:100]
    return content, content[content.index(content[start : start + 2], start + 2) :]


@pytest.mark.parametrize("seed", range(8))
def test_an_mp3_without_a_header_is_decoded_to_its_end(tmp_path, seed):
    random = np.random.default_rng(seed)
    rate = (16_000, 22_050, 44_100, 48_000)[seed % 4]
    path = tmp_path / "streamed.mp3"
    seconds = random.uniform(3, 9)
    _, without = mp3(path, seconds, rate, int(random.integers(1, 3)))
    path.write_bytes(without)
    assert len(read_audio(path)) == pytest.approx(16_000 * seconds, abs=3_000)
    assert inspect(path).seconds == pytest.approx(seconds, abs=0.2)
    path.write_bytes(b"ID3\4\0\0\0\0\1\0" + bytes(128) + without + b"TAG" + bytes(125))
    assert len(read_audio(path)) == pytest.approx(16_000 * seconds, abs=3_000)


@pytest.mark.parametrize("seed", range(6))
def test_all_parts_of_a_concatenated_mp3_are_decoded(tmp_path, seed):
    random = np.random.default_rng(seed)
    path, contents, seconds = tmp_path / "joined.mp3", [], 0.0
    for _ in range(random.integers(2, 5)):
        length = random.uniform(0.5, 4)
        contents.append(mp3(path, length, 44_100)[random.integers(2)])
        seconds += length
    path.write_bytes(b"".join(contents))
    assert len(read_audio(path)) == pytest.approx(16_000 * seconds, abs=1_500 * len(contents))


def test_the_header_of_an_mp3_may_promise_too_little(tmp_path):
    path = tmp_path / "short.mp3"
    content = bytearray(mp3(path, 6.0)[0])
    tag = max(content.find(b"Xing"), content.find(b"Info"))
    content[tag + 8 : tag + 12] = struct.pack(">I", 20)
    path.write_bytes(content)
    assert len(read_audio(path)) == pytest.approx(96_000, abs=1_500)


def test_an_mp3_cut_short_of_its_header_is_an_error_and_without_a_header_is_not(tmp_path):
    path = tmp_path / "cut.mp3"
    with_header, without = mp3(path, 6.0)
    path.write_bytes(with_header[: len(with_header) // 2])
    with pytest.raises(KwsError, match="damaged or cut short after"):
        read_audio(path)
    path.write_bytes(without[: len(without) // 2])
    assert len(read_audio(path)) == pytest.approx(48_000, abs=8_000)


@pytest.mark.parametrize("form", ["wav", "flac", "ogg", "opus", "mp3"])
def test_random_damage_is_one_line_or_audio(tmp_path, form):
    path = tmp_path / f"damaged.{form}"
    kind = {"ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"), "mp3": ("MP3", "MPEG_LAYER_III")}
    whole = encoded(path, 1.0, 16_000, *kind.get(form, (form.upper(), "PCM_16")))
    for seed in range(40):
        random = np.random.default_rng(seed)
        content = bytearray(whole * int(random.integers(1, 3)))
        for place in random.integers(0, min(len(content), 400 if seed % 2 else 10**9), 4):
            content[place] = random.integers(256)
        path.write_bytes(content[: random.integers(len(content) // 2, len(content) + 1)])
        with contextlib.suppress(KwsError):
            read_audio(path)


@pytest.mark.parametrize("name", [b"caf\xe9", b"\xff\xfe", "naïve".encode(), b"a\nb"])
@pytest.mark.parametrize("suffix", [b".wav", b".ogg"])
def test_a_file_name_may_have_any_bytes(tmp_path, name, suffix):
    skip_without("file names of any bytes", sys.platform == "linux")
    plain = tmp_path / "plain.ogg"
    content = encoded(plain, 1.0, 16_000, suffix[1:].decode().upper(), None)
    path = tmp_path / os.fsdecode(name + suffix)
    path.write_bytes(content)
    assert len(read_audio(path)) == 16_000
    assert inspect(path).seconds == 1.0
    assert 0 <= partition_of(path) < 8


def test_a_file_that_is_complete_is_one_part(tmp_path):
    for form, kind in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("MP3", None), ("OGG", "VORBIS")):
        encoded(tmp_path / "one", 1.0, 16_000, form, kind)
        [part] = parts_of(tmp_path / "one")
        assert part.is_whole_file


@pytest.mark.parametrize("form", ["AU", "AIFF"])
@pytest.mark.parametrize("seed", range(3))
def test_other_formats_are_read_to_their_ends_or_are_an_error(tmp_path, form, seed):
    samples = noise(20_000, seed)
    path = tmp_path / "file"
    soundfile.write(path, samples, 16_000, format=form, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    np.testing.assert_array_equal(read_audio(path), samples)
    missing = int(np.random.default_rng(seed).integers(1, 30_000))
    path.write_bytes(content[:-missing])
    with pytest.raises(KwsError, match=f"cut short, {missing} bytes of its audio are missing"):
        AudioFile(path)
    size = 8 if form == "AU" else content.index(b"SSND") + 4
    content[size : size + 4] = bytes(4)  # never set
    path.write_bytes(content)
    np.testing.assert_array_equal(read_audio(path), samples)


def written(tmp_path, samples, format, subtype="PCM_16"):
    path = tmp_path / f"written.{format.lower()}"
    soundfile.write(path, samples, 16_000, format=format, subtype=subtype)
    return path, path.read_bytes()


def with_count(flac: bytes, count: int) -> bytes:
    """Return a FLAC whose header says another count of samples, 36 bits at byte 21."""
    number = (flac[21] & 0xF0) << 32 | count
    return flac[:21] + number.to_bytes(5, "big") + flac[26:]


@pytest.mark.parametrize("seed", range(8))
def test_a_flac_that_promises_too_little_is_read_to_its_end(tmp_path, seed):
    random = np.random.default_rng(seed)
    samples = noise(int(random.integers(20, 40_000)), seed)
    path, content = written(tmp_path, samples, "FLAC", ["PCM_16", "PCM_24"][seed % 2])
    assert last_sample(content) == len(samples)
    tag = b"TAG" + bytes(125)
    for said in (0, 1, int(random.integers(1, len(samples))), len(samples)):
        for after in (b"", tag):
            path.write_bytes(with_count(content, said) + after)
            assert np.array_equal(read_audio(path), samples), (said, len(after))


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000, 96_000, 12_345, 200_000])
def test_the_last_frame_of_a_flac_at_any_rate(tmp_path, rate):
    count = int(np.random.default_rng(rate).integers(20, 30_000))
    stereo = np.stack([noise(count, 1), noise(count, 2)], axis=1)
    soundfile.write(tmp_path / "stereo.flac", stereo, rate)
    assert last_sample((tmp_path / "stereo.flac").read_bytes()) == count


def test_a_flac_that_was_cut_short_is_refused(tmp_path):
    path, content = written(tmp_path, noise(30_000), "FLAC")
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(KwsError, match="damaged or cut short after"):
        read_audio(path)
    path.write_bytes(with_count(content, 30_001))
    with pytest.raises(KwsError, match=r"damaged or cut short after 1\.8"):
        read_audio(path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("format", ["W64", "CAF"])
def test_a_w64_or_caf_that_was_cut_short_is_refused(tmp_path, format, kept):
    path, content = written(tmp_path, noise(30_000), format)
    header = len(content) - 60_000
    path.write_bytes(content[: header + round(kept * 60_000)])
    with pytest.raises(KwsError, match=f"cut short, {60_000 - round(kept * 60_000)} bytes of its"):
        read_audio(path)


@pytest.mark.parametrize("said", [0, 24, 24 + 2 * 1000, 2**63 - 1, 2**64 - 1])
def test_a_w64_whose_size_was_never_set_is_read_to_its_end(tmp_path, said):
    samples = noise(30_000)
    path, content = written(tmp_path, samples, "W64")
    at = content.index(W64_DATA) + 16
    path.write_bytes(content[:at] + struct.pack("<Q", said) + content[at + 8 :])
    assert np.array_equal(read_audio(path), samples)


@pytest.mark.parametrize("said", [0, -1, 4, 4 + 2 * 1000, 2**63 - 1])
@pytest.mark.parametrize("order", ["LITTLE", "BIG"])
def test_a_caf_whose_size_is_unknown_or_too_small_is_read_to_its_end(tmp_path, said, order):
    samples = noise(30_000)
    path = tmp_path / "written.caf"
    soundfile.write(path, samples, 16_000, format="CAF", subtype="PCM_16", endian=order)
    content = path.read_bytes()
    at = content.index(b"data") + 4
    path.write_bytes(content[:at] + struct.pack(">q", said) + content[at + 8 :])
    assert np.array_equal(read_audio(path), samples)
    following = struct.pack(">4sq", b"info", 4) + bytes(4)
    path.write_bytes(content + following)  # a chunk after the samples is none of them
    assert np.array_equal(read_audio(path), samples)


@pytest.mark.parametrize("seed", range(6))
def test_damaged_headers_are_one_line(tmp_path, seed):
    """Change bytes of the headers: what comes is audio or a KwsError."""
    random = np.random.default_rng(seed)
    for format in ("FLAC", "W64", "CAF"):
        path, content = written(tmp_path, noise(3000), format)
        damaged = bytearray(content)
        for at in random.integers(0, min(200, len(content)), 4):
            damaged[at] = random.integers(0, 256)
        path.write_bytes(damaged)
        with contextlib.suppress(KwsError):
            read_audio(path)
