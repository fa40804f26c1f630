"""Test a model on synthetic speech by voices that no training has, where recordings do not serve.

Keywords without recordings to test on are said by such voices; sentences and short texts set the
thresholds where too little speech was recorded; and phrases that sound like the keywords show what
else wakes the model up. None of the texts but the keywords are among those of the training.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from rich.console import Console

from kws.audio.audio_file import read_audio
from kws.calibration_card import RECORDED_HOURS
from kws.config import SAMPLE_RATE, ModelConfig
from kws.data.clips import Clip
from kws.data.dataset import Dataset, Synthesis
from kws.errors import KwsError
from kws.evaluation.scores import Scorer
from kws.evaluation.speech_peaks import SpeechPeaks
from kws.evaluation.whole_model import model_thresholds
from kws.model_file import ModelFile
from kws.parallel import workers
from kws.recorder.prompts import TEXTS
from kws.training.augmentation.synthetic_noise import synthesise_noise
from kws.training.augmentation.waveform import set_level, to_int16
from kws.training.calibration import MIN_HOURS, RUNNING, merge_folds
from kws.training.dataset_scores import CLEAN, ScoresByCondition, Tested, test_model
from kws.training.plan import Plan
from kws.training.synthetic_speech import confusable_phrases
from kws.training.work_folder import HELD_OUT_VOICES
from kws.training.workers import DONE, Status, run_jobs, show_progress
from kws.tts.confusable_phrases import random_sentences
from kws.tts.held_out_voices import held_out_voices
from kws.tts.languages import ENGLISH, language_of
from kws.tts.lone_texts import lone_texts
from kws.tts.utterances import synthesise
from kws.tts.voices import Voice
from kws.types import Int

SEED = 4242  # training draws with others
UTTERANCES, PHRASES = 60, 60  # of each keyword; phrases that sound like any of them
# There are as many sentences as in training, but not fewer than this, and short texts for a share
# of them: some hour and a half. How well that predicts the false alarms of recorded speech is in
# docs/experiments/custom_words.md.
LEAST_SENTENCES, LONE_SHARE = 280, 0.8
NOISE_SECONDS, NOISE_LEVEL = 30, -20.0  # dBFS
CONDITION = "synthetic voices, {}"

_log = logging.getLogger(__name__)


def is_synthetic(condition: str) -> bool:
    """Return whether a condition of figures is one of synthetic voices."""
    return condition.startswith(CONDITION.format(""))


@dataclass(frozen=True)
class HeldOutTest:
    """Describe a test of a model by voices that its training did not have."""

    model: ModelFile
    dataset: Dataset
    untested: tuple[str, ...]  # keywords without recordings to test on
    calibrates: bool  # whether too little speech was recorded to set thresholds by
    folder: Path  # of the speech, which is kept
    status: Status

    @property
    def language(self) -> str:
        """Return the language of all that is said but of keywords of other letters."""
        return self.dataset.synthesis.language or ENGLISH


@dataclass(frozen=True)
class HeldOutResult:
    """Hold what a model gives on synthetic speech by voices that its training did not have."""

    scores: ScoresByCondition  # none where all keywords have recordings to test on
    peaks: dict[str, SpeechPeaks]  # none where enough speech was recorded
    phrases: tuple[tuple[str, Int], ...]  # that sound like a keyword, with the peaks [keywords]

    def woken_by(self, config: ModelConfig) -> list[str]:
        """Return the phrases that set a model with these thresholds off."""
        thresholds = model_thresholds(config)
        return [text for text, peaks in self.phrases if (peaks >= thresholds).any()]


def held_out_result(
    plan: Plan, model: ModelFile, tested: Sequence[Tested], work: Path, console: Console
) -> HeldOutResult | None:
    """Return what the model gives on voices that no training has; None where nothing is tested so.

    They say the keywords that no recording is left to test, and speech to set the thresholds by
    where too little was recorded. What is not synthesised for training is not for tests either.
    """
    if plan.own_split or not tested or plan.dataset.synthesis == Synthesis():
        return None
    recorded = merge_folds([found.scores for found in tested])[CLEAN].positives
    untested = tuple(keyword for keyword, peaks in recorded.items() if not len(peaks))
    hours = sum(found.peaks[RUNNING].hours for found in tested)
    status = Status("held-out voices", work / "held-out.progress")
    folder = work / HELD_OUT_VOICES
    job = HeldOutTest(model, plan.dataset, untested, hours < MIN_HOURS, folder, status)
    with workers(processes=1) as pool, show_progress([status], console) as update:
        (found,) = run_jobs(pool, run_held_out_test, [(work / "held-out.log", job)], update)
    return found


def run_held_out_test(job: HeldOutTest) -> HeldOutResult | None:
    """Synthesise what is missing and score it; None where no such voice is installed."""
    voices = held_out_voices(job.language)
    if not voices:
        _log.warning("nothing is tested on voices new to the model: espeak-ng has them")
        return None
    say = _Saying(job, voices)
    phrases = say.confusable_phrases()
    words = {keyword: say.keyword(keyword) for keyword in job.untested}
    speech = say.speech() if job.calibrates else []
    job.status.report("testing", 0.0)
    scorer = Scorer(job.model)
    phrase_peaks = tuple((text, scorer.peaks([read_audio(path)])) for text, path in phrases)
    if not any(words.values()) and not speech:
        job.status.report(DONE, 1.0)
        return HeldOutResult({}, {}, phrase_peaks)
    positives = {keyword: words.get(keyword, []) for keyword in job.dataset.positives}
    noise = job.dataset.noise or [_noise(job.folder)]
    tested = test_model(job.model, Dataset(positives, speech, noise))
    job.status.report(DONE, 1.0)
    scores = {CONDITION.format(name): found for name, found in tested.scores.items()}
    peaks = {name: found.as_hours(RECORDED_HOURS) for name, found in tested.peaks.items()}
    return HeldOutResult(scores if job.untested else {}, peaks if speech else {}, phrase_peaks)


@dataclass(frozen=True)
class _Saying:
    """Say texts by voices that training does not have."""

    job: HeldOutTest
    voices: Sequence[Voice]

    def keyword(self, keyword: str) -> list[Clip]:
        """Return utterances of a keyword by voices of its language; none where none knows it."""
        voices = held_out_voices(self.job.dataset.synthesis.language or language_of(keyword))
        if not voices:
            _log.warning("%r is not tested: no voice that training lacks can say it", keyword)
            return []
        return [Clip(path, 0) for path in self._say([keyword], UTTERANCES, "keywords", voices)]

    def confusable_phrases(self) -> list[tuple[str, Path]]:
        """Return phrases that sound like a keyword and that training did not have."""
        wanted, keywords = self.job.dataset.synthesis, list(self.job.dataset.positives)
        taken = set(confusable_phrases(wanted, keywords, wanted.generated_confusables))
        share, texts = -(-PHRASES // len(keywords)), list[str]()
        for keyword in keywords if wanted.generated_confusables else ():
            drawn = confusable_phrases(wanted, keywords, 3 * share, [keyword], SEED)
            texts += [text for text in drawn if text not in {*taken, *texts}][:share]
        return list(zip(texts, self._say(texts, 1, "phrases", self.voices), strict=True))

    @property
    def _sentences(self) -> int:
        return max(LEAST_SENTENCES, self.job.dataset.synthesis.random_sentences)

    def speech(self) -> list[Clip]:
        """Return sentences and short texts without the keywords, each a kind of speech."""
        keywords, random = list(self.job.dataset.positives), np.random.default_rng(SEED)
        try:
            sentences = random_sentences(keywords, self._sentences, random, self.job.language)
        except KwsError as error:
            _log.warning("known sentences set the thresholds: %s", error)
            sentences = list(TEXTS)
        lone_count = round(LONE_SHARE * self._sentences)
        lone = lone_texts(keywords, lone_count, random, self.job.language)
        return [
            Clip(path, 0, kind=kind)
            for kind, texts in (("synthetic sentences", sentences), ("short texts", lone))
            for path in self._say(texts, 1, kind, self.voices)
        ]

    def _say(
        self, texts: Sequence[str], count: int, kind: str, voices: Sequence[Voice]
    ) -> list[Path]:
        def report(made: int, missing: int) -> None:
            self.job.status.report(f"saying {kind}", made / missing)

        folder = self.job.folder / kind.replace(" ", "_")
        return synthesise(texts, count, folder, SEED, voices=voices, progress=report)


def _noise(folder: Path) -> Clip:
    """Return a recording of synthetic noise of many kinds, for a dataset without noise."""
    random, path = np.random.default_rng(SEED), folder / "noise.flac"
    pieces = [synthesise_noise(SAMPLE_RATE, random) for _ in range(NOISE_SECONDS)]
    noise = np.concatenate([to_int16(set_level(piece, NOISE_LEVEL)) for piece in pieces])
    soundfile.write(path, noise, SAMPLE_RATE)
    return Clip(path, 0)
