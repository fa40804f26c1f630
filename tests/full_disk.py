"""Give a test a disk of a few kilobytes, which is soon full."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import skip_without


@contextmanager
def full_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """Mount a file system in memory, which only root of Linux may; skip the test elsewhere."""
    place = folder / "disk"
    place.mkdir()
    skip_without("root on Linux", sys.platform == "linux" and os.geteuid() == 0)
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True).returncode == 0
    skip_without("the right to mount", mounted)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
