"""Print hashes of everything that a model decides, to compare before and after a change.

    python tools/fingerprint.py                  # shipped models on the shipped samples
    python tools/fingerprint.py --data DIR       # and on an hour of recordings

Equal hashes mean equal bits: features, scores, smoothed posteriors and detections, by the C engine
and by NumPy, which must agree. tests/golden.json holds those of the samples.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws import ModelFile, Spotter
from kws.audio.audio_file import read_audio
from kws.backend import open_ds_cnn, open_front_end
from kws.committee import Committee
from kws.config import SAMPLE_RATE
from kws.ds_cnn import DsCnn
from kws.gate import Gate
from kws.listener import FLUSH_SECONDS
from kws.posterior import Posterior
from kws.spotter import front_end_of

SAMPLES = Path(__file__).parents[1] / "audio_samples"
MODELS = ("home", "base", "esphome", "home-small")  # all that are shipped
HOUR = 3600 * SAMPLE_RATE
# Folders of a data folder, ending of the recordings, and every which of them is taken.
HOUR_SOURCES = (("wake", ".flac", 4), ("speech/librispeech", ".opus", 2), ("noise/esc10", "", 8))


def digest(*parts: npt.NDArray[Any] | bytes) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of arrays or bytes."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes())
    return total.hexdigest()[:16]


def fingerprint(model: ModelFile, samples: npt.NDArray[np.int16]) -> dict[str, Any]:
    """Return the hash of each stage's output for int16 samples [n], and of the detections.

    Features and scores, those of each network, are of the whole stream, without a gate. An
    AssertionError says that the backends differ.
    """
    features = open_front_end(model).push(samples)
    scores = [open_ds_cnn(network).push(features) for network in model.each_network()]
    assert digest(features) == digest(front_end_of(model).push(samples))
    assert digest(*scores) == digest(*(DsCnn(n).push(features) for n in model.each_network()))
    by_backend = [list(detections(Spotter(model, backend), samples)) for backend in (None, "numpy")]
    assert by_backend[0] == by_backend[1]
    return {
        "features": digest(features),
        "scores": digest(*scores),
        "posteriors": digest(*posteriors(model, samples)),
        "detections": [len(by_backend[0]), digest(repr(by_backend[0]).encode())],
    }


def posteriors(model: ModelFile, samples: npt.NDArray[np.int16]) -> Iterator[npt.NDArray[Any]]:
    """Yield the steps that the gate cuts out and the smoothed posteriors between, unprimed.

    Those of a committee are the averages, then what displays get of them.
    """
    config = model.config
    front_end, ds_cnn = open_front_end(model), open_ds_cnn(model)
    committee = Committee(model, open_ds_cnn) if config.committee else None
    window_frames = (committee or ds_cnn).window_frames
    posterior = Posterior(config, ds_cnn.score_scale, window_frames)
    for cut, passage in Gate(config, window_frames).push(samples):
        yield np.int64([cut])
        frames = front_end.push(passage)
        if committee:
            yield from committee.push(frames)
        else:
            yield posterior.smooth(ds_cnn.push(frames))


def detections(
    spotter: Spotter, samples: npt.NDArray[np.int16]
) -> Iterator[tuple[int, str, float]]:
    """Yield sample, keyword and confidence of each detection, the stream flushed at its end."""
    flush = np.zeros(round(FLUSH_SECONDS * SAMPLE_RATE), np.int16)
    for found in (*spotter.push(samples), *spotter.push(flush)):
        yield found.sample, found.keyword, found.confidence


def of_samples() -> dict[str, Any]:
    """Return the fingerprints of the shipped models on the shipped samples."""
    return {
        name: {path.name: fingerprint(model, read_audio(path)) for path in recordings}
        for name in MODELS
        for model in [ModelFile.load(name)]
        for recordings in [sorted(SAMPLES.glob("*.flac"))]
    }


def an_hour(data: Path) -> npt.NDArray[np.int16]:
    """Return an hour of keywords, speech and noise out of a data folder."""
    paths = [
        path
        for folder, ending, every in HOUR_SOURCES
        for path in sorted(p for p in (data / folder).rglob(f"*{ending}") if p.is_file())[::every]
    ]
    return np.concatenate([read_audio(path) for path in paths])[:HOUR]


def main() -> None:
    """Print the fingerprints as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="recordings, as models/home.toml names them")
    data = parser.parse_args().data
    found = of_samples()
    if data:
        found["home"]["an hour"] = fingerprint(ModelFile.load("home"), an_hour(data))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
