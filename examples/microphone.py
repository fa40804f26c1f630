"""Print the keywords that are said to the microphone; Ctrl-C ends it.

python examples/microphone.py [DEVICE]
"""

from __future__ import annotations

import sys

import kws


def main(device: str | None = None) -> None:
    """Listen to a device, by number or part of its name; without one to the default microphone."""
    microphone = kws.Microphone(device)
    print(f"listening on {microphone.name}", flush=True)
    for detection in kws.listen(microphone):
        print(
            f"{detection.time:.2f} s  {detection.keyword}  {detection.confidence:.2f}", flush=True
        )


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2])
    except KeyboardInterrupt:
        pass  # the usual end of a microphone
    except kws.KwsError as error:  # one line that says what to put right
        sys.exit(f"error: {error}")
