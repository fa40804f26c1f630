"""Run the wake word benchmark: python benchmarks/wake_words.py WORK DATA --output DIR.

WORK is the folder of a `kws train DATA --work WORK`. The protocol is that of Picovoice's wake word
benchmark, under cross-validation: the model of each fold is tested on the sessions, speakers and
noise that it was not trained on, so that every figure rests on all recordings and each is held out.
Thresholds are set on the clean negative speech of all folds, once: they are the same in every
condition. Seeds are fixed. Results are written to DIR as JSON and as a plot.

Conditions: clean; noise and a babble of eight talkers at an SNR of 10 dB, the ratio of the
greatest 512-sample energies; levels from -50 to -10 dBFS (RMS of the loudest 0.3 s); digital
silence or white noise (-70 dBFS) instead of what was recorded around the word; reverberation (the
impulse responses of DATA, which training uses as well); slower and faster words, with their pitch.

--tempo and --phases run the models at a higher tempo than they were trained at, and with other
phases than the recipe's; neither needs new training.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track
from rich.table import Table
from work_folder import folds_of, hyperparameters_of, parser

from kws.audio.audio_file import read_audio
from kws.data.dataset import Dataset
from kws.data.dataset_recipe import from_recipe
from kws.data.word_span import word_span
from kws.evaluation.det import DetCurves, det_curves
from kws.evaluation.figures import det_figure
from kws.evaluation.noise_mixing import mix_with_noise
from kws.evaluation.operating_points import operating_point_for
from kws.evaluation.scores import Scorer, Scores, merge_scores, score_recordings
from kws.model_file import ModelFile
from kws.training.augmentation import waveform
from kws.training.augmentation.waveform import to_float
from kws.training.cross_validation import Fold, read_test_set
from kws.training.recipe import Recipe
from kws.types import Samples

SNR = 10.0  # dB
TALKERS = 8
LEVELS = (-50, -40, -30, -20, -10)  # dBFS
WHITE_NOISE = -70.0  # dBFS
SPEEDS = (0.85, 1.15, 1.3)
MARGIN = 1600  # samples kept around a word that is cut out of its recording
FALSE_ALARMS_PER_HOUR = (0.0, 0.1, 0.5, 1.0)  # of each keyword
CLEAN = "clean"

Utterances = list[Samples]
Condition = Callable[[Utterances], Utterances]


def conditions(test: Dataset, speech: Utterances) -> Iterator[tuple[str, Condition]]:
    """Yield each condition by name: a change of utterances, with the noise and speech of a fold."""
    noise = np.concatenate([read_audio(clip.path) for clip in test.noise])
    rooms = [to_float(read_audio(clip.path)) for clip in test.impulse_responses]
    yield f"noise, {SNR:g} dB", lambda words: list(mix_with_noise(words, noise, SNR, seed=1))
    babble = talkers(np.concatenate(speech))
    yield f"babble, {SNR:g} dB", lambda words: list(mix_with_noise(words, babble, SNR, seed=2))
    for level in LEVELS:
        yield f"{level} dBFS", lambda words, level=level: [at_level(w, level) for w in words]
    yield "digital silence", lambda words: [cut_out(word, None) for word in words]
    random = np.random.default_rng(3)
    yield "white noise", lambda words: [cut_out(word, random) for word in words]
    yield "room", lambda words: [in_room(w, rooms[i % len(rooms)]) for i, w in enumerate(words)]
    for speed in SPEEDS:
        yield (
            f"{speed:g} times as fast",
            lambda words, speed=speed: [at_speed(w, speed) for w in words],
        )


def talkers(speech: Samples) -> Samples:
    """Return TALKERS passages of the speech, mixed."""
    length = len(speech) // TALKERS
    passages = np.reshape(speech[: length * TALKERS], (TALKERS, length))
    return waveform.to_int16(passages.astype(np.float32).mean(axis=0) / 32768 * 2)


def at_level(word: Samples, dbfs: float) -> Samples:
    """Return an utterance at another level."""
    return waveform.to_int16(waveform.set_level(to_float(word), dbfs))


def at_speed(word: Samples, speed: float) -> Samples:
    """Return an utterance at another speed, with its pitch."""
    return waveform.to_int16(waveform.perturb_speed(to_float(word), speed))


def cut_out(word: Samples, random: np.random.Generator | None) -> Samples:
    """Return an utterance in digital silence, or in white noise, instead of its own background."""
    start, end = word_span(word)
    audio = np.zeros(len(word), np.float32)
    kept = slice(max(0, start - MARGIN), min(len(word), end + MARGIN))
    audio[kept] = waveform.fade(to_float(word[kept]))
    if random is not None:
        white = random.standard_normal(len(audio)).astype(np.float32)
        audio += np.float32(10 ** (WHITE_NOISE / 20)) * white
    return waveform.to_int16(audio)


def in_room(word: Samples, response: npt.NDArray[np.float32]) -> Samples:
    """Return an utterance with the reverberation of a room."""
    return waveform.to_int16(waveform.apply_impulse_response(to_float(word), response))


def at_tempo(fold: Fold, recipe: Recipe, tempo: float) -> ModelFile:
    """Return a fold's model that runs `tempo` times as fast as it was trained, by a longer hop."""
    model = fold.load(recipe)
    front_end = model.config.front_end
    faster = replace(model.config, front_end=replace(front_end, hop=round(front_end.hop * tempo)))
    return replace(model, config=recipe.inference_config(faster))


