"""Define the settings of a model: frozen dataclasses that travel inside the model file.

Every number of the detector is stated here once; the stages of the pipeline, the exporter and the
trainer read it and derive the rest.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from kws.config_section import build_section, require
from kws.foreign_text import is_printable, shortened

SAMPLE_RATE = 16_000  # Hz; every sample in the pipeline is mono int16 at this rate
FORMAT = 2  # version of the settings stored in a model file
FORMAT_1_KEYS = {  # what format 1 called them, which is read as well
    "gate": "gating",
    "min_level": "least",
    "noise_floor_ms": "background_ms",
    "pre_roll_ms": "look_back_ms",
    "hangover_ms": "hold_ms",
}
MAX_KEYWORDS = 63
MAX_NETWORKS = 8  # of a committee
ARITHMETICS = ("float", "fixed")  # of the front end: kws.mfcc, kws.fixed_mfcc
FRONT_ENDS = (*ARITHMETICS, "micro")  # in the order of their bits in KWS_FRONT_ENDS
MAX_STATISTIC = 1e6  # of a coefficient: features stay finite in binary32
BACKGROUND = "_background_"  # class 0 of every network: none of the keywords

MFCC, MICRO_FRONTEND = "mfcc", "microfrontend"  # kinds of front ends


@dataclass(frozen=True)
class FrontEnd:
    """Describe the front end; the defaults are those of MLPerf Tiny's keyword benchmark.

    mean and scale standardise each coefficient, (c - mean) * scale; empty means 0 and 1. TFLM's
    microfrontend is always that of MICRO; training has a shorter hop of it.
    """

    window: int = 480  # samples, 30 ms
    hop: int = 320  # samples, 20 ms
    fft: int = 512  # points; the window is zero-padded to it
    mel_filters: int = 40
    low_hz: float = 20.0
    high_hz: float = 4000.0
    coefficients: int = 10
    log_offset: float = 1e-6  # added to each mel sum, full scale being 1.0
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    # These two are no part of older stamps of work folders (kws/training/work_folder.py).
    arithmetic: str = field(default="float", repr=False)  # binary32; or "fixed": without an FPU
    kind: str = field(default=MFCC, repr=False)

    def __post_init__(self) -> None:
        require(
            self.arithmetic in ARITHMETICS,
            f"arithmetic {shortened(self.arithmetic)} is not one of {', '.join(ARITHMETICS)}",
        )
        require(self.kind in (MFCC, MICRO_FRONTEND), f"no front end {shortened(self.kind)}")
        if self.kind == MICRO_FRONTEND:
            numbers = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "hop"}
            require(numbers == _MICRO, f"{MICRO_FRONTEND} has other numbers")
            require(self.hop in (160, 80), f"hop {self.hop} is not that of {MICRO_FRONTEND}")
        require(self.fft in (128, 256, 512, 1024, 2048), f"fft {self.fft} is not 128 to 2048")
        require(16 <= self.window <= self.fft, f"window {self.window} is not 16 to fft")
        require(16 <= self.hop <= self.window, f"hop {self.hop} is not 16 to window")
        require(
            self.mel_filters % 2 == 0 and 8 <= self.mel_filters <= 128,
            f"mel_filters {self.mel_filters} is not an even number from 8 to 128",
        )
        require(
            0 <= self.low_hz < self.high_hz <= SAMPLE_RATE / 2,
            f"mel range {self.low_hz} to {self.high_hz} Hz is not within 0 to {SAMPLE_RATE // 2}",
        )
        require(
            1 <= self.coefficients <= self.mel_filters,
            f"coefficients {self.coefficients} is not 1 to mel_filters",
        )
        require(1e-9 <= self.log_offset <= 1, f"log_offset {self.log_offset} is not 1e-9 to 1")
        for name, values in (("mean", self.mean), ("scale", self.scale)):
            require(len(values) in (0, self.coefficients), f"{name} is not one per coefficient")
            require(
                all(abs(v) <= MAX_STATISTIC for v in values), f"{name} is not finite within +-1e6"
            )

    @property
    def implementation(self) -> str:
        """Return which of FRONT_ENDS computes it."""
        return "micro" if self.kind == MICRO_FRONTEND else self.arithmetic

    @property
    def hop_seconds(self) -> float:
        """Return the time from one feature frame to the next, s."""
        return self.hop / SAMPLE_RATE


_MICRO: dict[str, Any] = {
    **{"window": 480, "fft": 512, "mel_filters": 40, "low_hz": 125.0, "high_hz": 7500.0},
    **{"coefficients": 40, "log_offset": 1.0, "mean": (), "scale": ()},
    **{"arithmetic": "float", "kind": MICRO_FRONTEND},
}
MICRO = FrontEnd(hop=160, **_MICRO)


@dataclass(frozen=True)
class Smoothing:
    """Describe the posterior smoothing (Chen, Parada and Heigold 2014), in steps of the network."""

    smooth_steps: int = 8  # w_smooth: steps that the posterior is averaged over
    max_steps: int = 1  # w_max: the confidence is the highest of the last averages
    refractory_steps: int = 50  # silence after a detection

    def __post_init__(self) -> None:
        require(1 <= self.smooth_steps <= 64, f"smooth_steps {self.smooth_steps} is not 1 to 64")
        require(1 <= self.max_steps <= 64, f"max_steps {self.max_steps} is not 1 to 64")
        require(
            self.max_steps <= self.refractory_steps <= 10_000,
            f"refractory_steps {self.refractory_steps} is not max_steps to 10,000",
        )


@dataclass(frozen=True)
class GateConfig:
    """Describe the energy gate.

    The noise floor is the minimum energy of the last one to two windows of noise_floor_ms (minimum
    statistics, after Martin 2001). The gate opens at a hop that lies margin_db above the noise
    floor and in which consecutive samples differ by at least min_level, root mean square.
    """

    on: bool = True
    margin_db: float = 5.0
    min_level: float = 2.0  # int16 steps
    noise_floor_ms: int = 2000
    pre_roll_ms: int = 400  # audio before the opening that the gate passes on as well
    hangover_ms: int = 1000  # time that the gate stays open after the last loud hop

    def __post_init__(self) -> None:
        require(1 <= self.margin_db <= 40, f"margin_db {self.margin_db} is not 1 to 40")
        require(0 <= self.min_level <= 1000, f"min_level {self.min_level} is not 0 to 1000")
        for name, minimum in (("noise_floor_ms", 100), ("pre_roll_ms", 0), ("hangover_ms", 0)):
            value = getattr(self, name)
            require(minimum <= value <= 10_000, f"{name} {value} is not {minimum} to 10,000")


@dataclass(frozen=True)
class CommitteeConfig:
    """Describe a committee, which confirms what the first network suspects; see kws.committee."""

    bounds: tuple[float, ...]  # per keyword: confidence of the first network that wakes the others
    phases: tuple[int, ...]  # that run of each network, the first included
    first_stage: bool = False  # the first network only wakes the others: it has no part in the mean
    # Per keyword: the least threshold that the bounds are for, kept by with_sensitivity(). No file
    # has it: there it is the least of those that the model stores.
    least_thresholds: tuple[float, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        require(all(0 < b <= 1 for b in self.bounds), "committee: a bound is not above 0 to 1")
        require(
            1 <= len(self.phases) <= MAX_NETWORKS,
            f"committee: phases are not those of 1 to {MAX_NETWORKS} networks",
        )
        require(all(p in (1, 2) for p in self.phases), "committee: phases are not 1 or 2 each")
        require(sum(self.phases) > 1, "committee: one phase of one network has no other members")
        require(
            not self.first_stage or self.phases[0] == 1, "committee: a first stage has one phase"
        )


@dataclass(frozen=True)
class ModelConfig:
    """Hold all that a model file stores besides the weights."""

    keywords: tuple[str, ...]
    thresholds: tuple[float, ...]  # confidence in 0..1 per keyword
    stride: int  # frames from one network step to the next; see Network.phases()
    front_end: FrontEnd = field(default_factory=FrontEnd)
    smoothing: Smoothing = field(default_factory=Smoothing)
    gate: GateConfig = field(default_factory=GateConfig)
    card: dict[str, Any] = field(default_factory=dict)  # training data, figures, licences
    committee: CommitteeConfig | None = None
    # Decides as microWakeWord does (kws/micro_wake_word.py): a sigmoid for each keyword and no
    # background, a stream that begins with nothing. No file of kws has it.
    micro_wake_word: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        number = 1 <= len(self.keywords) <= MAX_KEYWORDS
        require(number, f"there must be 1 to {MAX_KEYWORDS} keywords")
        require(len(set(self.keywords)) == len(self.keywords), "a keyword is listed twice")
        require(
            all(k.strip() == k != "" and k != BACKGROUND for k in self.keywords),
            f"a keyword is empty, padded or {BACKGROUND}",
        )
        for keyword in self.keywords:
            require(
                is_printable(keyword),
                f"the keyword {shortened(keyword)} is too long or not printable",
            )
        require(len(self.thresholds) == len(self.keywords), "thresholds are not one per keyword")
        require(all(0 < t <= 1 for t in self.thresholds), "a threshold is not above 0 to 1")
        require(1 <= self.stride <= 16, f"stride {self.stride} is not 1 to 16")
        require(
            self.committee is None or len(self.committee.bounds) == len(self.keywords),
            "committee: bounds are not one per keyword",
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the names of the network's outputs, in order."""
        return self.keywords if self.micro_wake_word else (BACKGROUND, *self.keywords)

    @property
    def step_seconds(self) -> float:
        """Return the time from one network step to the next, s."""
        return self.stride * self.front_end.hop_seconds

    def priming_samples(self, window_frames: int) -> int:
        """Return the length of the silence that a detector is primed with, in samples.

        A network that has not yet seen its whole window gives no score, so that the first second
        of a stream would be lost. The window is rounded up to whole steps, which leaves the times
        of the steps after it as they are. A network of microWakeWord scores from the start.

        Args:
            window_frames: receptive field of the network, in feature frames.
        """
        if self.micro_wake_word:
            return 0
        return -(-window_frames // self.stride) * self.stride * self.front_end.hop

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values for JSON."""
        values = {"format": FORMAT, **asdict(self)}
        if self.front_end.arithmetic == "float":  # as files were before there was another
            del values["front_end"]["arithmetic"]
        if self.committee is None:  # as files were before there were committees
            del values["committee"]
        else:
            del values["committee"]["least_thresholds"]
            if not self.committee.first_stage:  # as files were before there were first stages
                del values["committee"]["first_stage"]
        if not self.micro_wake_word:
            del values["micro_wake_word"]
        if self.front_end.kind == MFCC:  # as files were before there was another
            del values["front_end"]["kind"]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Rebuild the settings from the plain values of to_dict, of this format or of format 1.

        Raises:
            KwsError: a setting is unknown, missing, mistyped or out of range; the message names
                the key as the file has it.
        """
        require(isinstance(values, dict), "they are not a table")
        values = dict(values)
        version = values.pop("format", None)
        require(
            version in (1, FORMAT),
            f"format {shortened(version)} is not 1 or {FORMAT}; kws and model differ",
        )
        file_keys = FORMAT_1_KEYS if version == 1 else {}
        gate = file_keys.get("gate", "gate")
        values.setdefault(gate, {})  # the first models had no gate
        for key, section in (("front_end", FrontEnd), ("smoothing", Smoothing), (gate, GateConfig)):
            values[key] = build_section(section, key, values.get(key), file_keys)
        require("micro_wake_word" not in values, "unknown key micro_wake_word")
        if "committee" in values:
            committee = values["committee"]
            if isinstance(committee, dict):  # the first ones said how much of a replay a hop takes
                committee = {k: v for k, v in committee.items() if k != "replay_frames"}
                require(
                    "least_thresholds" not in committee, "committee: unknown key least_thresholds"
                )
            values["committee"] = build_section(CommitteeConfig, "committee", committee, file_keys)
        return build_section(cls, "", values, file_keys)
