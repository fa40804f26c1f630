"""Confirm what one network suspects by a committee, bit for bit as committee.c does.

The first member, one phase of the first network, always runs. The other members are its second
phase and further networks, one or two phases each. Where the average of the first member's
posteriors reaches a keyword's bound, the others run on the kept frames, and the keyword's average
is that of all posteriors that all members give within the smoothing window, rounded down.
Elsewhere it is 0, and no keyword is detected. Where the first network is a first stage, it only
wakes the others: the average is that of the others' posteriors.

Step t ends at the same frame for each member: `window_frames` are those of the longest receptive
field, and a network with a shorter one skips the first frames of a stream. Member m gives a score
at each step t with t % m.every == m.offset.

A bound up to bounds_that_change_nothing() leaves every decision as it is when all members always
run: the others can add at most 1 each. A higher one is a rule of its own, as is any of a first
stage. Bounds are for thresholds down to the least that the model stores; at a lower one they are
lower by as much as the greatest bound that changes nothing (bounds_in_use()).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kws.config import ModelConfig
from kws.engine.committee_check import network_stride
from kws.model_file import ModelFile
from kws.posterior import ONE, exp_table, quantise_threshold, softmax, windows
from kws.sensitivity import least_thresholds
from kws.types import Classifier, Frames, Int


@dataclass(frozen=True)
class Member:
    """Describe the phases of one network that run together."""

    network: int  # index among the networks of the model
    every: int  # steps from one score to the next
    offset: int  # step of the first score
    count: int  # scores within the smoothing window


def members_of(config: ModelConfig, strides: Sequence[int]) -> list[Member]:
    """Return the members, the one that always runs first.

    strides: frames from one step of a single phase of each network to the next.
    """
    assert config.committee is not None
    steps, found = config.smoothing.smooth_steps, []
    for network, (phases, stride) in enumerate(zip(config.committee.phases, strides, strict=True)):
        possible = stride // config.stride
        together = 1 if network == 0 else phases  # the first phase of the first runs by itself
        every = 1 if together == possible else possible
        found.append(Member(network, every, 0, steps // every))
        if network == 0 and phases == 2:
            found.append(Member(0, possible, 1, steps // possible))
    return found


def deciding(config: ModelConfig, members: Sequence[Member]) -> Sequence[Member]:
    """Return the members whose posteriors the average is of."""
    assert config.committee is not None
    return members[int(config.committee.first_stage) :]


def bounds_that_change_nothing(
    members: Sequence[Member], thresholds: Sequence[float]
) -> tuple[float, ...]:
    """Return the greatest bound of each keyword by which no decision at a threshold changes.

    The first member must be one that decides.
    """
    first, total = members[0].count, sum(member.count for member in members)
    least = (quantise_threshold(t) * total - ONE * (total - first) for t in thresholds)
    return tuple(max(1, total_of_first // first) / ONE for total_of_first in least)


def bounds_in_use(config: ModelConfig, members: Sequence[Member]) -> Int:
    """Return the bounds at the thresholds of the settings, Q15, at least 1."""
    assert config.committee is not None
    bounds, least, thresholds = (
        np.array([quantise_threshold(value) for value in values], np.int64)
        for values in (config.committee.bounds, least_thresholds(config), config.thresholds)
    )
    first, total = members[0].count, sum(member.count for member in deciding(config, members))
    lowered = np.maximum(0, least - thresholds) * total
    in_use: Int = np.maximum(1, bounds + -lowered // first)
    return in_use


class Committee:
    """Turn frames into averages; the division of a stream into pushes changes nothing."""

    def __init__(self, model: ModelFile, open_network: Callable[[ModelFile], Classifier]) -> None:
        """Open the networks of a model by DsCnn or a class with its verbs."""
        config = model.config
        self._stride, self._steps_kept = config.stride, config.smoothing.smooth_steps - 1
        self._keywords = len(config.keywords)
        contents = (model.content, *model.networks)
        self._members = [
            _Running(member, open_network(_of_member(model, contents[member.network], member)))
            for member in members_of(config, [network_stride(c, model.name) for c in contents])
        ]
        members = [each.member for each in self._members]
        self._total = sum(member.count for member in deciding(config, members))
        self._first_decides = members[0] in deciding(config, members)  # else a first stage
        self.use_thresholds(config)
        self.window_frames = max(each.network.window_frames for each in self._members)
        self.reset()

    @property
    def every(self) -> int:
        """Return the greatest number of steps from one score of a member to its next."""
        return max(each.member.every for each in self._members)

    def use_thresholds(self, config: ModelConfig) -> None:
        """Use the bounds at the thresholds of these settings from the next step on."""
        self._bounds = bounds_in_use(config, [each.member for each in self._members])

    def reset(self) -> None:
        """Forget the stream."""
        first = self._members[0]
        first.network.reset()
        self._posteriors = np.zeros((first.member.count, self._keywords), np.int64)
        self._skip = self.window_frames - first.network.window_frames  # frames at the start
        self._frames = np.zeros((0, first.network.coefficients), np.float32)  # kept
        self._first_kept = 0  # index in the stream of the oldest kept frame
        self._step = 0  # the next one

    def push(self, frames: Frames) -> tuple[Int, Int]:
        """Take frames [n, coefficients]; return averages of the steps they complete, Q15.

        They are those of the committee, 0 where the first member does not suspect the keyword, and
        what is shown: there those of the first member instead. Each is [steps, keywords].
        """
        begin = self._step
        self._frames = np.concatenate([self._frames, frames])
        end = self._first_kept + len(self._frames)
        self._step = max(0, (end - self.window_frames) // self._stride + 1)
        sums = self._first_sums(frames, begin)
        of_first = sums // self._members[0].member.count
        suspected = of_first >= self._bounds
        sums *= self._first_decides
        for start, stop in _runs(suspected.any(axis=1), self.window_frames):
            sums[start:stop] += self._other_sums(begin + start, begin + stop)
        needed = max(0, self._step - self._steps_kept) * self._stride
        drop = max(0, min(len(self._frames), needed - self._first_kept))
        self._frames, self._first_kept = self._frames[drop:], self._first_kept + drop
        of_all = sums // self._total
        return np.where(suspected, of_all, 0), np.where(suspected, of_all, of_first)

    def _first_sums(self, frames: Frames, begin: int) -> Int:
        """Return the sums of the first member's posteriors at the steps from `begin` on."""
        first, skip = self._members[0], min(self._skip, len(frames))
        self._skip -= skip
        new = first.posteriors(frames[skip:])
        joined = np.concatenate([self._posteriors, new])
        self._posteriors = joined[len(new) :]
        sums = windows(joined, first.member.count).sum(axis=-1)  # after 0, 1 ... of the new
        every = first.member.every
        latest = np.arange(begin, self._step) // every - (-(-begin // every) - 1)
        found: Int = sums[latest]
        return found

    def _other_sums(self, begin: int, end: int) -> Int:
        """Return the sums of the other members' posteriors at steps begin to end - 1."""
        total = np.zeros((end - begin, self._keywords), np.int64)
        for each in self._members[1:]:
            member, window = each.member, each.network.window_frames
            first = max(0, begin - self._steps_kept)
            first += (member.offset - first) % member.every
            start = self.window_frames - window + first * self._stride - self._first_kept
            stop = self.window_frames + (end - 1) * self._stride - self._first_kept
            each.network.reset()
            posteriors = each.posteriors(self._frames[start : max(start, stop)])
            sums = np.concatenate([np.zeros((1, self._keywords), np.int64), posteriors.cumsum(0)])
            latest = (np.arange(begin, end) - first) // member.every + 1
            total += sums[latest] - sums[np.maximum(0, latest - member.count)]
        return total


@dataclass
class _Running:
    """Hold a member and the network that runs it."""

    member: Member
    network: Classifier

    def __post_init__(self) -> None:
        self._table = exp_table(self.network.score_scale)

    def posteriors(self, frames: Frames) -> Int:
        """Advance the network; return the posteriors of its scores, [scores, keywords], Q15."""
        scores = self.network.push(frames)
        if not len(scores):  # of which NumPy takes no maximum
            return np.empty((0, scores.shape[1] - 1), np.int64)
        return softmax(scores, self._table)[:, 1:]


def _of_member(model: ModelFile, content: bytes, member: Member) -> ModelFile:
    """Return a model whose network gives a score wherever a member does."""
    config = replace(model.config, stride=model.config.stride * member.every, committee=None)
    return replace(model, content=content, config=config, networks=())


def _runs(suspected: npt.NDArray[np.bool_], gap: int) -> Iterator[tuple[int, int]]:
    """Yield where runs of suspected steps begin and end, those joined that are close."""
    steps = np.flatnonzero(suspected)
    if len(steps):
        for run in np.split(steps, np.flatnonzero(np.diff(steps) > gap) + 1):
            yield int(run[0]), int(run[-1]) + 1
