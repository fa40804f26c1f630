"""Describe how a model is trained: every hyperparameter, stated once, in named sections.

A section here is a section of a recipe file (recipe_file.py) and a field its key. The constants at
the end are the defaults for each kind of training; models/home.toml states all that makes home.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from kws.config import MAX_NETWORKS, MICRO_FRONTEND, SAMPLE_RATE, FrontEnd, ModelConfig, Smoothing
from kws.model_file import ModelFile
from kws.training.architecture import Architecture, within

# Noise of 2 LSB gives mel sums of about 1e-3: with that as the offset, digital silence and a quiet
# room give the same features, and a word at -50 dBFS still stands out.
FRONT_END = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)


@dataclass(frozen=True)
class Schedule:
    """Describe the optimisation: its length, its batches, its learning rate."""

    epochs: int = within(1, 1000, 32)  # at most
    steps_per_epoch: int = within(1, 100_000, 500)
    patience: int = within(0, 1000, 0)  # epochs without improvement before training stops; 0: never
    batch_size: int = within(2, 4096, 128)  # examples
    keyword_share: float = within(0.01, 0.99, 0.4)  # of a batch, spread evenly over the keywords
    learning_rate: float = within(1e-9, 1.0, 3e-3)  # at its peak
    # The cosine ends at this fraction of the peak.
    final_learning_rate_fraction: float = within(0.0, 1.0, 0.0)
    warm_up_steps: int = within(0, 100_000, 200)
    weight_decay: float = within(0.0, 1.0, 1e-4)
    # Span of the exponential moving average of the weights, which is what is kept: a third of the
    # steps taken, between these. A long span needs a final learning rate that is not small, or the
    # averaged weights hardly differ.
    ema_steps: tuple[int, int] = within(1, 1_000_000, (500, 500))
    # Quarter of the speakers, 1 to 4, that the kept model is not trained on but tested and
    # calibrated; -1: the one that fits the recordings; 0: it is trained on everything, and folds
    # are tested. It changes which networks are trained, not how: what a work folder holds stays
    # valid.
    held_out: int = field(default=0, repr=False, metadata={"range": (-1, 4)})


@dataclass(frozen=True)
class Loss:
    """Describe the detection loss (losses.py)."""

    # Steps of a keyword's end in which it must be detected (max pooling over the best of them); the
    # posterior is averaged over as many.
    max_pooling_steps: int = within(1, 16, 4)
    worst_step_weight: float = within(0.0, 1.0, 0.5)  # of a background example, against its mean


@dataclass(frozen=True)
class Augmentation:
    """Describe how log mel frames are varied in every batch."""

    time_masks: int = within(0, 16, 2)  # SpecAugment (Park et al. 2019)
    time_mask_frames: int = within(0, 256, 8)  # at most
    frequency_masks: int = within(0, 16, 2)
    frequency_mask_bins: int = within(0, 128, 6)  # mel bins at most
    # Logarithm of how much faster speech is made, least and greatest; the pitch stays.
    tempo_perturbation: tuple[float, float] = within(-2.0, 2.0, (-0.2, 0.2))
    background_mixing: float = within(0.0, 1.0, 0.3)  # share of examples mixed with background
    background_mixing_snr: tuple[float, float] = within(-60.0, 120.0, (5.0, 25.0))  # dB
    spectral_tilt: float = within(0.0, 10.0, 0.4)  # of another microphone, nepers at most
    vtlp: float = within(0.0, 0.5, 0.1)  # share by which frequencies are warped at most


@dataclass(frozen=True)
class ExampleCounts:
    """Describe the pool of examples that is made before training."""

    per_keyword: int = within(1, 10_000_000, 10_000)
    background: int = within(1, 10_000_000, 100_000)
    single_words: bool = False  # whether the negatives are single words, used alone as well


@dataclass(frozen=True)
class Mining:
    """Describe the search for hard negatives between epochs."""

    passages_per_epoch: int = within(0, 100_000, 0)  # that join the background; 0: no search
    searched_hours: float = within(0.0, 1000.0, 0.5)  # of the speech, at most


@dataclass(frozen=True)
class Distillation:
    """Describe what a network learns from the speech embedding and a teacher on top of it."""

    passages_per_batch: int = within(0, 4096, 0)  # of speech with teacher targets; 0: none
    embedding_weight: float = within(0.0, 1000.0, 1.0)  # of each loss, against the keywords'
    hidden_weight: float = within(0.0, 1000.0, 4.0)  # of the teacher's last hidden layer
    logits_weight: float = within(0.0, 1000.0, 2.0)
    spliced_speech_hours: float = within(0.0, 1000.0, 0.0)  # pseudo-labelled by the teacher


@dataclass(frozen=True)
class Teacher:
    """Describe what a network learns from a model file, whose posteriors it is to give."""

    model: str = ""  # file, relative to the recipe's; none by default
    weight: float = within(0.0, 1000.0, 4.0)  # of the divergence, against the keywords' loss
    temperature: float = within(0.1, 100.0, 2.0)  # that softens the posteriors of both


@dataclass(frozen=True)
class PosteriorHandling:
    """Describe how a trained model is run, and how its thresholds are calibrated."""

    phases: int = within(1, 16, 1)  # at which the strided network is evaluated; divides the stride
    refractory_seconds: float = within(0.1, 60.0, 2.0)
    false_alarms_per_hour: float = within(0.0, 100.0, 0.2)  # of all keywords, at the thresholds
    # Sound before the gate opens that is heard as well, which is most of a small board's memory.
    pre_roll_ms: int = field(default=400, repr=False, metadata={"range": (0, 2000)})


@dataclass(frozen=True)
class CommitteeRecipe:
    """Describe the networks of a model: one always runs, the others confirm what it suspects."""

    networks: int = within(1, MAX_NETWORKS, 1)  # trained the same way from different first weights
    # Average of the first network's first phase that wakes the others, for every keyword.
    bound: float = within(0.01, 1.0, 0.2)


@dataclass(frozen=True)
class Recipe:
    """Hold the hyperparameters of one training, by default one from random weights."""

    initial: ModelFile | None = None  # whose weights training starts from
    seed: int = within(0, 2**31 - 1, 1)
    front_end: FrontEnd = FRONT_END  # mean and scale are measured on the training examples
    architecture: Architecture = field(default_factory=Architecture)
    schedule: Schedule = field(default_factory=Schedule)
    loss: Loss = field(default_factory=Loss)
    augmentation: Augmentation = field(default_factory=Augmentation)
    examples: ExampleCounts = field(default_factory=ExampleCounts)
    mining: Mining = field(default_factory=Mining)
    distillation: Distillation = field(default_factory=Distillation)
    # What only few recipes have is no part of the repr, by which work folders of before are known.
    teacher: Teacher = field(default_factory=Teacher, repr=False)
    posterior: PosteriorHandling = field(default_factory=PosteriorHandling)
    committee: CommitteeRecipe = field(default_factory=CommitteeRecipe)

    def inference_config(self, config: ModelConfig) -> ModelConfig:
        """Return the settings with which a trained model is run, of those it was trained with.

        The posterior is averaged over as many steps of each phase as the loss pools.
        """
        phases = self.posterior.phases
        stride = self.architecture.stride // phases
        refractory = self.posterior.refractory_seconds * SAMPLE_RATE
        smoothing = Smoothing(
            smooth_steps=self.loss.max_pooling_steps * phases,
            refractory_steps=round(refractory / (stride * config.front_end.hop)),
        )
        gate = replace(config.gate, pre_roll_ms=self.posterior.pre_roll_ms)
        return replace(config, stride=stride, smoothing=smoothing, gate=gate)


# Default of a recipe file: wake words of two syllables and more. About as many weights as 40 KB
# hold, a hop so long and kernels so long that the receptive field holds a slow "smart mirror" and
# as much before it; long words allow pooling over more steps. People say a wake word with care and
# running speech is faster: so training slows words down much and speeds them up only a little.
WAKE_WORDS = Recipe(
    front_end=replace(FRONT_END, hop=416),
    architecture=Architecture(channels=80, first_kernel=3, kernels=(5, 9, 13, 17), last_kernel=7),
    schedule=Schedule(final_learning_rate_fraction=0.25, ema_steps=(500, 5000)),
    loss=Loss(max_pooling_steps=6),
    augmentation=Augmentation(tempo_perturbation=(-0.56, 0.14), spectral_tilt=0.6, vtlp=0.13),
    examples=ExampleCounts(per_keyword=15_000, background=150_000),
    mining=Mining(passages_per_epoch=500, searched_hours=6.0),
    distillation=Distillation(passages_per_batch=64, spliced_speech_hours=12.0),
    posterior=PosteriorHandling(),
    committee=CommitteeRecipe(networks=4),
)

# Default of a base model, from which others are fine-tuned: many words, each spoken by people and
# by synthesisers, so that it learns what distinguishes words and not what distinguishes
# synthesisers from people.
BASE_MODEL = Recipe(
    schedule=Schedule(epochs=20, keyword_share=0.5),
    examples=ExampleCounts(per_keyword=1500, background=45_000),
)

# Default for Google Speech Commands, some of whose words last 0.3 s.
COMMAND_WORDS = Recipe(
    schedule=Schedule(epochs=18),
    augmentation=Augmentation(time_mask_frames=4),
    examples=ExampleCounts(per_keyword=8000, background=40_000, single_words=True),
)

# With fewer of a keyword, synthetic speech decides what a network takes for it.
FEW_RECORDINGS = 25


def fine_tuning(model: ModelFile) -> Recipe:
    """Return the default for training that starts from a model, as a user's own words do.

    It makes a committee: single trainings differ most in the few sounds that they take for the
    keyword, which are not the same ones. Its thresholds and figures come from a quarter of the
    speakers.
    """
    recipe = Recipe(
        initial=model,
        front_end=model.config.front_end,
        architecture=Architecture.of(model.deciding_networks()[0]),
        schedule=Schedule(
            epochs=8,
            steps_per_epoch=200,
            patience=2,
            learning_rate=1e-3,
            final_learning_rate_fraction=0.1,
            held_out=-1,
        ),
        examples=ExampleCounts(per_keyword=5000, background=15_000),
        mining=Mining(passages_per_epoch=250),
        posterior=PosteriorHandling(pre_roll_ms=model.config.gate.pre_roll_ms),
        committee=CommitteeRecipe(networks=2, bound=0.05),
    )
    return _for_esphome(recipe) if model.config.front_end.kind == MICRO_FRONTEND else recipe


def _for_esphome(recipe: Recipe) -> Recipe:
    """Return a recipe for a model on TFLM's microfrontend, of one network, as ESPHome's are.

    The front end evens out levels and noise, so that mixing and tilting its features is not what
    mixing and tilting sound would be: examples are mixed as sound, before it.
    """
    return replace(
        recipe,
        loss=replace(recipe.loss, max_pooling_steps=5),
        augmentation=replace(recipe.augmentation, background_mixing=0.0, spectral_tilt=0.1),
        committee=CommitteeRecipe(),
    )


def mostly_synthetic(model: ModelFile) -> Recipe:
    """Return the default for training that starts from a model, of words with few recordings."""
    usual = fine_tuning(model)
    networks = 3 if usual.committee.networks > 1 else 1
    return replace(
        usual,
        # People who call a device take up to 1.4 times as long for a word as synthesisers do.
        augmentation=replace(usual.augmentation, tempo_perturbation=(-0.7, 0.1)),
        committee=replace(usual.committee, networks=networks),
    )
