"""Read what a page sends, bounded in size and kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request

from kws.audio.resampler import Resampler
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.foreign_text import parse_json, shortened
from kws.types import Samples

MAX_JSON = 64 * 1024  # bytes
RATES = range(8_000, 192_001)  # Hz, of browsers' microphones
PCM = "audio/l16"  # here little-endian int16, one channel, as an AudioWorklet gives it


async def read_json(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request; raise KwsError for anything else."""
    _check_kind(request, "application/json")
    value = parse_json(await _read(request, MAX_JSON), "the request")
    if not isinstance(value, dict):
        raise KwsError("the request: not a JSON object")
    return value


async def read_samples(request: Request, most_seconds: float) -> Samples:
    """Return the audio of a request at 16 kHz, int16 [n], n > 0; its rate is a query parameter.

    Raises KwsError for what is no audio, HTTPException for more than so many seconds.
    """
    _check_kind(request, PCM)
    rate = parse_rate(request.query_params.get("rate", str(SAMPLE_RATE)))
    content = await _read(request, 2 * round(rate * most_seconds))
    if not content or len(content) % 2:
        raise KwsError("the audio is empty, or ends within a sample")
    samples = np.frombuffer(content, "<i2").astype(np.int16)
    converted = Resampler(rate).push(samples, last=True)
    if not len(converted):
        raise KwsError("the audio is empty")
    return converted


def parse_rate(text: str) -> int:
    """Return a sample rate in Hz; raise KwsError for what no microphone has."""
    if not text.isascii() or not text.isdecimal() or len(text) > 6 or int(text) not in RATES:
        raise KwsError(f"sample rate {shortened(text)}: not {RATES[0]} to {RATES[-1]}")
    return int(text)


def text_of(values: dict[str, Any], key: str, default: str | None = None) -> str:
    """Return a text of a JSON object; raise KwsError where it is missing or something else."""
    value = values.get(key, default)
    if not isinstance(value, str):
        raise KwsError(f"the request: {key} is not a text")
    return value


def _check_kind(request: Request, kind: str) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != kind:
        raise HTTPException(415, f"{kind} is expected, not {shortened(given)}")


async def _read(request: Request, most: int) -> bytes:
    """Return the body; refuse one that is larger without reading on."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            raise HTTPException(413, f"more than {most} bytes")
    return bytes(content)
