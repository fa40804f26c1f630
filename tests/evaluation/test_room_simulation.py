"""Test simulated rooms: where sound arrives, how it decays, that they are the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from kws.config import SAMPLE_RATE
from kws.evaluation.room_simulation import (
    ROOMS,
    RT60,
    SOUND,
    impulse_response,
    reverberation_time,
    simulated_rooms,
)


def test_rooms_decay_as_they_should_and_are_the_same_every_time() -> None:
    rooms = simulated_rooms(seed=3)
    assert len(rooms) == ROOMS
    for rt60, response in zip(np.linspace(*RT60, ROOMS), rooms, strict=True):
        assert reverberation_time(response) == pytest.approx(rt60, rel=0.1)
        assert np.abs(response[:3]).max() == pytest.approx(1, abs=0.3)  # the direct sound
    assert all(np.array_equal(a, b) for a, b in zip(rooms, simulated_rooms(seed=3), strict=True))
    assert not np.array_equal(rooms[0], simulated_rooms(seed=4)[0])


def test_the_first_reflection_comes_when_geometry_says() -> None:
    """A floor that alone is near: its image is as far below it as the talker is above."""
    sides, height = np.array([60.0, 60.0, 60.0]), 1.2
    talker, microphone = np.array([30.0, 30, height]), np.array([32.0, 30, height])
    random = np.random.default_rng(1)
    response = impulse_response(sides, talker, microphone, 0.5, 0.02, random)
    late = (np.hypot(2, 2 * height) - 2) / SOUND * SAMPLE_RATE
    found = 20 + int(np.argmax(response[20:]))
    assert found == pytest.approx(late, abs=0.15 / SOUND * SAMPLE_RATE)
    assert response[found] / response[:3].max() == pytest.approx(
        0.5 * 2 / np.hypot(2, 2 * height), rel=0.3
    )


def test_the_time_of_a_plain_decay() -> None:
    decay = np.random.default_rng(1).standard_normal(SAMPLE_RATE) * 10 ** (
        -3 * np.arange(SAMPLE_RATE) / SAMPLE_RATE / 0.5
    )
    assert reverberation_time(decay.astype(np.float32)) == pytest.approx(0.5, rel=0.05)
