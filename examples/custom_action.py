"""Run Python code of your own when a keyword is detected, without delaying the detector.

python examples/custom_action.py [FILE]

An action that may take long runs in a thread: until the loop asks for the next detection, nothing
reads the microphone, and after 2 s samples are lost. `kws listen --actions` does without Python.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import kws

MIN_CONFIDENCE = 0.8  # stricter than the threshold of the model


def switch_lights(detection: kws.Detection) -> None:
    """Stand for something slow, such as a request to a smart home."""
    time.sleep(0.5)
    print(f"lights switched at {detection.time:.2f} s by {detection.keyword!r}", flush=True)


def main(file: str | None = None) -> None:
    """Switch the lights whenever "computer" is detected in the file or on the microphone."""
    with ThreadPoolExecutor() as actions:
        for detection in kws.listen(file):
            if detection.keyword == "computer" and detection.confidence >= MIN_CONFIDENCE:
                actions.submit(switch_lights, detection)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2])
    except KeyboardInterrupt:
        pass
    except kws.KwsError as error:
        sys.exit(f"error: {error}")
