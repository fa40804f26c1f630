"""Compare kws with TFLM and with pymicro-wakeword on models of microWakeWord.

    python benchmarks/micro_wake_words.py AUDIO... [--models DIR] [--every N]

AUDIO: recordings, or folders of them. By default the models are those that pymicro-wakeword comes
with. Each recording is a stream of its own, with the silence that kws listen adds at its end. For
each model it prints at how many steps TFLM (the package tflite-micro: the kernels of ESPHome's
devices) and pymicro-wakeword give the score of kws, how many detections of pymicro-wakeword and kws
are of the same sample, and the processor time that both took, front end included. TensorFlow Lite
in pymicro-wakeword rounds a score otherwise now and then. It has no refractory time either: that of
kws is applied to what it says. Exits with 1 where a score of TFLM or a detection differs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pymicro_wakeword
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures
from tflite_micro.python.tflite_micro import runtime
from user_errors import run_main

from kws.audio.audio_file import read_each
from kws.backend import Spotter, open_ds_cnn, open_mfcc
from kws.config import MICRO, SAMPLE_RATE, ModelConfig
from kws.data.audio_files import audio_files
from kws.ds_cnn import quantised
from kws.listener import FLUSH_SECONDS
from kws.model_file import ModelFile
from kws.types import Frames, Int, Samples


@dataclass
class Comparison:
    """Hold what the programs said of some recordings."""

    steps: int = 0
    equal_to_tflm: int = 0
    equal_to_pymicro: int = 0
    detections: int = 0
    found_by_both: int = 0
    kws_seconds: float = 0.0
    pymicro_seconds: float = 0.0

    @property
    def is_equal(self) -> bool:
        """Return whether scores are those of TFLM and detections those of pymicro-wakeword."""
        return (self.steps, self.detections) == (self.equal_to_tflm, self.found_by_both)


class Tflm:
    """Run a network in TFLM."""

    def __init__(self, model: ModelFile) -> None:
        """Load it."""
        self._content, self._quantisation = model.content, model.input_quantisation
        self._stride = model.config.stride

    def scores(self, frames: Frames) -> Int:
        """Return the probabilities [steps], in 1/256, of a stream of frames."""
        network = runtime.Interpreter.from_bytes(self._content, arena_size=1 << 20)
        values = quantised(frames, *self._quantisation)
        steps = len(values) // self._stride
        found = np.empty(steps, np.int64)
        for index in range(steps):
            step = values[index * self._stride :][: self._stride]
            network.set_input(step[None], 0)
            network.invoke()
            found[index] = network.get_output(0)[0, 0]
        return found


def judged(judge: MicroWakeWord, stride: int, samples: Samples) -> tuple[Int, list[bool]]:
    """Return what pymicro-wakeword says at each step: the score, and whether the mean exceeds."""
    judge.reset()
    scores, exceeded = [], []
    for index, frame in enumerate(MicroWakeWordFeatures().process_streaming(samples.tobytes())):
        mean = judge.process_streaming_prob(frame)
        if index % stride == stride - 1:
            scores.append(round(256 * judge._probabilities[-1]))
            exceeded.append(mean > judge.probability_cutoff)
    return np.array(scores, np.int64), exceeded


def detections(exceeded: list[bool], config: ModelConfig) -> list[int]:
    """Return the samples at which the detections end, with the refractory time of kws."""
    found, silent_until = [], 0
    for step, exceeds in enumerate(exceeded):
        if exceeds and step >= silent_until:
            found.append(((step + 1) * config.stride - 1) * MICRO.hop + MICRO.window)
            silent_until = step + 1 + config.smoothing.refractory_steps
    return found


def compare(manifest: Path, recordings: Sequence[Samples]) -> Comparison:
    """Run the programs on recordings."""
    model, judge = ModelFile.load(manifest), MicroWakeWord.from_config(manifest)
    spotter, network, tflm = Spotter(model), open_ds_cnn(model), Tflm(model)
    flush, result = np.zeros(round(FLUSH_SECONDS * SAMPLE_RATE), np.int16), Comparison()
    for recording in recordings:
        samples = np.concatenate([recording, flush])
        begin = time.process_time()
        judgement, exceeded = judged(judge, model.config.stride, samples)
        between = time.process_time()
        spotter.reset()
        found = {each.sample for each in spotter.push(samples)}
        result.kws_seconds += time.process_time() - between
        result.pymicro_seconds += between - begin
        expected = set(detections(exceeded, model.config))
        result.detections += len(expected | found)
        result.found_by_both += len(expected & found)
        frames = open_mfcc(MICRO).push(samples)
        network.reset()
        scores = network.push(frames)[:, 0].astype(np.int64) + 128
        result.steps += len(scores)
        result.equal_to_tflm += int(np.sum(scores == tflm.scores(frames)))
        result.equal_to_pymicro += int(np.sum(scores == judgement))
    return result


def main() -> None:
    """Print a line for each model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("audio", nargs="+", type=Path)
    shipped = Path(pymicro_wakeword.__file__).parent / "models"
    parser.add_argument("--models", type=Path, default=shipped)
    parser.add_argument("--every", type=int, default=1, help="take every Nth recording")
    options = parser.parse_args()
    paths = [path for each in options.audio for path in audio_files(each)][:: options.every]
    recordings = [samples for _, samples in read_each(paths, warn=True)]
    seconds = sum(map(len, recordings)) / SAMPLE_RATE
    print(f"{len(recordings)} recordings, {seconds / 60:.1f} min")
    same = True
    for manifest in sorted(options.models.glob("*.json")):
        found = compare(manifest, recordings)
        same = same and found.is_equal
        print(
            f"{manifest.stem:12} of {found.steps} scores TFLM gives {found.equal_to_tflm},"
            f" pymicro-wakeword {found.equal_to_pymicro};"
            f" {found.found_by_both} of {found.detections} detections the same;"
            f" per second of audio {1000 * found.kws_seconds / seconds:.2f} ms,"
            f" pymicro-wakeword {1000 * found.pymicro_seconds / seconds:.2f} ms",
            flush=True,
        )
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    run_main(main)
