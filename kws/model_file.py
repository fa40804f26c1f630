"""Load model files: .tflite files that carry their settings and a checksum as metadata.

Those of microWakeWord have their settings in a manifest next to them (kws/micro_wake_word.py).
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import tflite

from kws.config import ARITHMETICS, MAX_NETWORKS, MICRO_FRONTEND, ModelConfig
from kws.engine.committee_check import check_committee
from kws.engine.model_check import proven
from kws.engine.past_check import keeps_past
from kws.engine.tflite_reader import readable
from kws.errors import KwsError
from kws.foreign_text import parse_json, shortened
from kws.micro_wake_word import MANIFEST_SUFFIX, named_network, settings_of
from kws.posterior import ONE
from kws.sensitivity import operating_points, with_sensitivity

DEFAULT_MODEL = "home"
DEFAULT_BASE = "home"  # whose weights `kws train` starts from
SMALL_BASE = "base"  # for training words of a smaller network
ESPHOME_BASE = "esphome"  # for training words that ESPHome's devices run, on TFLM's microfrontend
BASES = (SMALL_BASE, ESPHOME_BASE)  # that training starts from and that are no detectors
FORMER_NAMES = {"trunk": SMALL_BASE}
CONFIG_ENTRY = "kws_config"  # JSON of ModelConfig
NETWORK_ENTRIES = tuple(  # the networks of a committee after the first, each a .tflite
    f"kws_network_{index}" for index in range(1, MAX_NETWORKS)
)
CHECKSUM_ENTRY = "kws_sha256"  # digest of the file with PLACEHOLDER in its own place
PLACEHOLDER = hashlib.sha256(b"kws").digest()
MAX_BYTES = 1 << 25  # of a file; those that kws makes have 60 KB
MAX_ENTRIES = 64  # metadata entries; a damaged file may claim billions

_PACKAGE = Path(__file__).parent
MODEL_FOLDERS = (_PACKAGE / "models", _PACKAGE.parent / "models")  # installed, checkout

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelFile:
    """Hold a model whose file was read and whose checksum is right."""

    name: str
    content: bytes
    config: ModelConfig
    networks: tuple[bytes, ...] = ()  # of a committee, after the first: .tflite files
    manifest: bytes = b""  # of a model of microWakeWord

    @classmethod
    def load(cls, name_or_path: str | Path = DEFAULT_MODEL) -> ModelFile:
        """Read a shipped model by its name or any model by its path; raise KwsError on a fault.

        A model of microWakeWord is named by its network or by the manifest next to it.
        """
        path = find(name_or_path)
        if path.suffix == MANIFEST_SUFFIX:
            described = read_file(path)
            network = named_network(path, described)
            return cls._of_pair(network, read_file(network), path, described)
        content, manifest = read_file(path), path.with_suffix(MANIFEST_SUFFIX)
        if not os.path.isfile(manifest) or CONFIG_ENTRY in metadata(content, str(path)):
            return cls.parse(content, str(path))
        described = read_file(manifest)
        network = named_network(manifest, described)
        if network.name != path.name:
            raise KwsError(f"{manifest}: describes {network.name}, not {path.name}")
        return cls._of_pair(path, content, manifest, described)

    @classmethod
    def _of_pair(cls, path: Path, content: bytes, manifest: Path, described: bytes) -> ModelFile:
        """Check a model of microWakeWord: the contents of its network and of its manifest."""
        where = str(path)
        metadata(content, where)  # proves that it is a .tflite
        first, steps = proven(content, where)
        config = settings_of(described, str(manifest), first, steps, where)
        return cls(path.stem, content, config, manifest=described)

    @classmethod
    def parse(cls, content: bytes, where: str) -> ModelFile:
        """Check the content of a file and read its settings; `where` names it in errors."""
        entries = metadata(content, where)
        if not {CHECKSUM_ENTRY, CONFIG_ENTRY} <= set(entries):
            problem = "a .tflite model, but not one made by kws train"
            if _keeps_past(content):
                problem += f"; a model of microWakeWord has a {MANIFEST_SUFFIX} next to it"
            raise KwsError(f"{where}: {problem}")
        try:
            config = ModelConfig.from_dict(parse_json(entries[CONFIG_ENTRY], "model settings"))
            operating_points(config)  # or they would fail when one is chosen
        except KwsError as error:
            raise KwsError(f"{where}: {error}") from error
        if keeps_past(proven(content, where)[1]):
            raise KwsError(f"{where}: its network keeps its past itself, as none made by kws does")
        networks = networks_of(entries)
        check_committee(config, (content, *networks), where)
        return cls(Path(where).stem, content, config, networks)

    def each_network(self) -> list[ModelFile]:
        """Return each network as a model of its own, the one that always runs first."""
        alone = replace(self.config, committee=None)
        contents = (self.content, *self.networks)
        return [replace(self, content=each, config=alone, networks=()) for each in contents]

    def deciding_networks(self) -> list[ModelFile]:
        """Return each network that decides as a model of its own: all but a first stage."""
        committee = self.config.committee
        return self.each_network()[int(committee is not None and committee.first_stage) :]

    def without_gate(self) -> ModelFile:
        """Return the model with its gate off, so that the network runs on silence, too."""
        gate = replace(self.config.gate, on=False)
        return replace(self, config=replace(self.config, gate=gate))

    def always_awake(self) -> ModelFile:
        """Return the model whose committee sleeps only where its first member gives nothing.

        That is where a keyword's average is 0 of 32768; any other wakes all members.
        """
        if self.config.committee is None:
            return self
        least = (1 / ONE,) * len(self.config.keywords)
        committee = replace(self.config.committee, bounds=least)
        return replace(self, config=replace(self.config, committee=committee))

    def with_arithmetic(self, arithmetic: str | None) -> ModelFile:
        """Return the model with its front end in "float" or "fixed" arithmetic; None: as it is.

        Raises:
            KwsError: the arithmetic is unknown, or the model's front end has no such arithmetic.
        """
        if arithmetic is None:
            return self
        if arithmetic not in ARITHMETICS:
            known = ", ".join(ARITHMETICS)
            raise KwsError(f"arithmetic {shortened(arithmetic)} is not one of {known}")
        if self.config.front_end.kind == MICRO_FRONTEND and arithmetic != "float":
            raise KwsError(f"{self.name}: TFLM's microfrontend has no arithmetic {arithmetic!r}")
        front_end = replace(self.config.front_end, arithmetic=arithmetic)
        return replace(self, config=replace(self.config, front_end=front_end))

    def with_sensitivity(
        self, sensitivity: str | None = None, thresholds: Mapping[str, float] | None = None
    ) -> ModelFile:
        """Return the model with other thresholds; kws.sensitivity.with_sensitivity says which."""
        return replace(self, config=with_sensitivity(self.config, sensitivity, thresholds))

    @property
    def input_quantisation(self) -> tuple[float, int]:
        """Return scale and zero point of the network's input."""
        first, _ = proven(self.content, self.name)
        return float(first.scale), first.zero_point

    @property
    def sha256(self) -> str:
        """Return the hash of the whole file, for reports and generated code.

        Of a model of microWakeWord: of its network, followed by its manifest.
        """
        return hashlib.sha256(self.content + self.manifest).hexdigest()


