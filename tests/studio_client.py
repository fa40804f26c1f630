"""Run kws studio as a user does, and ask it as a browser or another program would."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from command_line import started
from waiting import PATIENCE, wait_until

from kws.process_lock import holder_of
from kws.studio.job_process import LOCK

SECONDS = 3600  # that a studio runs at most: the tests of a module share it


class StudioClient:
    """Send requests to a running studio."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._parts = urlsplit(url)

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"127.0.0.1:{self._parts.port}"

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of an answer."""
        parts = self._parts
        if parts.scheme == "https":
            trusting = ssl._create_unverified_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self.address, timeout=PATIENCE, context=trusting
            )
        else:
            connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """Return the JSON at a path."""
        status, _, body = self.ask("GET", path)
        assert status == 200, body
        return json.loads(body)

    def send(self, method: str, path: str, **values: object) -> tuple[int, Any]:
        """Send JSON; return status and JSON of the answer."""
        kind = {"Content-Type": "application/json"}
        status, _, body = self.ask(method, path, json.dumps(values).encode(), kind)
        return status, json.loads(body)

    def events(self, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield kind and values of server-sent events until the stream ends."""
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif "event" in fields:
                yield fields["event"], json.loads(fields["data"])
                fields = {}
        connection.close()


def wait_for_jobs(workspace: Path) -> None:
    """Wait until no process of a job is left: it changes the workspace until it has ended."""
    wait_until(lambda: all(holder_of(lock) is None for lock in workspace.glob(f"*/*/{LOCK}")))


@contextmanager
def running_studio(workspace: Path, *options: object) -> Iterator[StudioClient]:
    """Start a studio at a free port; yield a client of it."""
    with started("studio", workspace, "--port", 0, *options, seconds=SECONDS) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith("kws studio: http"), line + process.stderr.read()
        yield StudioClient(line.split()[-1])
