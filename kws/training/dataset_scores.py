"""Score a model on the recordings of a dataset, clean and in noise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from kws.audio.audio_file import read_usable
from kws.data.dataset import Dataset
from kws.evaluation.condition_scores import SPACINGS
from kws.evaluation.noise_mixing import mix_with_noise
from kws.evaluation.scores import Scorer, Scores, score_recordings
from kws.evaluation.speech_peaks import SpeechPeaks, by_kind, find_speech_peaks
from kws.model_file import ModelFile
from kws.types import Samples

CLEAN = "clean"
NOISY_SNR = 10.0  # dB
NOISY = f"{NOISY_SNR:g} dB"

ScoresByCondition = dict[str, Scores]


@dataclass(frozen=True)
class Tested:
    """Hold a trained model and what it gives on what its fold holds out, if anything."""

    model: ModelFile
    scores: ScoresByCondition
    peaks: dict[str, SpeechPeaks]  # in clean speech, by how recordings follow each other


def test_model(model: ModelFile, test: Dataset) -> Tested:
    """Return what a model gives on a test set.

    The peaks are those of a committee that is awake wherever it can be: what keeps it asleep takes
    some of them away, and not the same share of the low and of the high ones, so that no tail fits
    the rest.
    """
    speech, awake = by_kind(test.negatives), model.always_awake()

    def peaks(pause: float) -> SpeechPeaks:
        return find_speech_peaks(Scorer(awake), speech, pause)

    with ThreadPoolExecutor() as threads:  # the engine releases Python's lock
        scores = threads.submit(score_test_set, model, test)
        found = dict(zip(SPACINGS, threads.map(peaks, SPACINGS.values()), strict=True))
        return Tested(model, scores.result(), found)


def score_test_set(model: ModelFile, test: Dataset) -> ScoresByCondition:
    """Return a model's scores on a test set, clean and in noise where there is noise."""
    scorer = Scorer(model)
    positives, negatives = read_test_set(test)
    scores = {CLEAN: score_recordings(scorer, positives, negatives)}
    if sounds := read_usable([clip.path for clip in test.noise], warn=False):
        noise = np.concatenate(sounds)
        noisy = {
            keyword: mix_with_noise(utterances, noise, NOISY_SNR, seed=index)
            for index, (keyword, utterances) in enumerate(positives.items())
        }
        noisy_negatives = mix_with_noise(negatives, noise, NOISY_SNR, seed=len(positives))
        scores[NOISY] = score_recordings(scorer, noisy, noisy_negatives)
    return scores


def read_test_set(test: Dataset) -> tuple[dict[str, list[Samples]], list[Samples]]:
    """Return utterances by keyword, and the negatives; what cannot be read was logged before."""
    positives = {
        keyword: read_usable([clip.path for clip in clips], warn=False)
        for keyword, clips in test.positives.items()
    }
    return positives, read_usable([clip.path for clip in test.negatives], warn=False)
