"""What a model expects and promises: frozen settings that travel inside the model file.

Every number of the detector is stated here once; the modules of the road, the exporter and the
trainer read it and derive the rest.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from kws.errors import KwsError

SAMPLE_RATE = 16_000  # Hz; every sample in the road is mono int16 at this rate
FORMAT = 1  # version of the settings stored in a model file
BACKGROUND = "_background_"  # class 0 of every network: none of the keywords

T = TypeVar("T")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise KwsError(f"model settings: {message}")


@dataclass(frozen=True)
class FrontEnd:
    """MFCC settings; the defaults are MLPerf Tiny's keyword benchmark.

    mean and scale standardise each coefficient, (c - mean) * scale; empty means 0 and 1.
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

    def __post_init__(self) -> None:
        _require(self.fft in (128, 256, 512, 1024, 2048), f"fft {self.fft} is not 128 to 2048")
        _require(16 <= self.window <= self.fft, f"window {self.window} is not 16 to fft")
        _require(16 <= self.hop <= self.window, f"hop {self.hop} is not 16 to window")
        _require(
            self.mel_filters % 2 == 0 and 8 <= self.mel_filters <= 128,
            f"mel_filters {self.mel_filters} is not an even number from 8 to 128",
        )
        _require(
            0 <= self.low_hz < self.high_hz <= SAMPLE_RATE / 2,
            f"mel range {self.low_hz} to {self.high_hz} Hz is not within 0 to {SAMPLE_RATE // 2}",
        )
        _require(
            1 <= self.coefficients <= self.mel_filters,
            f"coefficients {self.coefficients} is not 1 to mel_filters",
        )
        _require(1e-9 <= self.log_offset <= 1, f"log_offset {self.log_offset} is not 1e-9 to 1")
        for name, values in (("mean", self.mean), ("scale", self.scale)):
            _require(len(values) in (0, self.coefficients), f"{name} is not one per coefficient")
            _require(all(map(math.isfinite, values)), f"{name} is not finite")

    @property
    def row_seconds(self) -> float:
        """Time from one feature row to the next, s."""
        return self.hop / SAMPLE_RATE


@dataclass(frozen=True)
class Smoothing:
    """Posterior stage settings (Chen, Parada and Heigold 2014), in steps of the network."""

    smooth_steps: int = 8  # w_smooth: the posterior is averaged over so many steps
    max_steps: int = 1  # w_max: the confidence is the greatest average of so many steps
    refractory_steps: int = 50  # silence after a detection

    def __post_init__(self) -> None:
        _require(1 <= self.smooth_steps <= 64, f"smooth_steps {self.smooth_steps} is not 1 to 64")
        _require(1 <= self.max_steps <= 64, f"max_steps {self.max_steps} is not 1 to 64")
        _require(
            self.max_steps <= self.refractory_steps <= 10_000,
            f"refractory_steps {self.refractory_steps} is not max_steps to 10,000",
        )


@dataclass(frozen=True)
class Gating:
    """Energy gate settings.

    The background is the least energy of the last one to two spans of background_ms (minimum
    statistics, after Martin 2001). The gate opens at a hop that lies margin_db above it and whose
    samples differ from their neighbours by at least `least`, root mean square.
    """

    on: bool = True
    margin_db: float = 5.0
    least: float = 2.0  # int16 steps
    background_ms: int = 2000
    look_back_ms: int = 400  # before the opening that is heard all the same
    hold_ms: int = 1000  # open for so long behind the last loud hop

    def __post_init__(self) -> None:
        _require(1 <= self.margin_db <= 40, f"margin_db {self.margin_db} is not 1 to 40")
        _require(0 <= self.least <= 1000, f"least {self.least} is not 0 to 1000")
        for name, least in (("background_ms", 100), ("look_back_ms", 0), ("hold_ms", 0)):
            value = getattr(self, name)
            _require(least <= value <= 10_000, f"{name} {value} is not {least} to 10,000")


@dataclass(frozen=True)
class ModelConfig:
    """All that a model file says of itself beside its weights."""

    keywords: tuple[str, ...]
    thresholds: tuple[float, ...]  # confidence in 0..1 per keyword
    stride: int  # feature rows from one step to the next; see Network.phases()
    front_end: FrontEnd = field(default_factory=FrontEnd)
    smoothing: Smoothing = field(default_factory=Smoothing)
    gating: Gating = field(default_factory=Gating)
    card: dict[str, Any] = field(default_factory=dict)  # training data, figures, licences

    def __post_init__(self) -> None:
        _require(1 <= len(self.keywords) <= 63, "there must be 1 to 63 keywords")
        _require(len(set(self.keywords)) == len(self.keywords), "a keyword stands twice")
        _require(
            all(k.strip() == k != "" and k != BACKGROUND for k in self.keywords),
            f"a keyword is empty, padded or {BACKGROUND}",
        )
        _require(len(self.thresholds) == len(self.keywords), "thresholds are not one per keyword")
        _require(all(0 < t <= 1 for t in self.thresholds), "a threshold is not above 0 to 1")
        _require(1 <= self.stride <= 16, f"stride {self.stride} is not 1 to 16")

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the network's outputs, in order."""
        return (BACKGROUND, *self.keywords)

    @property
    def step_seconds(self) -> float:
        """Time from one network step to the next, s."""
        return self.stride * self.front_end.row_seconds

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """The inverse of to_dict; KwsError names what is unknown, missing or out of range."""
        values = dict(values)
        version = values.pop("format", None)
        _require(version == FORMAT, f"format {version!r} is not {FORMAT}; kws and model differ")
        values["front_end"] = _dataclass(FrontEnd, values.get("front_end"))
        values["smoothing"] = _dataclass(Smoothing, values.get("smoothing"))
        values["gating"] = _dataclass(Gating, values.get("gating", {}))  # older files have none
        return _dataclass(cls, values)


def _dataclass(cls: type[T], values: Any) -> T:
    """Build cls from a mapping: lists become tuples, unknown and mistyped values are refused."""
    _require(isinstance(values, dict), f"{cls.__name__} is not a table")
    unknown = set(values) - {f.name for f in fields(cls)}  # type: ignore[arg-type]
    _require(not unknown, f"{cls.__name__} does not know {', '.join(sorted(unknown))}")
    kinds = get_type_hints(cls)
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    for name, value in values.items():
        _require(
            _is_a(value, kinds[name]), f"{cls.__name__}: {name} is not {_KIND_NAMES[kinds[name]]}"
        )
    try:
        return cls(**values)
    except TypeError as error:  # a setting is missing
        raise KwsError(f"model settings: {cls.__name__}: {error}") from error


_KIND_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple[float, ...]: "a list of numbers",
    tuple[str, ...]: "a list of texts",
    dict[str, Any]: "a table",
    FrontEnd: "a table",
    Smoothing: "a table",
    Gating: "a table",
}


def _is_a(value: Any, kind: Any) -> bool:
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_is_a(v, get_args(kind)[0]) for v in value)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, get_origin(kind) or kind) and isinstance(value, bool) == (kind is bool)
