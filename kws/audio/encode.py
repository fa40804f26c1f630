"""Encode samples as an audio file in memory, so that writing it reports a full disk as one."""

from __future__ import annotations

import io
from typing import Literal

from kws.audio.libsndfile import soundfile
from kws.config import SAMPLE_RATE
from kws.types import Samples


def encode(
    samples: Samples, file_format: Literal["FLAC", "WAV"] = "FLAC", comment: str = ""
) -> bytes:
    """Return int16 samples [n] at 16 kHz as the content of an audio file, with a comment if any.

    libsndfile, which writes files itself, says of a full disk that a decoder is wrong, or nothing.
    """
    content = io.BytesIO()
    with soundfile.SoundFile(content, "w", SAMPLE_RATE, 1, "PCM_16", format=file_format) as file:
        if comment:
            file.comment = comment
        file.write(samples)
    return content.getvalue()
