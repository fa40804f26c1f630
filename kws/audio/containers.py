"""Find the parts of an audio file that libsndfile decodes one by one, with headers mended.

libsndfile ends at the end of the first link of a chained Ogg stream, where the header of an MP3 or
its own estimate ends, and where the header of a WAV ends that its writer never finished. It reads
what there is of a WAVE64 that was cut short, and refuses a CAF of unknown length.

Formats: RIFF, Multimedia Programming Interface and Data Specifications 1.0, IBM and Microsoft,
1991; RF64, EBU Tech 3306; WAVE64, Sonic Foundry, 1998; AIFF 1.3, Apple, 1989; Core Audio Format
1.0, Apple, 2011; Ogg, RFC 3533.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from kws.audio.file_part import Content, Part
from kws.audio.flac_frames import flac_part
from kws.audio.mp3_frames import mp3_parts
from kws.errors import KwsError

# A program that writes a WAV into a pipe cannot know its length: sox, espeak-ng and arecord put
# about 2 GiB there, others 4 GiB.
STREAMED_BYTES = 0x7FFF0000
UNKNOWN_SIZE = 0xFFFFFFFF
# What may follow the samples of a WAV: tags of songs, and chunks that may be cut short.
TAGS = (b"TAG", b"ID3", b"APETAGEX")
CHUNKS = (b"LIST", b"JUNK", b"PAD ", b"bext", b"cue ", b"fact", b"iXML", b"id3 ", b"smpl")

W64_RIFF = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
W64_DATA = b"data" + bytes.fromhex("f3acd3118cd100c04f8edb8a")
CAF_CHUNK = struct.Struct(">4sq")


def parts_of(path: Path) -> list[Part]:
    """Return the parts of a file, one at least.

    Raises:
        KwsError: the file lacks some of the bytes of samples that its header promises.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return [Part()]
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and content[8:12] == b"WAVE":
                return [_wav_part(path, content)]
            if content[:4] == b"FORM" and content[8:12] in (b"AIFF", b"AIFC"):
                return [_aiff_part(path, content)]
            if content[:4] == b".snd" and len(content) >= 24:
                return [_au_part(path, content)]
            if content[:16] == W64_RIFF:
                return [_w64_part(path, content)]
            if content[:4] == b"caff":
                return [_caf_part(path, content)]
            if content[:4] == b"fLaC" and len(content) > 42:
                return [flac_part(content)]
            if content[:4] == b"OggS":
                return list(_ogg_links(content))
            return list(mp3_parts(content)) or [Part()]


def _wav_part(path: Path, content: Content) -> Part:
    """Return a WAV as one part, its sizes mended where its writer never set them."""
    order = ">" if content[:4] == b"RIFX" else "<"
    wide = 0  # where the ds64 chunk has its sizes of 64 bits
    for chunk, size, position in _chunks(content, 12, struct.Struct(f"{order}4sI"), 2):
        if chunk == b"data":
            present = len(content) - position
            promised = size
            if wide and size == UNKNOWN_SIZE:
                promised = struct.unpack("<Q", content[wide + 8 : wide + 16])[0]
            elif size >= STREAMED_BYTES:
                promised = present if present < size else size
            _require_all(path, promised, present)
            if _is_finished(content, position + promised, order):
                return Part()
            return Part(patches=_sizes(position, present, wide, order))
        if chunk == b"ds64":
            wide = position
    return Part()


def _aiff_part(path: Path, content: Content) -> Part:
    """Return an AIFF as one part; libsndfile reads one whose writer never set its sizes."""
    for chunk, size, position in _chunks(content, 12, struct.Struct(">4sI"), 2):
        if chunk == b"SSND":
            _require_all(path, size if size < STREAMED_BYTES else 0, len(content) - position)
            break
    return Part()


