"""Record the live display as an animated SVG: python tools/record_display.py [FILE.svg].

The live display of `kws listen` runs on a sample as on a microphone, with the clock of the audio
instead of the wall's, so that the picture is the same every time. A viewer that does not animate
shows the frame with the most in it.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from unittest import mock
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt
import rich
from rich.console import Console
from rich.style import Style

import kws
from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE
from kws.console.live_display import LiveDisplay
from kws.ring_buffer import RingBuffer

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "audio_samples" / "all_keywords.flac"
PICTURE = ROOT / "docs" / "images" / "live_display.svg"
BLOCK = 1280  # samples, as a microphone gives them
FRAME_BLOCKS = 5  # blocks from one frame of the picture to the next
COLUMNS, LINES = 66, 10
CELL, LINE, LEFT, TOP = 8, 18, 16, 54  # pixels
THEME = {"n": "#d7dce4", "b": "#ffffff", "d": "#5c6675", "c": "#38bdf8", "g": "#4ade80"}

Samples = npt.NDArray[np.int16]
Run = tuple[int, int, str, str]  # column, line, text, class of its colour
Frame = list[Run]


class Playback:
    """Play a recording as a microphone does: a block at a time."""

    name = "microphone"
    live = True
    overflows = 0

    def __init__(self, samples: Samples) -> None:
        self._blocks = iter(np.split(samples, range(BLOCK, len(samples), BLOCK)))

    def __enter__(self) -> Playback:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def fill(self, ring: RingBuffer) -> bool:
        """Write the next block; return False after the last one."""
        block = next(self._blocks, None)
        if block is not None:
            ring.write(block)
        return block is not None


def record(sample: Path = SAMPLE) -> list[Frame]:
    """Return the frames that the live display shows while it listens to a sample."""
    rich.reconfigure(file=io.StringIO())  # of rich.live.Live, which draws while we record
    screen = Console(width=COLUMNS, file=io.StringIO(), force_terminal=True, legacy_windows=False)
    spotter = kws.Spotter("home")
    source = Playback(read_audio(sample))
    frames: list[Frame] = []
    samples = 0

    def on_block(block: Samples) -> None:
        nonlocal samples
        samples += len(block)
        display.on_block(block)
        if samples % (BLOCK * FRAME_BLOCKS) == 0:
            frames.append(runs(screen, display))

    def audio_time() -> float:
        return samples / SAMPLE_RATE

    with (
        mock.patch.object(time, "monotonic", audio_time),
        LiveDisplay(source, spotter, "home") as display,
    ):
        for detection in kws.listen(source, spotter, on_block=on_block):
            display.show(detection)
        frames.append(runs(screen, display))
    return frames


def runs(screen: Console, display: LiveDisplay) -> Frame:
    """Return what the display shows as runs of text of one colour."""
    frame = []
    for line, segments in enumerate(screen.render_lines(display, pad=False)):
        column = 0
        for segment in segments:
            text = segment.text.strip()
            indent = len(segment.text) - len(segment.text.lstrip())
            if text:
                frame.append((column + indent, line, text, colour(segment.style)))
            column += segment.cell_length
    return frame


def colour(style: Style | None) -> str:
    """Return the class of a style of the display."""
    if style is None or not style:
        return "n"
    if style.color is not None:
        return {"green": "g", "cyan": "c"}.get(style.color.name, "n")
    return "d" if style.dim else "b" if style.bold else "n"


def svg(frames: Sequence[Frame]) -> str:
    """Return the frames as an animated SVG; what all of them show is drawn once.

    Every frame is visible for its share of the time, by an animation that starts later or earlier.
    Without animations the last group alone is visible.
    """
    width, height = 2 * LEFT + COLUMNS * CELL, TOP + LINES * LINE
    seconds = len(frames) * FRAME_BLOCKS * BLOCK / SAMPLE_RATE
    constant = [run for run in frames[0] if all(run in frame for frame in frames)]
    colours = "".join(f".{name}{{fill:{value}}}" for name, value in THEME.items())
    still = max(range(len(frames)), key=lambda number: brightness(frames[number]))
    groups = []
    for number in (*(n for n in range(len(frames)) if n != still), still):
        delay = -seconds * (1 - number / len(frames))
        changing = drawn(run for run in frames[number] if run not in constant)
        groups.append(f'<g class="f" style="animation-delay:{delay:.2f}s">{changing}</g>\n')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" xml:space="preserve">\n'
        "<!-- Made by tools/record_display.py. -->\n"
        "<title>kws listen: level, confidence of each keyword, latest detections</title>\n"
        "<style>text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;"
        f"white-space:pre}}{colours}.b,.g{{font-weight:bold}}"
        f".f{{visibility:hidden;animation:f {seconds:.2f}s step-end infinite}}"
        ".f:last-of-type{visibility:visible}"
        f"@keyframes f{{0%{{visibility:visible}}{100 / len(frames):.3f}%{{visibility:hidden}}}}"
        "@media(prefers-reduced-motion){.f{animation:none}}</style>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#10141b"/>\n'
        '<circle cx="20" cy="18" r="6" fill="#ff5f57"/><circle cx="40" cy="18" r="6" '
        'fill="#febc2e"/><circle cx="60" cy="18" r="6" fill="#28c840"/>\n'
        f'<text class="d" x="{width // 2}" y="22" text-anchor="middle">kws listen</text>\n'
        f"{drawn(constant)}\n{''.join(groups)}</svg>\n"
    )


def brightness(frame: Frame) -> tuple[int, int]:
    """Return how many lines a frame has, and how much of its bars is filled."""
    filled = sum(len(text) for _, _, text, _ in frame if set(text) == {"█"})
    return max(line for _, line, _, _ in frame), filled


def drawn(frame: Iterable[Run]) -> str:
    """Return runs of text as SVG; full blocks are rectangles, which leave no gaps."""
    parts = []
    for column, line, text, name in frame:
        x, y, length = LEFT + column * CELL, TOP + line * LINE, len(text) * CELL
        if set(text) == {"█"}:
            parts.append(f'<path class="{name}" d="M{x} {y - 11}h{length}v13h-{length}z"/>')
        else:
            parts.append(
                f'<text class="{name}" x="{x}" y="{y}" textLength="{length}">{escape(text)}</text>'
            )
    return "".join(parts)


if __name__ == "__main__":
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    picture.write_text(svg(record()), "utf-8")
