"""Find the last frame of a FLAC file, which says how many samples there are.

The format is that of RFC 9639.
"""

from __future__ import annotations

from kws.audio.file_part import Content, Part

TOTAL_AT = 21  # offset of the byte whose lower half begins the count of samples, 36 bits
LONGEST_FRAME = 1 << 20  # bytes, where the header does not say
TOTAL_MASK = (1 << 36) - 1
TAG_BYTES = 4096  # that may follow the last frame
ID3_BYTES = 128  # of a tag of ID3v1, at the end of a file
BLOCK_SIZES = {1: 192} | {c: 144 << c for c in range(2, 6)} | {c: 1 << c for c in range(8, 16)}
BITS_CODES = {8: 1, 12: 2, 16: 4, 20: 5, 24: 6, 32: 7}  # of a sample
DECORRELATED = (8, 9, 10)  # left or right and the difference, mean and difference
RATE_BYTES = {12: 1, 13: 2, 14: 2}  # of the sample rate at the end of a frame's header


def flac_part(content: Content) -> Part:
    """Return a FLAC as one part, its count mended where that is unknown or too small.

    libsndfile ends where the header does, and takes a tag of ID3v1 after the samples for damage.
    """
    end = len(content) - ID3_BYTES if content[-ID3_BYTES:].startswith(b"TAG") else None
    said = int.from_bytes(content[TOTAL_AT : TOTAL_AT + 5], "big") & TOTAL_MASK
    last = last_sample(content)
    if last <= said:
        return Part(end=end)
    total = ((content[TOTAL_AT] & 0xF0) << 32 | last).to_bytes(5, "big")
    return Part(end=end, patches=((TOTAL_AT, total),))


def last_sample(content: Content) -> int:
    """Return the number of samples per channel up to the end of the last frame; 0 without one."""
    longest = int.from_bytes(content[15:18], "big") or LONGEST_FRAME
    start = max(42, len(content) - longest - TAG_BYTES)
    position = len(content)
    while (position := content.rfind(b"\xff", start, position)) >= 0:
        header = content[position : position + 16]
        if header[1:2] in (b"\xf8", b"\xf9") and (end := _frame_end(header, content)):
            return end
    return 0


def _frame_end(header: bytes, content: Content) -> int:
    """Return the number of samples up to the end of a frame; 0 if this is no header of one."""
    if len(header) < 16 or not _is_of_stream(header[3], content):
        return 0
    size_code, rate_code = header[2] >> 4, header[2] & 15
    ones = f"{header[4]:08b}0".index("0")
    length = max(1, ones)  # bytes of the number, coded as UTF-8 does
    size_bytes = {6: 1, 7: 2}.get(size_code, 0)
    size_at = 4 + length
    end = size_at + size_bytes + RATE_BYTES.get(rate_code, 0)
    if ones in (1, 8) or _crc8(header[:end]) != header[end]:
        return 0
    number = header[4] & (0x7F >> ones)
    for byte in header[5:size_at]:
        number = number << 6 | byte & 0x3F
    samples = BLOCK_SIZES.get(size_code, 0)
    if size_bytes:
        samples = int.from_bytes(header[size_at : size_at + size_bytes], "big") + 1
    # Counted in frames where all but the last have as many samples.
    first = number if header[1] == 0xF9 else number * int.from_bytes(content[8:10], "big")
    return first + samples if first + samples <= TOTAL_MASK else 0


def _is_of_stream(byte: int, content: Content) -> bool:
    """Return whether channels and bits of a frame, byte 3 of its header, are those of the file."""
    layout, bits_code, reserved = byte >> 4, byte >> 1 & 7, byte & 1
    channels = (content[20] >> 1 & 7) + 1
    bits = ((content[20] & 1) << 4 | content[21] >> 4) + 1
    fits = layout == channels - 1 or (channels == 2 and layout in DECORRELATED)
    return fits and not reserved and bits_code in (0, BITS_CODES.get(bits, 0))


def _crc8(content: bytes) -> int:
    """Return the checksum of a frame's header, polynomial x^8 + x^2 + x + 1."""
    value = 0
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value << 1 ^ (0x107 if value & 0x80 else 0)
    return value
