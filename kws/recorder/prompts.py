"""Plan a session by what is recorded: prompts to say a keyword, read a text or keep silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.data.dataset import NEGATIVE, NOISE
from kws.data.keywords import keyword_folder, keyword_of
from kws.errors import KwsError
from kws.keyword_names import contains
from kws.recorder.take import TakeKind
from kws.toml_file import read_text

KEYWORD_TAKES = 50
NOISE_TAKES = 6  # a minute
NOISE_SECONDS = 10.0  # of a take of background noise
WORDS_PER_SECOND = 2.0  # of an unhurried reader
REACTION_SECONDS = 1.5  # before a speaker begins to read

TEXTS = (
    "When the sunlight strikes raindrops in the air, they act as a prism and form a rainbow.",
    "Please bring me two cups of coffee, a glass of water and the newspaper from the hall.",
    "The train to the airport leaves at seventeen minutes past nine from platform four.",
    "Yesterday we walked along the river until the wind became too cold for the children.",
    "Could you turn the radio down a little? I cannot hear what she is saying on the phone.",
    "Five hundred and sixty three thousand people live in this town, and most of them drive.",
    "My neighbour keeps chickens, a goose, and a very old dog that sleeps on the porch.",
    "Add onions, garlic and a pinch of salt, then let the soup boil gently for half an hour.",
    "Nobody knew why the office was locked, so they all waited outside and shared a sandwich.",
    "The jury thought the judge had been unusually generous to the general's younger son.",
    "She measured the shelf twice, cut the wood once, and still it would not fit the wall.",
    "What do you think about going to the cinema on Thursday, or would you rather stay home?",
    "A large orange cat jumped over the fence, chased by three small and noisy terriers.",
    "Yes, no, maybe, later: every answer that he gave was shorter than the one before.",
    "The picture above the fireplace shows a harbour in the early morning, full of fishing boats.",
    "Our teacher asked us to write down everything that we could hear in one quiet minute.",
    "If it does not rain tomorrow, we will pick the cherries and bake a cake for your mother.",
    "He plays the violin beautifully, although he has never learned to read a single note.",
    "Take the second street on the left, pass the bakery, and ring the bell of the blue house.",
    "The doctor said that a little exercise each day does more good than a hard run each month.",
    "Winter came early that year and covered the village, the forest and both roads with snow.",
    "I put the keys on the kitchen table, next to the letters, just as I always do.",
    "They sell bicycles, boots, umbrellas and fresh bread in one and the same little shop.",
    "Good evening everybody, thank you for coming; the concert will begin in a few moments.",
)


@dataclass(frozen=True)
class Prompt:
    """Describe a take: the request to the speaker, the length in s, and what it must contain."""

    text: str
    seconds: float
    kind: TakeKind


@dataclass(frozen=True)
class SessionPlan:
    """Hold what is recorded in turn, where it goes, and how many takes there are by default."""

    folder: Path
    prompts: Sequence[Prompt]
    takes: int


def plan_session(
    word: str, dataset: Path, seconds: float, texts: Sequence[str] = TEXTS
) -> SessionPlan:
    """Plan a session for a keyword, or for NEGATIVE or NOISE.

    Args:
        word: What is recorded.
        dataset: The dataset's folder, which need not be there.
        seconds: Length of a take of a keyword, before it is trimmed.
        texts: What to read for NEGATIVE.

    Raises:
        KwsError: The word is no keyword, or each of the texts contains one.
    """
    if word == NOISE:
        return SessionPlan(dataset / NOISE, noise_prompts(), NOISE_TAKES)
    if word == NEGATIVE:
        keywords = [keyword_of(path) for path in dataset.glob("[!_.]*") if path.is_dir()]
        reading = reading_prompts(texts, keywords)
        return SessionPlan(dataset / NEGATIVE, reading, len(reading))
    folder = keyword_folder(dataset, word)
    return SessionPlan(folder, keyword_prompts(keyword_of(folder), seconds), KEYWORD_TAKES)


def keyword_prompts(keyword: str, seconds: float) -> list[Prompt]:
    """Return the prompt to say a keyword; a session repeats it."""
    return [Prompt(f"Say: {keyword}", seconds, TakeKind.WORD)]


def reading_prompts(texts: Sequence[str], keywords: Sequence[str]) -> list[Prompt]:
    """Return prompts to read the texts without a keyword; raise KwsError if none is left."""
    chosen = [text for text in texts if not any(contains(text, keyword) for keyword in keywords)]
    if not chosen:
        raise KwsError("there is no text to read that does not contain a keyword of the dataset")
    return [
        Prompt(
            f"Read: {text}",
            REACTION_SECONDS + len(text.split()) / WORDS_PER_SECOND,
            TakeKind.SPEECH,
        )
        for text in chosen
    ]


def noise_prompts() -> list[Prompt]:
    """Return the prompt to keep silent while the background noise is recorded."""
    return [Prompt("Do not speak: recording background noise", NOISE_SECONDS, TakeKind.NOISE)]


def read_texts(path: Path) -> list[str]:
    """Return the lines of a text to read; raise KwsError when the file has none."""
    texts = [" ".join(line.split()) for line in read_text(path).splitlines() if line.strip()]
    if not texts:
        raise KwsError(f"{path}: there is no text in it")
    return texts
