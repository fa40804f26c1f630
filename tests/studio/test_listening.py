"""Test how a listening session ends when its source fails in a way that nobody expects."""

from __future__ import annotations

import asyncio
import threading

import pytest
from waiting import PATIENCE

pytest.importorskip("starlette", reason="kws[studio] is not here")

from kws.model_file import ModelFile, find
from kws.ring_buffer import RingBuffer
from kws.studio.listening import ListeningSession


class _Broken:
    """Be a source that fails when a test says so."""

    name, live, overflows = "a broken microphone", True, 0

    def __init__(self) -> None:
        self.fails = threading.Event()

    def __enter__(self) -> _Broken:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def fill(self, ring: RingBuffer) -> bool:
        self.fails.wait(PATIENCE)
        raise RuntimeError("the driver is gone")


def test_an_unexpected_error_ends_the_session_for_those_who_follow(caplog) -> None:
    source = _Broken()
    session = ListeningSession(ModelFile.load(find("home")), source, None)
    assert session.state()["active"]

    async def follow() -> list[tuple[str, dict, bool]]:
        source.fails.set()
        followed = session.events.follow(0)
        return [(each.kind, each.values, session.active) async for each in followed if each]

    ends = asyncio.run(asyncio.wait_for(follow(), PATIENCE))
    error = "internal error: the driver is gone"
    assert ends == [("ended", {"error": error}, False)]
    assert (session.state()["active"], session.state()["error"]) == (False, error)
    assert "Traceback" in caplog.text
