"""Start `kws serve` in the add-on: read the options, tell Home Assistant, give up root, serve."""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OPTIONS = Path("/data/options.json")  # that the Supervisor writes
MODELS = Path("/share/kws")  # of the user
PORT = 10400
USER = 10400  # without rights
DISCOVERY = "http://supervisor/discovery"


def command(options: Mapping[str, Any], uri: str, models: Path) -> list[str]:
    """Return the command line for the options of the add-on."""
    arguments = ["kws", "serve", "--uri", uri, "--custom-model-dir", str(models)]
    if options.get("sensitivity"):
        arguments += ["--sensitivity", options["sensitivity"]]
    for entry in options.get("thresholds", []):
        arguments += ["--threshold", f"{entry['keyword']}={entry['threshold']}"]
    if options.get("refractory_seconds") is not None:
        arguments += ["--refractory-seconds", str(options["refractory_seconds"])]
    return [*arguments, "--debug"] if options.get("debug") else arguments


def announce(url: str, token: str) -> None:
    """Offer the server to Home Assistant, by the Supervisor."""
    config = {"uri": f"tcp://{socket.gethostname()}:{PORT}"}
    request = urllib.request.Request(
        url,
        json.dumps({"service": "wyoming", "config": config}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except OSError as error:
        print(f"kws: Home Assistant was not reached: {error}", file=sys.stderr)


def main() -> None:
    """Become the server."""
    options = json.loads(OPTIONS.read_text("utf-8"))
    MODELS.mkdir(parents=True, exist_ok=True)
    announce(DISCOVERY, os.environ.get("SUPERVISOR_TOKEN", ""))
    os.setgroups([])
    os.setgid(USER)
    os.setuid(USER)
    arguments = command(options, f"tcp://0.0.0.0:{PORT}", MODELS)
    os.execvp(arguments[0], arguments)


if __name__ == "__main__":
    main()
