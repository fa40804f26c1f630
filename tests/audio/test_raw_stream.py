"""Test RawStream on real pipes."""

from __future__ import annotations

import contextlib
import io
import os
import threading
import time

import numpy as np
import pytest

from kws.audio.raw_stream import FORMATS, RawStream
from kws.errors import KwsError
from kws.ring_buffer import RingBuffer


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-32768, 32768, count, np.int16)


def read(source: RawStream, capacity: int = 32_000) -> np.ndarray:
    """Return all samples of a source, through a ring that must never overflow."""
    ring, blocks = RingBuffer(capacity), []
    with source:
        while source.fill(ring):
            blocks.append(ring.read(ring.available))
    assert ring.dropped == ring.available == source.overflows == 0
    return np.concatenate(blocks) if blocks else np.empty(0, np.int16)


def through_a_pipe(pieces: list[bytes]) -> RawStream:
    """Return a RawStream on a real pipe, into which a thread writes the pieces one by one."""
    reading, writing = os.pipe()

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), open(writing, "wb", buffering=0) as end:
            for piece in pieces:
                end.write(piece)

    threading.Thread(target=write, daemon=True).start()
    return RawStream(open(reading, "rb"))


@pytest.mark.parametrize("capacity", [1, 64, 32_000])
@pytest.mark.parametrize("length", [1, 3, 1_280, 100_000])
def test_a_pipe_in_pieces_of_any_length(length, capacity):
    samples = noise(20_000) if length * capacity > 3 else noise(500)
    content = samples.astype("<i2").tobytes()
    pieces = [content[start : start + length] for start in range(0, len(content), length)]
    np.testing.assert_array_equal(read(through_a_pipe(pieces), capacity), samples)


def test_a_pipe_gives_what_has_arrived_without_waiting_for_more():
    reading, writing = os.pipe()
    ring = RingBuffer(32_000)
    os.write(writing, b"\1\0\2\0")
    with open(reading, "rb") as stream, RawStream(stream) as pipe:
        assert pipe.live
        assert pipe.fill(ring)
        assert ring.read(9).tolist() == [1, 2]
        os.close(writing)
        assert not pipe.fill(ring)


def test_a_pipe_leaves_a_full_ring_alone():
    ring = RingBuffer(1)
    with RawStream(io.BytesIO(b"\1\0\2\0")) as pipe:
        assert [pipe.fill(ring) for _ in range(3)] == [True] * 3
        assert (ring.read(9).tolist(), ring.dropped) == ([1], 0)


def test_an_end_within_a_sample_is_reported_after_all_whole_samples():
    ring = RingBuffer(16)
    with RawStream(io.BytesIO(b"\1\0\2\0\3")) as pipe:
        assert pipe.fill(ring)
        with pytest.raises(KwsError, match="standard input ended within a sample"):
            pipe.fill(ring)
    assert ring.read(9).tolist() == [1, 2]


def test_an_empty_pipe_has_no_samples():
    assert len(read(RawStream(io.BytesIO()))) == 0


@pytest.mark.parametrize("start", [*FORMATS, b"RIFF"])
@pytest.mark.parametrize("length", [1, 3, 1_000])
def test_an_audio_file_instead_of_samples_is_one_line(start, length):
    content = start + noise(1_000).tobytes()
    pieces = [content[i : i + length] for i in range(0, len(content), length)]
    with pytest.raises(KwsError, match=r"is an? \w+ file, not raw samples; `kws listen --wav -`"):
        read(through_a_pipe(pieces))


@pytest.mark.parametrize("buffering", [0, -1])
@pytest.mark.parametrize("seed", range(3))
def test_a_slow_pipe_that_does_not_block_is_waited_for(buffering, seed):
    random = np.random.default_rng(seed)
    samples = noise(4_000)
    pieces = np.split(samples, np.sort(random.integers(0, len(samples), 5)))
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def write() -> None:
        for piece in pieces:
            time.sleep(random.uniform(0, 0.1))
            content = piece.tobytes()
            os.write(writing, content[:1])
            time.sleep(0.01)
            os.write(writing, content[1:])
        os.close(writing)

    threading.Thread(target=write, daemon=True).start()
    with open(reading, "rb", buffering=buffering) as stream:
        np.testing.assert_array_equal(read(RawStream(stream)), samples)


def test_a_stream_that_fails_is_one_line():
    class Broken(io.RawIOBase):
        def read(self, count: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(KwsError, match="standard input: Input/output error"):
        read(RawStream(Broken()))


def test_a_terminal_is_refused():
    pty = pytest.importorskip("pty", reason="terminals of this kind are of Unix alone")
    _, terminal = pty.openpty()
    with open(terminal, "rb") as stream, pytest.raises(KwsError, match="is a terminal"):
        RawStream(stream)
