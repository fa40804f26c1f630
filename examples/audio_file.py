"""List the keywords in audio files: WAV, FLAC, OGG or MP3, of any sample rate.

python examples/audio_file.py audio_samples/all_keywords.flac
"""

from __future__ import annotations

import sys

import kws


def main(*files: str) -> None:
    """Print file, time, keyword and confidence of each detection."""
    spotter = kws.Spotter("home")  # loaded once; listen() resets it for each file
    for file in files:
        for detection in kws.listen(file, spotter):
            print(file, f"{detection.time:.2f}", detection.keyword, f"{detection.confidence:.2f}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except kws.KwsError as error:
        sys.exit(f"error: {error}")
