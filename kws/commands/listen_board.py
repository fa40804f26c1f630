"""Implement `kws listen --ble`: receive the detections of a board."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kws.posterior import Detection

log = logging.getLogger(__name__)


def listen_to_board(name: str | None, actions_file: Path | None, as_json: bool) -> int:
    """Print the detections of a board, found by name or address, and run their actions.

    Returns the exit status, at an interrupt.
    """
    from kws.action import Actions
    from kws.audio.ble import Board
    from kws.console.detection_lines import StandardOutput, json_line, text_line, wall_clock

    actions, output = Actions([]), StandardOutput(live=True)

    def on_found(name: str, keywords: list[str]) -> None:
        nonlocal actions
        if actions_file:
            actions = Actions.load(actions_file, keywords)
        log.info("listening on %s for %s", name, ", ".join(keywords))

    def on_detection(detection: Detection) -> None:
        actions.run(detection)
        line = json_line(detection, at=wall_clock()) if as_json else text_line(detection)
        output.print(line)

    def on_rise(detection: Detection) -> None:
        actions.follow({detection.keyword: detection.confidence}, seconds=0.0)

    try:
        Board(name, on_found, on_detection, on_rise).receive()
    except KeyboardInterrupt:
        return 0
    finally:
        actions.close(0)
