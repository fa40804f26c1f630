"""Measure what int8 costs: python benchmarks/quantisation.py WORK DATA.

WORK is the folder of a `kws train --work WORK`; `--recipe` names its recipe, if not home's. The
network of each fold, as int8 and as the float network that was quantised, is scored on the
recordings that the fold holds out; tables show the miss rates at the same false alarms per hour.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console
from user_errors import run_main
from work_folder import folds_of, hyperparameters_of, parser

from kws.console.plain_line import print_line
from kws.data.dataset import Dataset
from kws.data.dataset_recipe import from_recipe
from kws.evaluation.evaluate import Evaluation, evaluate
from kws.evaluation.scores import Scorer, Scores, merge_scores, score_recordings
from kws.model_file import ModelFile
from kws.posterior import ONE
from kws.training.dataset_scores import read_test_set
from kws.training.model import build_model, copy_weights
from kws.training.recipe import Recipe
from kws.types import Confidences, Samples


class FloatScorer(Scorer):
    """Score streams with the float network and an exact softmax."""

    def __init__(self, model: ModelFile, weights: Path, recipe: Recipe) -> None:
        super().__init__(model)
        self._recipe, architecture, config = recipe, recipe.architecture, model.config
        window, self._network = (
            build_model(architecture, config.front_end, len(config.classes), frames)
            for frames in (architecture.window_frames, None)
        )
        window.load_weights(weights)
        copy_weights(window, self._network)

    def reset(self) -> None:
        """Forget the stream."""
        super().reset()
        config = self.config
        self._frames = np.zeros((0, config.front_end.coefficients), np.float32)
        self._posteriors = np.zeros(
            (config.smoothing.smooth_steps - 1, len(config.keywords)), np.float64
        )

    def score_passage(self, samples: Samples) -> Confidences:
        """Return the confidences of a passage, Q15 [steps, keywords]."""
        frames = np.concatenate([self._frames, self._mfcc.push(samples)])
        stride, width = self.config.stride, self.config.smoothing.smooth_steps
        steps = max(0, (len(frames) - self.window_frames) // stride + 1)
        self._frames = frames[steps * stride :]
        if not steps:
            return np.zeros((0, len(self.config.keywords)), np.int64)
        trained_stride, phases = self._recipe.architecture.stride, self._recipe.posterior.phases
        logits = np.empty((steps, len(self.config.classes)), np.float32)
        for phase in range(min(steps, phases)):
            of_phase = logits[phase::phases]
            end = phase * stride + self.window_frames + (len(of_phase) - 1) * trained_stride
            features = frames[phase * stride : end][None, :, :, None]
            of_phase[:] = self._network(features, training=False).numpy()[0, :, 0]
        powers = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
        posteriors = (powers / powers.sum(axis=1, keepdims=True))[:, 1:]
        posteriors = np.concatenate([self._posteriors, posteriors])
        self._posteriors = posteriors[steps:]
        averages = np.lib.stride_tricks.sliding_window_view(posteriors, width, axis=0).mean(axis=-1)
        return (averages * ONE).astype(np.int64)


def score_fold(scorer: Scorer, test: Dataset) -> Scores:
    """Return the scores of a fold's held-out recordings."""
    return score_recordings(scorer, *read_test_set(test))


def main() -> None:
    """Print both evaluations and the difference of their means."""
    arguments = parser(__doc__).parse_args()
    dataset = from_recipe(arguments.recipe, arguments.data)
    recipe = hyperparameters_of(arguments)
    as_float, as_int8 = [], []
    for fold in folds_of(arguments):
        test = fold.test_set(dataset)
        model = fold.load(recipe)
        as_int8.append(score_fold(Scorer(model), test))
        as_float.append(score_fold(FloatScorer(model, fold.weights, recipe), test))
    results: dict[str, Evaluation] = {
        "int8": evaluate(merge_scores(as_int8), model.config),
        "float": evaluate(merge_scores(as_float), model.config),
    }
    console = Console()
    for name, result in results.items():
        console.print(result.table(name))
    for rate in next(iter(results["int8"].at_target.values())):
        loss = results["int8"].mean_miss_rate(rate) - results["float"].mean_miss_rate(rate)
        line = f"int8 misses {100 * loss:+.2f} points more at {rate} false alarms per hour"
        print_line(line, console)


if __name__ == "__main__":
    run_main(main)