def score_conditions(model: ModelFile, test: Dataset) -> dict[str, Scores]:
    """Return the scores of a fold's held-out recordings in every condition."""
    scorer = Scorer(model)
    positives, negatives = read_test_set(test)
    scores = {CLEAN: score_recordings(scorer, positives, negatives)}
    speech = [
        samples
        for clip, samples in zip(test.negatives, negatives, strict=True)
        if "librispeech" in str(clip.path)
    ]
    for name, condition in conditions(test, speech):
        changed = {keyword: condition(words) for keyword, words in positives.items()}
        scores[name] = score_recordings(scorer, changed, [])
    return scores


def miss_rates(clean: Scores, scores: Scores, refractory: int) -> dict[str, dict[str, float]]:
    """Return miss rates by target of false alarms per hour, and by keyword."""
    result = {}
    for wanted in FALSE_ALARMS_PER_HOUR:
        rates = {
            keyword: operating_point_for(
                scores.positives[keyword], trace, wanted, clean.hours, refractory
            ).miss_rate
            for keyword, trace in clean.negatives.items()
        }
        result[f"{wanted:g}"] = {**rates, "mean": float(np.mean(list(rates.values())))}
    return result


def points(det: DetCurves) -> dict[str, list[tuple[float, float]]]:
    """Return false alarms per hour and miss rate along the clean DET curve, by keyword."""
    alarms = det.false_alarms_per_hour.tolist()
    return {
        keyword: list(zip(alarms, rates.tolist(), strict=True))
        for keyword, rates in det.miss_rates.items()
    }


def main() -> None:
    """Print the table; write results.json and det.svg."""
    wanted = parser(__doc__)
    wanted.add_argument("--output", type=Path, required=True)
    wanted.add_argument("--tempo", type=float, default=1.0)
    wanted.add_argument("--phases", type=int, help="where not the recipe's")
    arguments = wanted.parse_args()
    recipe = hyperparameters_of(arguments)
    if arguments.phases:
        posterior = replace(recipe.posterior, phases=arguments.phases)
        recipe = replace(recipe, posterior=posterior)
    dataset = from_recipe(arguments.recipe, arguments.data)
    folds = folds_of(arguments)
    models = [at_tempo(fold, recipe, arguments.tempo) for fold in folds]
    tests = [fold.test_set(dataset) for fold in folds]
    pairs = zip(models, tests, strict=True)
    scores = [score_conditions(*pair) for pair in track(pairs, "scoring", total=len(folds))]
    merged = {name: merge_scores([fold[name] for fold in scores]) for name in scores[0]}
    clean = merged[CLEAN]
    refractory = models[0].config.smoothing.refractory_steps
    rates = {name: miss_rates(clean, traces, refractory) for name, traces in merged.items()}
    det = det_curves(clean, refractory)
    arguments.output.mkdir(parents=True, exist_ok=True)
    result = {"hours": clean.hours, "miss_rates": rates, "curves": points(det)}
    (arguments.output / "results.json").write_text(json.dumps(result, indent=1))
    det_figure(det).savefig(arguments.output / "det.svg")
    title = f"missed, mean of the keywords, by false alarms per hour; {clean.hours:.2f} h"
    table = Table("condition", *(f"{w:g}/h" for w in FALSE_ALARMS_PER_HOUR), title=title)
    for name, by_rate in rates.items():
        table.add_row(name, *(f"{rate['mean']:.1%}" for rate in by_rate.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
