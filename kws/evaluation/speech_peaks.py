"""Find the peaks of a model's confidence in speech without keywords, by kind and by speaker.

A peak is the greatest confidence within a refractory time: what raises one false alarm, and no
more, at any threshold below it. Heights are log-odds, whose greatest values fall off about
exponentially; confidences themselves crowd below 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio.audio_file import read_each
from kws.audio.tar_members import without_archive
from kws.config import SAMPLE_RATE
from kws.data.clips import Clip, speaker_of
from kws.data.dataset import SPEECH_KIND
from kws.data.splits import MIN_SPEAKERS
from kws.evaluation.scores import Scorer
from kws.listener import FLUSH_SECONDS
from kws.posterior import ONE
from kws.types import Int, Samples, Trace

Heights = npt.NDArray[np.float64]

FLOOR = 1 / 1024  # confidence of the lowest peak that is kept
NUMBERED = re.compile(r"^(.+)-\d{4}$")  # names of recordings that begin with their speaker
BLOCK_SECONDS = 60.0  # of a recording without a known speaker that count as one group


@dataclass(frozen=True)
class SpeechPeaks:
    """Hold the peaks of each keyword in speech that is divided into groups.

    A group is what one speaker said, or a minute of a recording without one: peaks of different
    groups are independent, those of one group may not be.
    """

    kinds: tuple[str, ...]
    group_kinds: Int  # [groups] indices into kinds
    group_hours: Heights  # [groups]
    heights: Mapping[str, Heights]  # by keyword: log-odds [peaks], the greatest first
    groups: Mapping[str, Int]  # by keyword: the group of each peak [peaks]

    @property
    def hours(self) -> float:
        """Return the hours of speech."""
        return float(self.group_hours.sum())

    def hours_of(self, kind: str) -> float:
        """Return the hours of one kind of speech."""
        return float(self.group_hours[self.group_kinds == self.kinds.index(kind)].sum())

    def of_kind(self, keyword: str, kind: str) -> Heights:
        """Return a keyword's peaks in one kind of speech, [peaks]."""
        kinds = self.group_kinds[self.groups[keyword]]
        found: Heights = self.heights[keyword][kinds == self.kinds.index(kind)]
        return found

    def as_hours(self, factor: float) -> SpeechPeaks:
        """Return the peaks as those of `factor` times the hours."""
        return replace(self, group_hours=self.group_hours * factor)

    def select(self, groups: npt.NDArray[np.bool_]) -> SpeechPeaks:
        """Return the peaks of some groups, by a mask [groups]."""
        index = np.cumsum(groups) - 1
        kept = {keyword: groups[of_peaks] for keyword, of_peaks in self.groups.items()}
        return replace(
            self,
            group_kinds=self.group_kinds[groups],
            group_hours=self.group_hours[groups],
            heights={keyword: self.heights[keyword][mask] for keyword, mask in kept.items()},
            groups={keyword: index[self.groups[keyword][mask]] for keyword, mask in kept.items()},
        )


def log_odds(confidences: npt.ArrayLike) -> Heights:
    """Return the log-odds of confidences (Q15), finite for 0 and for 1 as well."""
    values = np.asarray(confidences, np.float64)
    height: Heights = np.log((values + 0.5) / (ONE - values + 0.5))
    return height


def threshold_above(height: float) -> int:
    """Return the lowest threshold (Q15) whose log-odds exceed a height; above ONE where none do."""
    odds = float(np.exp(-height))
    return int(np.floor((ONE + 1) / (1 + odds) - 0.5 + 1e-6)) + 1


def find_speech_peaks(
    scorer: Scorer, speech: Mapping[str, Sequence[Path]], pause: float = 0.0
) -> SpeechPeaks:
    """Return the peaks in recordings by kind, each kind as one stream.

    A recording that cannot be read to its end is left out; what read it before has logged it.
    pause: silence after each recording, s, which does not count as hours.
    """
    silence = np.zeros(round(pause * SAMPLE_RATE), np.int16)
    found = [_peaks_of_kind(scorer, kind, paths, silence) for kind, paths in speech.items()]
    return join_peaks(found or [no_peaks(scorer.config.keywords)])


def no_peaks(keywords: Sequence[str]) -> SpeechPeaks:
    """Return the peaks in no speech at all."""
    heights, groups = np.zeros(0), np.zeros(0, np.int64)
    return SpeechPeaks(
        (), groups, heights, dict.fromkeys(keywords, heights), dict.fromkeys(keywords, groups)
    )


