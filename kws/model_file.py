"""A model on disk: one .tflite that carries its settings and a checksum as metadata."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import tflite

from kws.config import ModelConfig
from kws.errors import KwsError

DEFAULT_MODEL = "home"
DEFAULT_TRUNK = "trunk"  # whose weights `kws train` starts from
CONFIG_ENTRY = "kws_config"  # JSON of ModelConfig
CHECKSUM_ENTRY = "kws_sha256"  # digest of the file with PLACEHOLDER in the digest's place
PLACEHOLDER = hashlib.sha256(b"kws").digest()
MAX_ENTRIES = 64  # metadata entries; a damaged file may claim billions

_PACKAGE = Path(__file__).parent
MODEL_FOLDERS = (_PACKAGE / "models", _PACKAGE.parent / "models")  # installed, checkout


@dataclass(frozen=True)
class ModelFile:
    """A model that was read and found whole."""

    name: str
    content: bytes
    config: ModelConfig

    @classmethod
    def load(cls, name_or_path: str | Path = DEFAULT_MODEL) -> ModelFile:
        """Read a shipped model by name or any model by path; KwsError says what is wrong."""
        path = find(name_or_path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise KwsError(f"{path}: {error.strerror or error}") from error
        return cls.parse(content, str(path))

    @classmethod
    def parse(cls, content: bytes, where: str) -> ModelFile:
        """Check bytes and take the settings out of them; `where` names them in errors."""
        entries = metadata(content, where)
        digest = entries.get(CHECKSUM_ENTRY)
        if digest is None or CONFIG_ENTRY not in entries:
            raise KwsError(f"{where}: a .tflite model, but not one made by kws train")
        if checksum(content, digest) != digest:
            raise KwsError(f"{where}: the model file is damaged (its checksum differs)")
        try:
            config = ModelConfig.from_dict(json.loads(entries[CONFIG_ENTRY]))
        except (ValueError, KwsError) as error:
            raise KwsError(f"{where}: {error}") from error
        return cls(Path(where).stem, content, config)

    def without_gate(self) -> ModelFile:
        """The same model, which hears silence too."""
        gate = replace(self.config.gate, on=False)
        return replace(self, config=replace(self.config, gate=gate))

    @property
    def sha256(self) -> str:
        """Hash of the whole file, for reports and generated code."""
        return hashlib.sha256(self.content).hexdigest()


def find(name_or_path: str | Path) -> Path:
    """A path as it is; a bare name among the shipped models."""
    path = Path(name_or_path)
    if path.suffix or len(path.parts) > 1 or path.is_file():
        return path
    for folder in MODEL_FOLDERS:
        if (folder / f"{path}.tflite").is_file():
            return folder / f"{path}.tflite"
    raise KwsError(f"no model named {str(path)!r}; shipped are: {', '.join(shipped()) or 'none'}")


def shipped() -> list[str]:
    """Names of the models that come with kws."""
    return sorted({path.stem for folder in MODEL_FOLDERS for path in folder.glob("*.tflite")})


def checksum(content: bytes, digest: bytes) -> bytes:
    """SHA-256 of the file, the digest itself counted as PLACEHOLDER."""
    return hashlib.sha256(content.replace(digest, PLACEHOLDER)).digest()


def metadata(content: bytes, where: str) -> dict[str, bytes]:
    """Metadata entries of a .tflite by name (schema.fbs: Model.metadata, Model.buffers)."""
    if content[4:8] != b"TFL3":
        raise KwsError(f"{where}: not a .tflite model")
    try:
        model = tflite.Model.GetRootAs(content, 0)
        if model.MetadataLength() > MAX_ENTRIES:
            raise ValueError("too many metadata entries")
        entries = {}
        for index in range(model.MetadataLength()):
            entry = model.Metadata(index)
            data = model.Buffers(entry.Buffer()).DataAsNumpy()
            entries[entry.Name().decode()] = b"" if isinstance(data, int) else data.tobytes()
        return entries
    except (struct.error, ValueError, IndexError, TypeError, AttributeError) as error:
        raise KwsError(f"{where}: the model file is damaged or cut short") from error
