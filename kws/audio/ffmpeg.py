"""Decode with ffmpeg the audio files that libsndfile cannot read, such as M4A."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from kws.errors import KwsError

SUFFIXES = {
    *(".m4a", ".m4b", ".aac", ".mp4", ".wma", ".amr", ".webm", ".mka", ".mkv", ".mov", ".3gp"),
    *(".ape", ".wv", ".mpc", ".tta", ".ac3", ".dts", ".spx", ".dsf", ".avi"),
}
TIMEOUT = 600.0  # s for a file


def decode(path: Path, wav: Path) -> None:
    """Decode the audio of a file into a WAV at its own rate and channels.

    Raises:
        KwsError: there is no such file, no ffmpeg, or it cannot decode all of the file.
    """
    if not path.is_file():
        raise KwsError(f"{path}: {'not a file' if path.exists() else 'No such file or directory'}")
    program = shutil.which("ffmpeg")
    if program is None:
        raise KwsError(f"{path}: {path.suffix} files are read with ffmpeg, which is not installed")
    source = f"file:{path.absolute()}"  # whatever the name begins with, it is no option or protocol
    quiet = [program, "-nostdin", "-v", "error", "-xerror"]
    options = ["-map", "0:a:0", "-vn", "-c:a", "pcm_s16le", "-rf64", "auto", "-f", "wav"]
    command = [*quiet, "-protocol_whitelist", "file", "-i", source, *options, str(wav)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise KwsError(f"{path}: ffmpeg does not decode it: {error}") from error
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise KwsError(f"{path}: no audio that ffmpeg can read ({reason[-1] if reason else ''})")