def join_peaks(parts: Sequence[SpeechPeaks]) -> SpeechPeaks:
    """Return the peaks of several kinds, or of the folds of a cross-validation, as one."""
    kinds = tuple(dict.fromkeys(kind for part in parts for kind in part.kinds))
    first = np.cumsum([0, *(len(part.group_hours) for part in parts)])
    heights, groups = {}, {}
    for keyword in parts[0].heights if parts else ():
        joined = np.concatenate([part.heights[keyword] for part in parts])
        order = np.argsort(-joined, kind="stable")
        owners = [part.groups[keyword] + start for part, start in zip(parts, first, strict=False)]
        heights[keyword], groups[keyword] = joined[order], np.concatenate(owners)[order]
    names = [np.array([kinds.index(kind) for kind in part.kinds], np.int64) for part in parts]
    return SpeechPeaks(
        kinds,
        np.concatenate(
            [np.zeros(0, np.int64), *(n[p.group_kinds] for n, p in zip(names, parts, strict=True))]
        ),
        np.concatenate([np.zeros(0), *(part.group_hours for part in parts)]),
        heights,
        groups,
    )


def by_kind(clips: Sequence[Clip]) -> dict[str, list[Path]]:
    """Return recordings by the kind of their speech."""
    speech: dict[str, list[Path]] = {}
    for clip in clips:
        speech.setdefault(clip.kind or SPEECH_KIND, []).append(clip.path)
    return speech


def _peaks_of_kind(
    scorer: Scorer, kind: str, paths: Sequence[Path], silence: Samples
) -> SpeechPeaks:
    """Return the peaks in a stream of recordings."""
    config, grouping = scorer.config, _Grouping(paths)
    scorer.reset()
    scorer.push(np.zeros(config.priming_samples(scorer.window_frames), np.int16))
    parts: list[Trace] = []
    for path, samples in read_each(paths, warn=False):
        pieces = (samples, silence) if len(silence) else (samples,)
        parts.append(np.concatenate([scorer.push(p).astype(np.uint16) for p in pieces]))
        grouping.add(path, len(samples) / SAMPLE_RATE, len(parts[-1]))
    flush = np.zeros(round(FLUSH_SECONDS * SAMPLE_RATE), np.int16)
    parts.append(scorer.push(flush).astype(np.uint16))
    trace = np.concatenate(parts)
    heights, groups = {}, {}
    for index, keyword in enumerate(config.keywords):
        peaks = peak_steps(trace[:, index], config.smoothing.refractory_steps)
        order = np.argsort(-trace[peaks, index].astype(np.int64), kind="stable")
        heights[keyword] = log_odds(trace[peaks, index])[order]
        groups[keyword] = grouping.of_steps(peaks)[order]
    hours = np.array(grouping.hours)
    return SpeechPeaks((kind,), np.zeros(len(hours), np.int64), hours, heights, groups)


class _Grouping:
    """Divide a stream of recordings into groups: speakers, or minutes where they are unknown."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Find the speakers, where there are at least MIN_SPEAKERS."""
        speakers = {path: _speaker(path) for path in paths}
        several = len(set(speakers.values()) - {None}) >= MIN_SPEAKERS
        self._speakers = speakers if several else {}
        self._known: dict[str, int] = {}  # group by speaker
        self._firsts: list[int] = []  # first step of each stretch of one group
        self._owners: list[int] = []  # group of each stretch
        self._steps = 0
        self.hours: list[float] = []  # by group

    def add(self, path: Path, seconds: float, steps: int) -> None:
        """Append a recording of so many seconds, which completed so many steps."""
        speaker = self._speakers.get(path)
        stretches = 1 if speaker else max(1, round(seconds / BLOCK_SECONDS))
        for stretch in range(stretches):
            group = self._known.setdefault(speaker, len(self.hours)) if speaker else None
            if group is None or group == len(self.hours):
                group = len(self.hours)
                self.hours.append(0.0)
            self.hours[group] += seconds / stretches / 3600
            self._firsts.append(self._steps + steps * stretch // stretches)
            self._owners.append(group)
        self._steps += steps

    def of_steps(self, steps: Int) -> Int:
        """Return the group of each of some steps of the stream, [n]."""
        stretch = np.searchsorted(self._firsts, steps, "right") - 1
        groups: Int = np.asarray(self._owners, np.int64)[np.maximum(0, stretch)]
        return groups


def _speaker(path: Path) -> str | None:
    """Return the speaker of a recording, as clips.py knows him or by "<speaker>-0001"."""
    outside = without_archive(path)
    numbered = NUMBERED.match(outside.stem)
    return speaker_of(path) or (str(outside.parent / numbered[1]) if numbered else None)


def peak_steps(confidences: Trace, refractory: int) -> Int:
    """Return the steps of the peaks of confidences [steps], more than `refractory` steps apart."""
    from scipy.signal import find_peaks  # slow to load

    padded = np.concatenate([[0], confidences.astype(np.int64), [0]])  # a peak may be at an end
    steps: Int = find_peaks(padded, height=FLOOR * ONE, distance=refractory + 1)[0] - 1
    return steps
