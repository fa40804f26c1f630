"""Test RingBuffer: order, loss and reset, in one thread and between two."""

from __future__ import annotations

import itertools
import sys
import threading

import numpy as np
import pytest

from kws.ring_buffer import RingBuffer


def counted(start: int, stop: int) -> np.ndarray:
    return np.arange(start, stop).astype(np.int16)


@pytest.mark.parametrize(
    ("asked", "capacity"), [(1, 1), (2, 2), (3, 4), (64, 64), (65, 128), (32_000, 32_768)]
)
def test_the_capacity_is_rounded_up_to_a_power_of_two(asked, capacity):
    ring = RingBuffer(asked)
    assert ring.capacity == ring.free == capacity
    assert ring.write(counted(0, capacity + 1)) == capacity


@pytest.mark.parametrize("asked", [0, -1])
def test_no_capacity_is_an_error(asked):
    with pytest.raises(ValueError, match="holds nothing"):
        RingBuffer(asked)


def test_samples_come_out_in_order_across_the_end_of_the_memory():
    ring = RingBuffer(8)
    read = []
    for start in range(0, 70, 7):
        assert ring.write(counted(start, start + 7)) == 7
        assert (ring.available, ring.free) == (7, 1)
        read += [ring.read(3), ring.read(100)]
    np.testing.assert_array_equal(np.concatenate(read), counted(0, 70))
    assert ring.dropped == 0
    assert len(ring.read(5)) == 0


def test_samples_that_do_not_fit_are_dropped_newest_first_and_counted():
    ring = RingBuffer(8)
    assert ring.write(counted(0, 6)) == 6
    assert ring.write(counted(6, 11)) == 2
    assert ring.write(counted(11, 12)) == 0
    assert ring.dropped == 4
    np.testing.assert_array_equal(ring.read(100), counted(0, 8))


def test_samples_that_were_read_are_a_copy():
    ring = RingBuffer(4)
    ring.write(counted(0, 4))
    samples = ring.read(4)
    ring.write(counted(4, 8))
    np.testing.assert_array_equal(samples, counted(0, 4))


def test_reset_forgets_the_samples_and_the_loss():
    ring = RingBuffer(4)
    ring.write(counted(0, 3))
    ring.read(1)
    ring.write(counted(3, 9))
    ring.reset()
    assert (ring.available, ring.free, ring.dropped) == (0, 4, 0)
    ring.write(counted(20, 24))
    np.testing.assert_array_equal(ring.read(4), counted(20, 24))


def test_one_writer_and_one_reader_lose_nothing_and_keep_the_order():
    ring = RingBuffer(256)
    total = 30_000

    def write() -> None:
        written = 0
        for length in itertools.cycle(range(1, 100)):
            written += ring.write(counted(written, min(total, written + length)))
            if written == total:
                return

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # seconds; threads take turns in the middle of everything
    try:
        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        pieces = []
        while writer.is_alive() or ring.available:
            pieces.append(ring.read(77))
    finally:
        sys.setswitchinterval(interval)
    np.testing.assert_array_equal(np.concatenate(pieces), counted(0, total))
