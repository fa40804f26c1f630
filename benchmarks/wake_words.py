"""Run the wake word benchmark on recordings that the models were not trained on.

    python benchmarks/wake_words.py WORK DATA --output DIR
    python benchmarks/wake_words.py DATA --model FILE --held-out 1 --output DIR

WORK is the folder of a `kws train DATA --work WORK`: the model of each fold is tested on the
sessions, speakers and noise that it was not trained on, so that every figure rests on all
recordings and each is held out. A single model, which may be a committee, is tested on the
quarter that its `kws train --held-out` left out, as its card says; --held-out, 1 to 4, or
--partitions, 0 to 7, say it where the card does not.

Keywords are scored in the conditions of kws/evaluation/conditions.py; other speech and noise come
from the same held-out recordings. Speech without keywords and noise are scored by kind, running and
alone (kws/evaluation/condition_scores.py). Misses and false alarms are those of the whole model,
all keywords together: at its thresholds, or those of another model (--thresholds home), where folds
have none; and at thresholds that raise so many false alarms in all kinds and spacings together
(--alarms), an equal share of each keyword. Seeds are fixed.

DIR gets results.json, det.svg and the scores, which compare_wake_words.py compares with others.

--levels adds levels from -50 to -10 dBFS (RMS of the loudest 0.3 s), white noise of -70 dBFS around
the word, faster and slower words with their pitch, and the impulse responses of DATA, which
training uses as well. --tempo and --phases run the models of WORK at a higher tempo than they were
trained at, and with other phases than the recipe's; neither needs new training.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from other_conditions import level_and_speed_conditions
from rich.console import Console
from rich.progress import track
from stored_scores import StoredScores
from user_errors import run_main
from work_folder import folds_of, hyperparameters_of, parser

from kws.audio.audio_file import read_usable
from kws.config import ARITHMETICS
from kws.console.plain_line import print_line
from kws.data.clips import Clip
from kws.data.dataset import Dataset
from kws.data.dataset_recipe import from_recipe
from kws.evaluation.condition_report import alarm_table, condition_values, miss_table
from kws.evaluation.condition_scores import (
    ConditionScores,
    KindScores,
    merge_condition_scores,
    score_conditions,
    score_kind,
)
from kws.evaluation.conditions import CLEAN, Material, conditions, find_word, trimmed
from kws.evaluation.det import det_curves
from kws.evaluation.figures import det_figure
from kws.evaluation.scores import Scorer, Scores
from kws.evaluation.whole_model import model_thresholds
from kws.model_file import ModelFile
from kws.posterior import ONE
from kws.training.fold import Fold
from kws.training.plan import held_out_quarter
from kws.training.recipe import Recipe
from kws.training.results import HELD_OUT_KEY
from kws.types import Int, Samples

SPEECH, ORDERS, NOISE = "read", "orders", "household"  # kinds that are mixed with the keywords
ALARMS = (4, 20)
MATERIAL_SECONDS = 1.0  # of speech that is mixed with keywords, at least


def arguments() -> argparse.Namespace:
    """Return the command line."""
    wanted = parser(__doc__, work_optional=True)
    wanted.add_argument("--model", help="a model instead of the folds of WORK")
    wanted.add_argument("--arithmetic", choices=ARITHMETICS, help="of the model's front end")
    wanted.add_argument("--held-out", type=int, choices=range(1, 5), help="quarter")
    wanted.add_argument("--partitions", type=int, nargs="+", choices=range(8), metavar="N")
    wanted.add_argument("--output", type=Path, required=True)
    wanted.add_argument("--alarms", type=int, nargs="*", default=ALARMS, metavar="N")
    wanted.add_argument("--thresholds", metavar="MODEL", help="a model whose thresholds are used")
    wanted.add_argument("--sensitivity", help="low, normal or high, where the model has it")
    wanted.add_argument("--levels", action="store_true", help="levels and speeds as well")
    wanted.add_argument("--tempo", type=float, default=1.0)
    wanted.add_argument("--phases", type=int, help="where not the recipe's")
    given = wanted.parse_args()
    if (given.work is None) == (given.model is None):
        wanted.error("either WORK or --model")
    return given


def tested(given: argparse.Namespace, dataset: Dataset) -> list[tuple[ModelFile, Dataset]]:
    """Return each model and what it is tested on."""
    if given.model:
        model = ModelFile.load(given.model).with_arithmetic(given.arithmetic)
        return [(model, dataset.partitions(held_out_partitions(model, given)).testable())]
    recipe = hyperparameters_of(given)
    if given.phases:
        recipe = replace(recipe, posterior=replace(recipe.posterior, phases=given.phases))
    return [(at_tempo(f, recipe, given.tempo), f.test_set(dataset)) for f in folds_of(given)]


def held_out_partitions(model: ModelFile, given: argparse.Namespace) -> Sequence[int]:
    """Return the partitions that a model was not trained on, by the command line or its card."""
    if given.held_out:
        return held_out_quarter(given.held_out, Path()).held_out
    if found := given.partitions or model.config.card.get(HELD_OUT_KEY):
        return found
    raise SystemExit(
        f"{model.name}: its card has no {HELD_OUT_KEY}; name --held-out or --partitions"
    )


def at_tempo(fold: Fold, recipe: Recipe, tempo: float) -> ModelFile:
    """Return a fold's model that runs `tempo` times as fast as it was trained, by a longer hop."""
    model = fold.load(recipe)
    front_end = model.config.front_end
    faster = replace(model.config, front_end=replace(front_end, hop=round(front_end.hop * tempo)))
    return replace(model, config=recipe.inference_config(faster))


