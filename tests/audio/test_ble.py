"""Notifications of a board are decoded; what is not a detection is refused."""

from __future__ import annotations

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
    ],
)
def test_anything_else_is_refused(sent: bytes, fault: str) -> None:
    with pytest.raises(KwsError, match=fault):
        ble.decode(sent, KEYWORDS)
