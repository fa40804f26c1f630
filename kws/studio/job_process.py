"""Run commands of kws as a job: python -m kws.studio.job_process FOLDER.

The process goes on when the studio ends. FOLDER/job.json names the commands, log.txt gets what they
print, result.json the exit status of the last that ran; meanwhile it holds the folder's lock.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import time
from pathlib import Path

from kws.atomic_write import write_atomically
from kws.console.error_lines import INTERRUPTED
from kws.errors import KwsError
from kws.process_lock import locked

JOB, LOG, RESULT, LOCK = "job.json", "log.txt", "result.json", ".lock"
TRIES, PAUSE = 50, 0.1  # s; somebody who looks whether the folder is locked holds it for a moment
COLUMNS = "100"  # of tables in the log


def main(folder: Path) -> None:
    """Run the commands of a folder to their end."""
    with (folder / LOG).open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    for _ in range(TRIES):
        try:
            with locked(folder / LOCK, str(folder)):
                _run(folder)
            return
        except KwsError as error:
            problem = error
            time.sleep(PAUSE)
    print(f"kws: error: {problem}", file=sys.stderr)


def _run(folder: Path) -> None:
    """Run one command after the other, until one fails."""
    os.environ["COLUMNS"] = COLUMNS
    job, status = json.loads((folder / JOB).read_text("utf-8")), 0
    for arguments in (job["arguments"], *job.get("then", ())):
        status = status or _status_of(arguments)
    if status == INTERRUPTED:  # it can go on
        return
    write_atomically(folder / RESULT, json.dumps({"status": status, "ended": time.time()}))


def _status_of(arguments: list[str]) -> int:
    """Run a command; return its exit status."""
    sys.argv = ["kws", *arguments]
    try:
        runpy.run_module("kws", run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
