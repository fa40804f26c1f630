"""Find the frames of an MP3 file, and the headers that say how many there should be.

Format: MPEG-1 layer III, ISO/IEC 11172-3, and its extension to lower rates, ISO/IEC 13818-3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from kws.audio.file_part import Content, Part

BITRATES = {  # kbit/s of layer III, by whether the version is MPEG-1
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def mp3_parts(content: Content) -> Iterator[Part]:
    """Yield the parts of an MP3 file, each with at most one header that says its length."""
    position = _after_id3(content, 0)
    if not _frame_length(content, position):
        return
    start = first = 0  # where the part begins, with and without the frame of its header
    frames, promise = 0, -1  # promise: frames; -1: there is no header
    while position < len(content):
        length = _frame_length(content, position)
        said = _promised_frames(content, position) if length else -1
        if said >= 0:
            if frames:
                yield _mp3_part(start, first, position, frames, promise)
                start = position
            first, frames, promise = position + length, 0, said
        elif length:
            frames += 1
        position = position + length if length else _next_frame(content, position)
    yield _mp3_part(start, first, None, frames, promise)


def _mp3_part(start: int, first: int, end: int | None, frames: int, promise: int) -> Part:
    """Return a part with its header where that promises all frames, else without it."""
    if promise >= frames:
        return Part(start, end)
    return Part(first if promise >= 0 else start, end, endless=True, promised=False)


def _after_id3(content: Content, position: int) -> int:
    """Return the end of the tags and zeros that begin at a position."""
    while content[position : position + 3] == b"ID3":
        size = 0
        for byte in content[position + 6 : position + 10]:
            size = size << 7 | byte & 127
        position += 10 + size
    while position < len(content) and not content[position]:
        position += 1
    return position


def _next_frame(content: Content, position: int) -> int:
    """Return where the next two frames of layer III begin after damage or a tag, or the end."""
    while (position := content.find(b"\xff", position + 1)) >= 0:
        length = _frame_length(content, position)
        if length and _frame_length(content, position + length):
            return position
    return len(content)


def _frame_length(content: Content, position: int) -> int:
    """Return the bytes of the frame of layer III that begins at a position; 0: there is none."""
    header = content[position : position + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, index = header[1] >> 3 & 3, header[2] >> 2 & 3
    if version not in RATES or index == 3:
        return 0
    kilobits = BITRATES[version == 3][header[2] >> 4]
    padding = header[2] >> 1 & 1
    factor = 144_000 if version == 3 else 72_000
    return kilobits and factor * kilobits // RATES[version][index] + padding


def _promised_frames(content: Content, position: int) -> int:
    """Return how many frames a Xing or Info header in this frame promises; -1: it is none."""
    second, fourth = content[position + 1], content[position + 3]
    mono, first_version = fourth >> 6 == 3, second >> 3 & 3 == 3
    side = (17 if mono else 32) if first_version else (9 if mono else 17)
    tag = content[position + 4 + side : position + 16 + side]
    if tag[:4] not in (b"Xing", b"Info") or len(tag) < 12:
        return -1
    flags, frames = struct.unpack(">4xII", tag)
    return int(frames) if flags & 1 else 0