def _au_part(path: Path, content: Content) -> Part:
    """Return an AU file as one part, read to its end if its size is unknown or too small."""
    offset, size = struct.unpack(">II", content[4:12])
    present = len(content) - offset
    _require_all(path, size if size < STREAMED_BYTES else 0, present)
    if size >= present:
        return Part()
    return Part(patches=((8, struct.pack(">I", UNKNOWN_SIZE)),))


def _w64_part(path: Path, content: Content) -> Part:
    """Return a WAVE64 as one part; libsndfile reads it to its end, whatever its size says."""
    # After the file's own GUID, size and form; the size of a chunk counts its header.
    for chunk, size, position in _chunks(content, 40, struct.Struct("<16sQ"), 8, counted=True):
        if chunk == W64_DATA:
            _require_all(path, size, len(content) - position)
            break
    return Part()


def _caf_part(path: Path, content: Content) -> Part:
    """Return a CAF as one part, its size mended where it is unknown, unset or too small."""
    for chunk, size, position in _chunks(content, 8, CAF_CHUNK, 1):
        if chunk == b"data":
            present = len(content) - position
            _require_all(path, size, present)
            if 4 < size <= present and _is_caf_chunk(content, position + size):
                return Part()
            return Part(patches=((position - 8, struct.pack(">q", present)),))
    return Part()


def _chunks(
    content: Content, position: int, header: struct.Struct, padding: int, counted: bool = False
) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each chunk from a position on, the size and position of its content.

    Args:
        content: the file.
        position: of the first chunk's header.
        header: of a chunk, its name and size.
        padding: chunks are padded to a multiple of so many bytes.
        counted: the size in the header counts the header.
    """
    while len(read := content[position : position + header.size]) == header.size:
        chunk, size = header.unpack(read)
        size -= header.size if counted else 0
        position += header.size
        yield chunk, size, position
        position += max(0, size + -size % padding)


def _is_caf_chunk(content: Content, position: int) -> bool:
    """Return whether the file ends at a position, or chunks follow up to its end."""
    for chunk, size, start in _chunks(content, position, CAF_CHUNK, 1):
        if size < 0 or not all(32 <= byte < 127 for byte in chunk):
            return False
        position = start + size
    return position >= len(content)


def _require_all(path: Path, promised: int, present: int) -> None:
    if present < promised < 1 << 62:
        missing = promised - present
        raise KwsError(f"{path}: cut short, {missing} bytes of its audio are missing")


def _is_finished(content: Content, end: int, order: str) -> bool:
    """Return whether what follows the samples of a WAV, from `end`, is not samples as well."""
    position = end + end % 2
    if len(content) - position < 8 or content[position : position + 8].startswith(TAGS + CHUNKS):
        return True
    for chunk, size, start in _chunks(content, position, struct.Struct(f"{order}4sI"), 2):
        if not all(32 <= byte < 127 for byte in chunk):
            return False
        position = start + size + size % 2
    return position - len(content) in (0, 1)


def _sizes(start: int, present: int, wide: int, order: str) -> tuple[tuple[int, bytes], ...]:
    """Return the patches that give a WAV's samples, from `start`, all `present` bytes."""
    whole = start - 8 + present
    if wide:
        return ((wide, struct.pack("<QQQ", whole, present, 0)),)
    sizes = [struct.pack(f"{order}I", min(size, UNKNOWN_SIZE)) for size in (whole, present)]
    return ((4, sizes[0]), (start - 4, sizes[1]))


def _ogg_links(content: Content) -> Iterator[Part]:
    """Yield the links of a chained Ogg stream: each begins with pages that begin a stream."""
    start = position = 0
    begins = True  # whether all pages of the link so far begin a stream
    while (position := content.find(b"OggS", position)) >= 0:
        header = content[position : position + 27]
        if len(header) < 27 or header[4]:  # cut short, or not a page
            position += 4
            continue
        if not header[5] & 2:
            begins = False
        elif not begins:
            yield Part(start, position, promised=False)
            start, begins = position, True
        position += 27 + header[26] + sum(content[position + 27 : position + 27 + header[26]])
    yield Part(start, None, promised=False) if start else Part(promised=False)