def read(clips: Sequence[Clip]) -> list[Samples]:
    """Return recordings; what cannot be read was logged before."""
    return read_usable([clip.path for clip in clips], warn=False)


def by_kind(clips: Sequence[Clip]) -> dict[str, list[Clip]]:
    """Return clips by kind."""
    return {k: [c for c in clips if c.kind == k] for k in dict.fromkeys(c.kind for c in clips)}


def material(test: Dataset) -> Material:
    """Return what is mixed with the keywords: of some kinds where there are kinds, else of all."""
    speech, noise = by_kind(test.negatives), by_kind(test.noise)

    def long_speech(kind: str) -> list[Samples]:
        found = (trimmed(samples) for samples in read(speech.get(kind, test.negatives)))
        return [samples for samples in found if len(samples) >= MATERIAL_SECONDS * 16000]

    sounds = read(noise.get(NOISE, test.noise))
    joined = np.concatenate(sounds) if sounds else np.zeros(0, np.int16)
    return Material(long_speech(SPEECH), long_speech(ORDERS), joined)


def score(model: ModelFile, test: Dataset, levels: bool) -> ConditionScores:
    """Return the scores of held-out recordings in every condition and of every kind."""
    scorer = Scorer(model)
    changes = conditions(material(test))
    if levels:
        changes |= level_and_speed_conditions(read(test.impulse_responses))
    peaks = {}
    for keyword in model.config.keywords:
        words = map(find_word, read(test.positives[keyword]))
        peaks[keyword] = score_conditions(scorer, words, changes, keyword)
    kinds: dict[str, KindScores] = {}
    for clips, speech in ((test.negatives, True), (test.noise, False)):
        for kind, of in by_kind(clips).items():
            if kind in kinds:
                raise SystemExit(f"{kind!r} is a kind of negatives and of noise")
            kinds[kind] = score_kind(scorer, [[samples] for samples in read(of)], speech)
    positives = {name: {k: peaks[k][name] for k in peaks} for name in changes}
    return ConditionScores(positives, kinds)


def recordings(tests: Sequence[Dataset], root: Path) -> dict[str, list[str]]:
    """Return the paths of all that is scored, by keyword (in quotes) and by kind, in order."""
    found: dict[str, list[str]] = {}
    for test in tests:
        words = {f'"{keyword}"': clips for keyword, clips in test.positives.items()}
        groups = {**words, **by_kind(test.negatives), **by_kind(test.noise)}
        for name, clips in groups.items():
            paths = [clip.path.relative_to(root).as_posix() for clip in clips]
            found.setdefault(name, []).extend(paths)
    return found


def columns(stored: StoredScores, alarms: Sequence[int]) -> dict[str, Int]:
    """Return the thresholds [keywords] of each column of figures, by its heading."""
    found = {"its thresholds": stored.thresholds} if stored.thresholds.min() < ONE else {}
    return found | {f"{n} alarms": stored.equal_alarm_thresholds(n) for n in alarms}


def write(stored: StoredScores, alarms: Sequence[int], output: Path) -> None:
    """Print the tables; write results.json, det.svg and the scores."""
    scores, refractory = stored.scores, stored.refractory
    sets = columns(stored, alarms)
    values = {
        name: {**condition_values(scores, t, refractory), "folders": stored.folders_that_fire(t)}
        for name, t in sets.items()
    }
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.json").write_text(json.dumps(values, indent=1) + "\n")
    stored.save(output)
    det_figure(det_curves(running_speech(scores), refractory)).savefig(output / "det.svg")
    console = Console(width=110)
    console.print(miss_table(scores, sets, f"{stored.name}: missed, %"))
    for name, thresholds in sets.items():
        title = f"{stored.name}: false alarms, {name}"
        console.print(alarm_table(scores, thresholds, refractory, title))
        fired = stored.folders_that_fire(thresholds).items()
        alone = ", ".join(f"{f} {n} of {of}" for f, (n, of) in fired if n)
        print_line(f"fire alone:  {alone}", console)


def running_speech(scores: ConditionScores) -> Scores:
    """Return the scores of clean keywords and of all running speech, for a DET curve."""
    clean = scores.positives[CLEAN]
    speech = [of for of in scores.kinds.values() if of.speech]
    joined = np.concatenate([of.traces["running"] for of in speech])
    negatives = {keyword: joined[:, index] for index, keyword in enumerate(clean)}
    return Scores(clean, negatives, sum(of.hours for of in speech))


def main() -> None:
    """Score the models, print the tables and write the results."""
    given = arguments()
    dataset = from_recipe(given.recipe, given.data)
    pairs = tested(given, dataset)
    parts = [score(*pair, given.levels) for pair in track(pairs, "scoring")]
    judge = ModelFile.load(given.thresholds) if given.thresholds else pairs[0][0]
    config = judge.with_sensitivity(given.sensitivity).config
    stored = StoredScores(
        Path(given.model or given.work).stem,
        merge_condition_scores(parts),
        model_thresholds(config),
        pairs[0][0].config.smoothing.refractory_steps,
        recordings([test for _, test in pairs], given.data),
    )
    write(stored, given.alarms, given.output)


if __name__ == "__main__":
    run_main(main)