def _keeps_past(content: bytes) -> bool:
    """Return whether a file has a network that the engine can run and that keeps its past."""
    with suppress(KwsError):
        return keeps_past(proven(content, "")[1])
    return False


def find(name_or_path: str | Path) -> Path:
    """Return a path as it is; look a bare name up among the shipped models."""
    path = Path(name_or_path)
    if path.suffix or len(path.parts) > 1 or os.path.isfile(path):
        return current_path(path)
    if name := FORMER_NAMES.get(str(path)):
        log.warning("the model %s is now called %s", path, name)
        path = Path(name)
    for folder in MODEL_FOLDERS:
        if os.path.isfile(folder / f"{path}.tflite"):  # False for a name that is too long
            return folder / f"{path}.tflite"
    raise KwsError(f"no model named {str(path)!r}; shipped are: {', '.join(shipped()) or 'none'}")


def current_path(path: Path) -> Path:
    """Return a path; of a shipped file that is asked for by its former name, that of today."""
    renamed = path.with_name(FORMER_NAMES.get(path.stem, path.stem) + path.suffix)
    if os.path.exists(path) or not os.path.exists(renamed):
        return path
    log.warning("%s is now called %s", path, renamed)
    return renamed


def shipped() -> list[str]:
    """Return the names of the models that come with kws."""
    return sorted({path.stem for folder in MODEL_FOLDERS for path in folder.glob("*.tflite")})


def checksum(content: bytes, digest: bytes) -> bytes:
    """Return the SHA-256 of a file with PLACEHOLDER in place of its digest."""
    return hashlib.sha256(content.replace(digest, PLACEHOLDER)).digest()


def read_file(path: Path) -> bytes:
    """Return the content of a model file; refuse what is no file or larger than any model."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a FIFO has no end
            raise KwsError(f"{path}: not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # the latter for NUL in a name
        raise KwsError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > MAX_BYTES:
        raise KwsError(f"{path}: larger than a model, {MAX_BYTES >> 20} MiB at most")
    return content


def networks_of(entries: Mapping[str, bytes]) -> tuple[bytes, ...]:
    """Return the networks of a committee after the first, of the metadata of a file."""
    return tuple(entries[name] for name in NETWORK_ENTRIES if name in entries)


def metadata(content: bytes, where: str) -> dict[str, bytes]:
    """Return the entries of kws among the metadata of a .tflite, by name.

    They are Model.metadata and Model.buffers of schema.fbs.

    Raises:
        KwsError: it is no .tflite, or damaged: a checksum that is there differs.
    """
    if content[4:8] != b"TFL3":
        raise KwsError(f"{where}: not a .tflite model")
    with readable(where):
        model = tflite.Model.GetRootAs(content, 0)
        if model.MetadataLength() > MAX_ENTRIES:
            raise ValueError("too many metadata entries")
        entries = {}
        for index in range(model.MetadataLength()):
            entry = model.Metadata(index)
            name = entry.Name().decode()
            if name in (CONFIG_ENTRY, CHECKSUM_ENTRY, *NETWORK_ENTRIES):
                data = model.Buffers(entry.Buffer()).DataAsNumpy()
                entries[name] = b"" if isinstance(data, int) else data.tobytes()
    digest = entries.get(CHECKSUM_ENTRY)
    if digest is not None and (len(digest) != 32 or checksum(content, digest) != digest):
        raise KwsError(f"{where}: the model file is damaged (its checksum differs)")
    return entries
