"""Everything that decides what a model becomes, beside the recordings; each number stated once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from kws.config import SAMPLE_RATE, FrontEnd, ModelConfig, Smoothing
from kws.model_file import ModelFile
from kws.training.architecture import Architecture
from kws.training.schedule import Schedule

# Hiss of 2 LSB gives mel sums of about 1e-3: with that as the offset, digital silence and a quiet
# room look alike, and a word at -50 dBFS still stands out.
FRONT_END = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)
REFRACTORY = 2.0  # s


@dataclass(frozen=True)
class Recipe:
    """Settings of one training, which starts from nothing where nothing else is said."""

    initial: ModelFile | None = None  # whose weights training starts from
    front_end: FrontEnd = FRONT_END  # mean and scale are measured on the training examples
    architecture: Architecture = field(default_factory=Architecture)
    schedule: Schedule = field(default_factory=Schedule)
    positives: int = 10_000  # examples per keyword
    backgrounds: int = 100_000  # examples
    words: bool = False  # whether the negatives are single words, to be heard alone as well
    mined: int = 0  # hard passages of the speech that come into the backgrounds with every epoch
    searched: float = 0.5  # hours of the speech, at most, in which they are looked for
    guides: int = 0  # passages of speech in a batch that guide the network (guide.py)
    patchwork: float = 0.0  # hours of made-up speech among what guides (patchwork.py)
    phases: int = 1  # copies of the network that a model hears with, in turn: Network.phases()
    alarms_per_hour: float = 0.5  # of each keyword at its threshold, at most
    seed: int = 1

    def heard(self, config: ModelConfig) -> ModelConfig:
        """The settings that a model listens with, of those that it was trained with.

        As many steps are averaged as the loss looks for a keyword in, of each phase.
        """
        stride = self.architecture.stride // self.phases
        smoothing = Smoothing(
            smooth_steps=self.schedule.found_steps * self.phases,
            refractory_steps=round(REFRACTORY * SAMPLE_RATE / (stride * config.front_end.hop)),
        )
        return replace(config, stride=stride, smoothing=smoothing)


# The shipped detector: about as many weights as 40 KB hold, rows so far apart and kernels so long
# that the window holds a slow "smart mirror" and as much before it, and words of two syllables and
# more, of which more steps tell than of a short word. People say a wake word with care and running
# speech is faster: so its words are heard much slower in training than they were recorded, and but
# a little faster.
HOME = Recipe(
    front_end=replace(FRONT_END, hop=416),
    architecture=Architecture(channels=80, first_kernel=3, kernels=(5, 9, 13, 17), head=7),
    schedule=Schedule(
        last=0.25, average=(500, 5000), found_steps=6, stretch=(-0.56, 0.14), colour=0.6, warp=0.13
    ),
    positives=20_000,
    backgrounds=200_000,
    mined=500,
    searched=6.0,
    guides=64,
    patchwork=12.0,
    phases=2,
)

# For a model that others start from: of many words, spoken by people and by synthesisers, so that
# what tells words apart is learnt, and what tells synthesisers from people is not.
TRUNK = Recipe(positives=1500, backgrounds=45_000, schedule=Schedule(epochs=20, positives=0.5))


def adapted(model: ModelFile) -> Recipe:
    """For keywords of one's own: a model that knows speech already learns them in minutes."""
    return Recipe(
        initial=model,
        front_end=model.config.front_end,
        architecture=Architecture.of(model),
        schedule=Schedule(epochs=8, epoch=200, patience=2, learning_rate=1e-3, last=0.1),
        positives=5000,
        backgrounds=15_000,
        mined=250,
    )


# For the command words of Google Speech Commands, of which some last 0.3 s.
COMMANDS = Recipe(
    positives=8000, backgrounds=40_000, words=True, schedule=Schedule(epochs=18, time_mask=4)
)
