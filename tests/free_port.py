"""Choose a port for a server of a test, or one where nothing listens."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Below the ports that a system gives to whoever asks for any: between this choice and the start of
# a server no other program can be given one of these.
PORTS = range(20_000, 32_000)


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    draw = random.SystemRandom()  # tests that run side by side draw different ones
    while True:
        port = draw.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
