"""Notifications of a board are decoded; what is not a detection is refused."""

from __future__ import annotations

import random

import pytest

from kws.audio import ble
from kws.errors import KwsError
from kws.posterior import Detection

KEYWORDS = ["computer", "smart mirror"]


def content(count: int, keyword: int = 1, confidence: int = 16384, sample: int = 24_000) -> bytes:
    return ble.DETECTION_FORMAT.pack(count, keyword, confidence, sample)


def test_a_notification_is_decoded() -> None:
    assert ble.decode(content(7), KEYWORDS) == (7, Detection(24_000, "smart mirror", 0.5))
    months = 16_000 * 3600 * 24 * 365
    assert ble.decode(content(2**32 - 1, sample=months), KEYWORDS)[1].time == 3600 * 24 * 365


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        (content(1, keyword=2), "the board detected its keyword 2, but has named 2"),
        (content(1)[:-1], "the board sent 14 bytes, a detection has 15"),
        (b"", "the board sent 0 bytes"),
        (content(1, confidence=32769), "the board sent a confidence of 1.00, which is above 1"),
        (content(1, confidence=65535), "the board sent a confidence of 2.00, which is above 1"),
    ],
)
def test_anything_else_is_refused(sent: bytes, fault: str) -> None:
    with pytest.raises(KwsError, match=fault):
        ble.decode(sent, KEYWORDS)


@pytest.mark.parametrize("sent", [b"", b"computer\n", b"\n", b"a\n \nb"])
def test_keywords_without_a_name_are_refused(sent: bytes) -> None:
    with pytest.raises(KwsError, match="a keyword without a name"):
        ble.decode_keywords(sent)


@pytest.mark.parametrize("seed", range(20))
def test_keywords_are_printable_and_of_bounded_length(seed: int) -> None:
    sent = random.Random(seed).randbytes(512)
    try:
        names = ble.decode_keywords(sent)
    except KwsError:
        return
    assert len(names) == sent.count(b"\n") + 1
    assert all(name.isprintable() and len(name) <= 64 for name in names)
