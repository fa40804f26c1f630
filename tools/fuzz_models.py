"""Fuzz the reading, running and exporting of models with files whose checksum is right.

    python tools/fuzz_models.py --runs 1000 --seed 0 --compile 50

Mutates the fields of the flatbuffer and the settings of small models, loads each, pushes samples
and exports it, with its settings and as a network alone; compiles some of what was accepted with
ASan and UBSan and runs it. What is not accepted must be refused by one line. Exits with 1 at the
first fault and leaves its file. With --unproven the operators are not proven, so that the check of
the plan has to stop what would corrupt memory, by any exception. Needs TensorFlow's schema, and gcc
for --compile.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from broadcast_models import broadcast_model, excited_model
from dilated_models import dilated_model
from hostile_models import other_model, small_committee, small_model, without_settings
from model_mutator import Mutator
from stateful_models import NETWORKS, manifest, stateful_model

from kws.backend import BACKENDS, DEFAULT_BACKEND, Spotter
from kws.console.model_info import as_dict, as_text
from kws.engine import proof
from kws.engine.c_headers import ALL_KINDS
from kws.errors import KwsError
from kws.export.sketch import engine_sources, export
from kws.model_file import ModelFile, find

ACCEPTED, REFUSED = "accepted", "refused"
SANITISED = ["gcc", "-std=c99", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
RANDOM = (
    "static int next(void) { static unsigned n; n = n * 1664525 + 1013904223; return n >> 16; }"
)
DETECTOR = """
#include <stdlib.h>
#include "kws_model.h"
RANDOM
int main(void) {
  static kws_spotter spotter;
  static int16_t samples[16000];
  kws_detection detections[4];
  kws_spotter_init(&spotter, &kws_model_data, malloc(KWS_MODEL_MEMORY_BYTES));
  for (int i = 0; i < 16000; ++i) samples[i] = (int16_t)next();
  kws_spotter_push(&spotter, samples, 16000, detections, 4);
}
"""
NETWORK = """
#include <stdlib.h>
#include "kws_model.h"
RANDOM
int main(void) {
  static kws_ds_cnn ds_cnn;
  const int size = KWS_MODEL_WINDOW_FRAMES * KWS_MODEL_FRAME_VALUES;
  int8_t *window = malloc(size), *scores = malloc(KWS_MODEL_CLASSES);
  for (int i = 0; i < size; ++i) window[i] = (int8_t)next();
  kws_ds_cnn_init(&ds_cnn, &kws_model_network, malloc(KWS_MODEL_MEMORY_BYTES));
  kws_ds_cnn_window(&ds_cnn, window, scores);
}
"""


class SanitiserError(Exception):
    """Report what a sanitiser found, or that exported C does not compile."""


class SanitisedEngine:
    """Compile the C engine with ASan and UBSan once, and run exported models with it."""

    def __init__(self, folder: Path) -> None:
        """Compile the engine into a folder."""
        self.folder, self.objects = folder, []
        for source in engine_sources():
            if source.suffix == ".c":
                self.objects.append(folder / f"{source.stem}.o")
                _run([*SANITISED, f"-DKWS_KINDS={ALL_KINDS}", "-c", source, "-o", self.objects[-1]])

    def run(self, exported: Path) -> None:
        """Compile the model in an exported folder and run it on noise."""
        model = next(exported.rglob("kws_model.c"))
        main = DETECTOR if "kws_model_data" in model.read_text("utf-8") else NETWORK
        program, source = self.folder / "program", self.folder / "main.c"
        source.write_text(main.replace("RANDOM", RANDOM))
        _run([*SANITISED, f"-I{model.parent}", source, model, *self.objects, "-lm", "-o", program])
        _run([program])


def _run(command: list[object]) -> None:
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=300,
        env={"ASAN_OPTIONS": "detect_leaks=0", "PATH": "/usr/bin:/bin"},
    )
    if done.returncode:
        raise SanitiserError(done.stderr[-3000:])


def attempt(
    path: Path,
    output: Path,
    backend: str,
    engine: SanitisedEngine | None,
    expected: type[Exception] = KwsError,
) -> str:
    """Describe, run and export a model; return whether any of it was accepted.

    Raises:
        Exception: something other than KwsError, or an error that is not one clear line.
    """
    samples = np.random.default_rng(0).normal(0, 3000, 16_000).astype(np.int16)

    def detect() -> None:
        model = ModelFile.load(path)
        as_text(model), as_dict(model)
        Spotter(model, backend).push(samples)

    def export_and_run() -> None:
        export(path, output)
        if engine is not None:
            engine.run(output)

    results = {_result(detect, expected), _result(export_and_run, expected)}
    path.write_bytes(without_settings(path.read_bytes()))
    output = output / "network"
    results.add(_result(export_and_run, expected))
    return ACCEPTED if ACCEPTED in results else REFUSED


def _result(work: Callable[[], None], expected: type[Exception]) -> str:
    """Return whether work was refused, by one line."""
    try:
        work()
    except SanitiserError:
        raise
    except expected as error:
        if isinstance(error, KwsError) and (not str(error).isprintable() or len(str(error)) > 500):
            raise ValueError(f"not one clear line: {str(error)!a}") from error
        return REFUSED
    return ACCEPTED


@dataclass(frozen=True)
class Original:
    """Hold a model that is mutated; share: how often, compared with the others."""

    content: bytes
    share: int
    stateful: bool = False  # one of microWakeWord's form, with a manifest


def originals(dense: bool) -> list[Original]:
    """Return the models that are mutated; dense: one has a layer that takes a window whole."""
    models = (
        (small_model(dense=dense), 20),
        (small_model(1, False), 8),
        (small_committee(), 14),
        (small_committee(first_stage=True), 14),
        (other_model(), 14),
        (find("home").read_bytes(), 4),
        (dilated_model(), 8),
        (broadcast_model(), 8),
        (excited_model(), 8),
    )
    shares = {"plain": 6, "residual": 7, "attention": 8, "unpooled": 3, "momentary": 1}
    shares |= {"inception": 7}
    stateful = [Original(stateful_model(kind), shares[kind], stateful=True) for kind in NETWORKS]
    return [*(Original(*each) for each in models), *stateful]


def write_mutated(original: Original, random: np.random.Generator, path: Path) -> bytes:
    """Write a mutated model, and the manifest of one that needs it; return its content."""
    mutator = Mutator(random)
    mutate = mutator.mutated_network if original.stateful else mutator.mutated
    content = mutate(original.content)
    path.write_bytes(content)
    if original.stateful:
        described = {**manifest(), "model": path.name}
        path.with_suffix(".json").write_text(json.dumps(described))
    return content


def main() -> None:
    """Run the mutations of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compile", type=int, default=0, help="accepted models to compile at most")
    parser.add_argument("--backend", choices=BACKENDS, default=DEFAULT_BACKEND)
    parser.add_argument("--unproven", action="store_true")
    arguments = parser.parse_args()
    expected: type[Exception] = KwsError
    if arguments.unproven:
        proof.Proof.__call__ = lambda *_: None  # type: ignore[method-assign]
        expected = Exception
    models = originals(dense=arguments.backend == "c")
    shares = np.array([model.share for model in models])
    results: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        engine = SanitisedEngine(Path(folder)) if arguments.compile else None
        for run in range(arguments.runs):
            random = np.random.default_rng((arguments.seed, run))
            original = models[random.choice(len(models), p=shares / shares.sum())]
            # It stays where a fault ends this process.
            path = Path(tempfile.gettempdir()) / f"fuzzed-{arguments.seed}-{run}.tflite"
            content, output = write_mutated(original, random, path), Path(folder, str(run))
            compiled = engine if results[ACCEPTED] < arguments.compile else None
            try:
                results[attempt(path, output, arguments.backend, compiled, expected)] += 1
            except Exception:
                path.write_bytes(content)
                traceback.print_exc()
                sys.exit(f"{path}: a fault in run {run}")
            path.unlink()
            path.with_suffix(".json").unlink(missing_ok=True)
    print(", ".join(f"{count} {result}" for result, count in sorted(results.items())))


if __name__ == "__main__":
    main()
