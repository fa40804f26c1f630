"""Write kept audio as FLAC files with a line of JSON each, in a thread, bounded in number and size.

kept.jsonl names the files, the oldest first; what it does not name is never removed.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws.atomic_write import write_atomically
from kws.audio.keep import Keeper, KeptClip
from kws.config import SAMPLE_RATE
from kws.errors import KwsError
from kws.keyword_names import words_of
from kws.posterior import Detection
from kws.process_lock import locked
from kws.types import Samples

if TYPE_CHECKING:
    from kws.backend import SpotterBackend
    from kws.listener import Source

INDEX = "kept.jsonl"
LOCK = ".kws.lock"
FALSE_ALARMS = "_negative_"  # what a dataset folder calls speech without the keywords
MAX_CLIPS = 1000
MAX_BYTES = 100_000_000  # of all files; a clip of 2.5 s has about 50 KB
WAITING = 32  # clips; with one more a source waits, or one that cannot goes on without it
CLOSE_SECONDS = 10.0  # for what waits at the end
NAME_LENGTH = 40  # characters of a keyword in the name of a file
SLOW = "the disk is too slow, clips are left out"

log = logging.getLogger(__name__)


class NoKeeper:
    """Keep nothing."""

    def detected(self, detection: Detection) -> None:
        """Ignore a detection."""

    def skip(self, seconds: float) -> None:
        """Ignore a gap."""

    def then(self, on_block: Callable[[Samples], object]) -> Callable[[Samples], object]:
        """Return what to call for each block."""
        return on_block


class KeptFiles:
    """Write clips into a folder; where that fails, go on: what is live logs each reason once."""

    def __init__(
        self,
        folder: Path,
        model: str,
        max_clips: int = MAX_CLIPS,
        live: bool = True,
        waits: bool = False,
    ) -> None:
        """Open a folder, which may hold clips of before; raise KwsError where that is impossible.

        Args:
            folder: where the files go; it is made.
            model: the name of the model, for the index.
            max_clips: the oldest are removed, so that there are no more.
            live: log what fails and go on; else require_all() raises.
            waits: let a live source wait for the disk too, rather than leave clips out.
        """
        self._folder, self._model, self._max_clips = folder, model, max_clips
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._entries = deque(_read_index(folder))
        except OSError as error:
            raise KwsError(f"{error.filename or folder}: {error.strerror or error}") from error
        self._queue: queue.Queue[KeptClip | None] = queue.Queue(WAITING)
        self._live, self._waits = live, waits or not live
        self._lost: Counter[str] = Counter()  # clips that were not written, by reason
        self._taken = self._done = 0  # clips that were to be written, and those of them that were
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def keep(self, clip: KeptClip) -> None:
        """Write a clip soon; return at once where the source does not wait."""
        try:
            self._queue.put(clip, block=self._waits)
            self._taken += 1
        except queue.Full:
            self._report(SLOW)

    def close(self) -> None:
        """Wait for what is to be written, but not for ever; log how many clips are missing."""
        deadline = time.monotonic() + CLOSE_SECONDS
        with suppress(queue.Full):
            self._queue.put(None, timeout=CLOSE_SECONDS)
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if (unwritten := self._taken - self._done) > 0:
            self._lost[SLOW] += unwritten
        if self._lost and self._live:
            log.warning("%s", self._missing())

    def require_all(self) -> None:
        """Raise KwsError where clips of a source that is not live are missing."""
        if self._lost and not self._live:
            raise KwsError(self._missing())

    def _missing(self) -> str:
        count = self._lost.total()
        clips = f"{count} clip{'s are' if count > 1 else ' is'}"
        return f"{self._folder}: {', '.join(self._lost)}; {clips} not kept"

    def _work(self) -> None:
        while (clip := self._queue.get()) is not None:
            try:
                self._write(clip)
            except (OSError, RuntimeError) as error:  # soundfile's are RuntimeErrors
                self._report(getattr(error, "strerror", None) or str(error))
            self._done += 1

    def _report(self, problem: str) -> None:
        self._lost[problem] += 1
        if self._live and self._lost[problem] == 1:
            log.warning("%s: %s; listening goes on", self._folder, problem)

    def _write(self, clip: KeptClip) -> None:
        from kws.audio.encode import encode  # only where audio is kept

        content, now = encode(clip.samples), datetime.now(timezone.utc)
        name = self._new_name(clip, now)
        entry = {
            "file": name,
            "kind": "near miss" if clip.near_miss else "detection",
            "keyword": clip.found.keyword,
            "confidence": round(clip.found.confidence, 4),
            "threshold": round(clip.threshold, 4),
            "time": round(clip.found.time, 4),
            "clock": now.isoformat(timespec="milliseconds"),
            "seconds": round(len(clip.samples) / SAMPLE_RATE, 3),
            "bytes": len(content),
            "model": self._model,
        }
        self._make_room(len(content))
        write_atomically(self._folder / name, content)
        self._entries.append(entry)
        self._write_index()

    def _make_room(self, more: int) -> None:
        """Remove the oldest clips, so that one of `more` bytes fits."""
        while self._entries and (
            len(self._entries) >= self._max_clips
            or sum(entry["bytes"] for entry in self._entries) + more > MAX_BYTES
        ):
            (self._folder / self._entries[0]["file"]).unlink(missing_ok=True)
            self._entries.popleft()

    def _new_name(self, clip: KeptClip, now: datetime) -> str:
        keyword = "_".join(words_of(clip.found.keyword))[:NAME_LENGTH]
        kind = "near_" if clip.near_miss else ""
        stem = f"{now:%Y%m%dT%H%M%S}_{now.microsecond // 1000:03d}_{kind}{keyword}"
        number = ""
        while (self._folder / f"{stem}{number}.flac").exists():
            number = f"_{int(number[1:] or 1) + 1}"
        return f"{stem}{number}.flac"

    def _write_index(self) -> None:
        lines = (json.dumps(entry, ensure_ascii=False) + "\n" for entry in self._entries)
        write_atomically(self._folder / INDEX, "".join(lines))


@contextmanager
def keeper(
    spotter: SpotterBackend,
    model: str,
    source: Source,
    folder: Path | None,
    near: float,
    max_clips: int,
) -> Iterator[Keeper | NoKeeper]:
    """Keep the audio around what a spotter finds in a folder, if one is given, until the end."""
    if folder is None:
        yield NoKeeper()
        return
    with ExitStack() as held:
        live = source.live
        files = KeptFiles(folder, model, max_clips, live, getattr(source, "waits", False))
        try:
            held.enter_context(locked(folder / LOCK, str(folder)))
            make_folders(folder, spotter.config.keywords)
        except KwsError as error:
            if error.__cause__ is None or not live:  # the former: another process holds it
                raise
            log.warning("%s; listening goes on", error)  # a full disk, for instance
        keep = Keeper(spotter, near, files.keep)
        try:
            yield keep
        finally:
            keep.flush()
            files.close()
        files.require_all()


def make_folders(folder: Path, keywords: Iterable[str]) -> None:
    """Make the folders into which a person moves clips to mark them, for `kws train --add`."""
    for name in (*("_".join(words_of(keyword)) for keyword in keywords), FALSE_ALARMS):
        with suppress(OSError):  # a full disk, for instance, which writing reports
            (folder / name[:NAME_LENGTH]).mkdir(exist_ok=True)


def _read_index(folder: Path) -> list[dict[str, Any]]:
    """Return the entries whose files are there; pass over lines that kws did not write."""
    path = folder / INDEX
    entries = []
    for line in path.read_text("utf-8", "replace").splitlines() if path.exists() else []:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        name = entry.get("file") if isinstance(entry, dict) else None
        if not isinstance(name, str) or Path(name).name != name or not name.endswith(".flac"):
            continue  # a path to somewhere else is not removed
        file = folder / name
        if file.is_file() and not file.is_symlink():
            entries.append({**entry, "bytes": file.stat().st_size})
    return entries
