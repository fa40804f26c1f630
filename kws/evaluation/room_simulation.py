"""Simulate room impulse responses (RIR) by image sources, for tests on rooms that training lacks.

After Allen and Berkley, "Image method for efficiently simulating small-room acoustics" (1979):
every reflection on the walls of a box is a source mirrored at them. Images are moved at random by a
few centimetres, or the regular room would sound of metal (De Sena et al., 2015).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, resample_poly, sosfilt

from kws.config import SAMPLE_RATE

RT60 = (0.25, 0.9)  # s: the time in which the reverberation falls by 60 dB
ROOMS = 12
SIDES = ((3.0, 9.0), (2.5, 7.0), (2.3, 3.5))  # m: length, width, height
DISTANCE = (1.0, 4.0)  # m: from the talker to the microphone
FROM_WALL = 0.4  # m, of both
SOUND = 343.0  # m/s
OVERSAMPLING = 4  # places the reflections between the samples
DISPLACEMENT = 0.05  # m, of an image along each axis
HIGH_PASS = 60.0  # Hz: all reflections are positive, which sums up to a rumble

Response = npt.NDArray[np.float32]
Double = npt.NDArray[np.float64]


def simulated_rooms(seed: int) -> list[Response]:
    """Return the responses of ROOMS rooms, from dry to reverberant."""
    random = np.random.default_rng(seed)
    return [_drawn_room(rt60, random) for rt60 in np.linspace(*RT60, ROOMS)]


def reverberation_time(response: Response) -> float:
    """Return the RT60 of a response, s, by the slope of its energy from -5 to -25 dB (T20)."""
    energy = np.cumsum(response[::-1].astype(np.float64) ** 2)[::-1]
    level = 10 * np.log10(np.maximum(energy / energy[0], 1e-12))
    return 3 * float(np.argmax(level < -25) - np.argmax(level < -5)) / SAMPLE_RATE


def _drawn_room(rt60: float, random: np.random.Generator) -> Response:
    """Return the response of a random room with a reverberation time."""
    sides = random.uniform(*np.transpose(SIDES))
    distance = 0.0
    while not DISTANCE[0] <= distance <= DISTANCE[1]:
        talker, microphone = random.uniform(FROM_WALL, sides - FROM_WALL, (2, 3))
        distance = float(np.linalg.norm(talker - microphone))
    length, width, height = sides
    surface = 2 * (length * width + length * height + width * height)
    reflection = float(np.exp(-0.161 * sides.prod() / (surface * rt60) / 2))  # by Eyring
    trial = impulse_response(sides, talker, microphone, reflection, rt60, random)
    reflection **= reverberation_time(trial) / rt60  # a box is livelier than Eyring says
    return impulse_response(sides, talker, microphone, reflection, rt60, random)


def impulse_response(
    sides: Double,
    talker: Double,
    microphone: Double,
    reflection: float,
    seconds: float,
    random: np.random.Generator,
) -> Response:
    """Return the response of a box with sides [3] between two places [3] in it, m.

    reflection: factor of the sound at each wall. The response begins with the direct sound.
    """
    rate = SAMPLE_RATE * OVERSAMPLING
    direct = float(np.linalg.norm(talker - microphone))
    reach = seconds * SOUND + direct
    response = np.zeros(int(seconds * rate))
    for distance, reflections in _images(sides, talker, microphone, reach, random):
        places = np.rint((distance - direct) / SOUND * rate).astype(np.int64)
        inside = (places >= 0) & (places < len(response))
        gains = direct * reflection**reflections / np.maximum(distance, FROM_WALL)
        response += np.bincount(places[inside], gains[inside], len(response))
    high_pass = butter(2, HIGH_PASS, "highpass", fs=SAMPLE_RATE, output="sos")
    filtered: Double = sosfilt(high_pass, OVERSAMPLING * resample_poly(response, 1, OVERSAMPLING))
    return filtered.astype(np.float32)


def _images(
    sides: Double, talker: Double, microphone: Double, reach: float, random: np.random.Generator
) -> Iterator[tuple[Double, Double]]:
    """Yield distances from the microphone and counts of reflections of images, in slices."""
    offsets, reflections = [], []
    for side, place, ear in zip(sides, talker, microphone, strict=True):
        cells = np.arange(-int(reach / side) - 1, int(reach / side) + 2)
        mirrored = np.where(cells % 2, side - place, place)
        offsets.append(cells * side + mirrored - ear)
        reflections.append(np.abs(cells))
    for along, walls in zip(offsets[0], reflections[0], strict=True):
        size = (3, len(offsets[1]), len(offsets[2]))
        moved = random.uniform(-DISPLACEMENT, DISPLACEMENT, size)
        count = walls + np.add.outer(reflections[1], reflections[2])
        moved[:, count == 0] = 0  # the direct sound
        squares = (along + moved[0]) ** 2 + (offsets[1][:, None] + moved[1]) ** 2
        distance = np.sqrt(squares + (offsets[2] + moved[2]) ** 2)
        yield distance.ravel(), count.ravel().astype(np.float64)
