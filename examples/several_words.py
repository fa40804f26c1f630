"""React to several keywords in different ways, and show how close the others came.

python examples/several_words.py audio_samples/all_keywords.flac
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import kws

REACTIONS: dict[str, Callable[[], str]] = {
    "computer": lambda: "Yes?",
    "jarvis": lambda: "At your service.",
    "smart mirror": lambda: "You look great.",
}


def main(file: str | None = None) -> None:
    """Answer the keywords in the file or on the microphone."""
    spotter = kws.Spotter("home")
    unknown = set(REACTIONS) - set(spotter.config.keywords)
    assert not unknown, f"the model does not know {unknown}"
    highest = dict.fromkeys(spotter.config.keywords, 0.0)

    def on_block(samples: object) -> None:
        """Keep the highest score of each keyword, also where it stayed below the threshold."""
        for keyword, score in spotter.scores.items():
            highest[keyword] = max(highest[keyword], score)

    for detection in kws.listen(file, spotter, on_block):
        reaction = REACTIONS.get(detection.keyword)
        print(f"{detection.time:.2f} s  {detection.keyword}: {reaction() if reaction else '...'}")
    thresholds = dict(zip(spotter.config.keywords, spotter.config.thresholds, strict=True))
    for keyword, score in highest.items():
        print(f"{keyword}: highest score {score:.2f}, threshold {thresholds[keyword]:.2f}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2])
    except KeyboardInterrupt:
        pass
    except kws.KwsError as error:
        sys.exit(f"error: {error}")
