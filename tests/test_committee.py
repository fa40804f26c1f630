"""Test that a committee decides by the mean of all its members, wherever it is woken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from command_line import ROOT, SAMPLES
from small_models import (
    COMMITTEES,
    Samples,
    cascade,
    committee,
    first_network,
    pair,
    synthetic_audio,
    temporal,
)

from kws.audio.audio_file import read_audio
from kws.backend import Spotter
from kws.committee import (
    Committee,
    bounds_in_use,
    bounds_that_change_nothing,
    deciding,
    members_of,
)
from kws.config import SAMPLE_RATE, ModelConfig, Smoothing
from kws.ds_cnn import DsCnn
from kws.engine.committee_check import network_stride
from kws.errors import KwsError
from kws.evaluation.scores import Scorer
from kws.mfcc import Mfcc
from kws.model_file import ModelFile
from kws.posterior import ONE, exp_table, quantise_threshold, softmax
from kws.sensitivity import Sensitivity, store, with_sensitivity
from kws.spotter import NumpySpotter
from kws.types import Int

SHARED = ROOT.parent / "shared" / "data"
models = pytest.mark.parametrize("model", COMMITTEES, ids=lambda model: model.__name__)
without_first_stage = pytest.mark.parametrize("model", [committee, pair], ids=["committee", "pair"])


def members(model: ModelFile):
    contents = (model.content, *model.networks)
    return members_of(model.config, [network_stride(c, "it") for c in contents])


def always(model: ModelFile, frames: np.ndarray) -> tuple[Int, Int]:
    """Return the averages of all that decide and of the first at every step, by the definition.

    Each network runs over the whole stream, at every frame; the scores that no member gives are
    left out.
    """
    config, contents = model.config, (model.content, *model.networks)
    networks = []
    for content in contents:
        alone = replace(model, content=content, config=replace(config, committee=None), networks=())
        networks.append(DsCnn(alone))
    longest = max(network.window_frames for network in networks)
    totals, of_first = [], []
    for index, member in enumerate(members(model)):
        network = networks[member.network]
        network.reset()
        scores = network.push(frames[longest - network.window_frames :])
        posteriors = softmax(scores, exp_table(network.score_scale))[:, 1:]
        for step in range(len(posteriors)):
            if step % member.every != member.offset:
                posteriors[step] = 0
        width = config.smoothing.smooth_steps
        sums = np.stack(
            [posteriors[max(0, t - width + 1) : t + 1].sum(axis=0) for t in range(len(posteriors))]
        )
        if member in deciding(config, members(model)):
            totals.append(sums)
        if index == 0:
            of_first = sums // member.count
    count = sum(member.count for member in deciding(config, members(model)))
    return np.sum(totals, axis=0) // count, of_first


def frames_of(model: ModelFile, seconds: float = 12) -> np.ndarray:
    return Mfcc(model.config.front_end).push(synthetic_audio(seconds, seed=3))


@models
def test_averages_are_those_of_all_members_where_the_first_suspects(model) -> None:
    model = model()
    frames = frames_of(model)
    of_all, of_first = always(model, frames)
    bounds = [quantise_threshold(b) for b in model.config.committee.bounds]
    suspected = of_first >= bounds
    assert 0.05 < suspected.mean() < 0.5
    averages, shown = Committee(model, DsCnn).push(frames)
    assert np.array_equal(averages, np.where(suspected, of_all, 0))
    assert np.array_equal(shown, np.where(suspected, of_all, of_first))


@models
def test_the_division_of_a_stream_changes_nothing(model) -> None:
    model = model()
    frames, whole, cut = frames_of(model, 6), Committee(model, DsCnn), Committee(model, DsCnn)
    random = np.random.default_rng(0)
    pieces = np.split(frames, np.sort(random.integers(0, len(frames), 150)))
    found = [cut.push(piece) for piece in pieces]
    for of_whole, of_pieces in zip(whole.push(frames), zip(*found, strict=True), strict=True):
        assert np.array_equal(of_whole, np.concatenate(of_pieces))
    cut.reset()
    assert np.array_equal(cut.push(frames)[0], np.concatenate([a for a, _ in found]))


@without_first_stage
def test_bounds_that_change_nothing(model) -> None:
    """They wake the committee wherever its mean reaches a threshold, and not much more often."""
    model = model()
    of_all, of_first = always(model, frames_of(model))
    for share in (0.5, 0.7, 0.8, 0.9, 0.99):
        thresholds = np.quantile(of_all, share, axis=0) / ONE
        bounds = bounds_that_change_nothing(members(model), thresholds)
        reached = of_all >= [quantise_threshold(t) for t in thresholds]
        woken = of_first >= [quantise_threshold(b) for b in bounds]
        assert not (reached & ~woken).any()
    shape = members(model)
    total, first = sum(member.count for member in shape), shape[0].count
    assert bounds_that_change_nothing(shape, (1.0,) * 3) == (1.0,) * 3
    expected = (0.9 * total - (total - first)) / first
    bounds = bounds_that_change_nothing(shape, (0.9,) * 3)
    assert bounds == pytest.approx((max(expected, 1 / ONE),) * 3, abs=1e-3)


@models
def test_a_scorer_says_what_the_spotter_decides(model) -> None:
    model, found = model(), 0
    thresholds = [quantise_threshold(t) for t in model.config.thresholds]
    for seed in range(20):
        samples = synthetic_audio(0.9, seed)
        flushed = np.concatenate([samples, np.zeros(SAMPLE_RATE // 2, np.int16)])
        detections = NumpySpotter(model).push(flushed)
        reached = (Scorer(model).score_stream([samples]) >= thresholds).any()
        assert reached == bool(detections)
        found += bool(detections)
    assert 2 < found < 20


def test_a_sleeping_committee_shows_its_first_member_and_detects_nothing() -> None:
    model = committee()
    low = replace(model, config=replace(model.config, thresholds=(1e-4,) * 3))
    deaf = replace(low.config.committee, bounds=(1.0,) * 3)
    spotter = NumpySpotter(replace(low, config=replace(low.config, committee=deaf)).without_gate())
    assert spotter.push(synthetic_audio(4, seed=3)) == []
    assert max(spotter.scores.values()) > 0.1
    assert NumpySpotter(low).push(synthetic_audio(4, seed=3))


def exact(model: ModelFile) -> ModelFile:
    """Return a model with the bounds that change nothing at its threshold, which is high."""
    from kws.training.quantise import pack_committee

    config = replace(model.config, thresholds=(0.9,) * len(model.config.keywords))
    contents = (model.content, *model.networks)
    packed = pack_committee(contents, config, phases=model.config.committee.phases)
    return ModelFile.parse(packed, "test.tflite")


@without_first_stage
def test_a_bound_that_changes_nothing_changes_nothing_at_a_lower_threshold(model) -> None:
    """Also in the middle of a stream, and again at the threshold of before."""
    model = exact(model())
    always_on = replace(model.config.committee, bounds=(1 / ONE,) * 3)
    awake = replace(model, config=replace(model.config, committee=always_on))
    samples = synthetic_audio(12, seed=3)
    kept, reference = Spotter(model, "numpy"), Spotter(awake, "numpy")
    found = []
    for piece, threshold in zip(np.split(samples, 4), (0.9, 0.4, 0.05, 0.9), strict=True):
        for spotter in (kept, reference):
            spotter.set_thresholds(dict.fromkeys(model.config.keywords, threshold))
        found.append(kept.push(piece))
        assert found[-1] == reference.push(piece)
    assert found[2]
    assert not found[3]
    assert bounds_in_use(kept.config, members(model)).tolist() == [
        quantise_threshold(b) for b in model.config.committee.bounds
    ]


@models
def test_the_bounds_of_a_model_hold_at_all_thresholds_that_it_stores(model) -> None:
    """Below the least of them they are lower by the phases' number times the difference."""
    model = model()
    stored = model.config.thresholds
    points = {
        name: Sensitivity(tuple(share * t for t in stored), 1.0)
        for name, share in (("normal", 1.0), ("high", 0.5))
    }
    config = store(model.config, points)
    bounds = [quantise_threshold(b) for b in config.committee.bounds]
    shape = members(model)
    for name in ("normal", "high"):
        chosen = with_sensitivity(config, name)
        assert bounds_in_use(chosen, shape).tolist() == bounds
    quarter = dict(zip(config.keywords, (t / 4 for t in stored), strict=True))
    slope = sum(member.count for member in deciding(config, shape)) / shape[0].count
    expected = [b - ONE * slope * t / 4 for b, t in zip(bounds, stored, strict=True)]
    found = bounds_in_use(with_sensitivity(chosen, None, quarter), shape)
    assert found == pytest.approx(np.maximum(1, expected), abs=1 + slope)
    assert (found < bounds).all()
    raised = with_sensitivity(with_sensitivity(config, None, quarter), "normal")
    assert bounds_in_use(raised, shape).tolist() == bounds


def both_phases_on_suspicion() -> tuple[ModelFile, ModelFile]:
    """Return home's first network with both phases, and with the second one on suspicion."""
    from kws.training.quantise import pack_committee

    one_phase = first_network(ModelFile.load())
    config = replace(one_phase.config, thresholds=(0.8,) * 4, card={})
    steps, rest = config.smoothing.smooth_steps, config.smoothing.refractory_steps
    config = replace(config, stride=1, smoothing=Smoothing(2 * steps, 1, 2 * rest))
    woken = ModelFile.parse(pack_committee([one_phase.content], config), "home.tflite")
    assert min(woken.config.committee.bounds) > 0.5
    return replace(one_phase, config=config), woken


def detections_equal(samples: list[Samples]) -> int:
    always, woken = map(NumpySpotter, both_phases_on_suspicion())
    found = 0
    for each in samples:
        for spotter in (always, woken):
            spotter.reset()
        expected = always.push(each)
        assert woken.push(each) == expected
        found += len(expected)
    return found


def test_a_second_phase_on_suspicion_decides_as_if_it_always_ran() -> None:
    recordings = [read_audio(path) for path in sorted(SAMPLES.glob("*.flac"))]
    assert detections_equal(recordings) > 8


@pytest.mark.slow
def test_a_second_phase_on_suspicion_decides_the_same_on_more_recordings() -> None:
    files = sorted(SHARED.glob("wake/*/*"))[::25] + sorted(SHARED.glob("speech/**/*.flac"))[::40]
    if not files:
        pytest.skip("../shared/data is not here")
    assert detections_equal([read_audio(path) for path in files]) > 20


def test_a_committee_that_does_not_fit_is_refused() -> None:
    from kws.training.quantise import embed, pack_committee

    model = committee()
    contents = (model.content, *model.networks)
    with pytest.raises(KwsError, match="network 4 of the committee: phases: 2 of 1 cannot run"):
        pack_committee(contents, model.config, phases=(2, 1, 2, 2))
    with pytest.raises(KwsError, match="network 2 of the committee: quantises its input by"):
        pack_committee((*contents[:1], temporal().content), model.config)
    odd = replace(model.config.smoothing, smooth_steps=3)
    with pytest.raises(KwsError, match="3 smoothed steps are odd, its phases 2"):
        pack_committee(contents, replace(model.config, smoothing=odd), phases=(2, 1, 2, 1))
    with pytest.raises(KwsError, match="1 networks are not the 4 of the committee"):
        ModelFile.parse(embed(model.content, model.config, ()), "it.tflite")
    alone = replace(model.config, committee=None)
    with pytest.raises(KwsError, match="no settings of a committee"):
        ModelFile.parse(embed(model.content, alone, model.networks), "it.tflite")
    with pytest.raises(KwsError, match=r"it\.tflite: network 2: "):
        ModelFile.parse(damaged_member(model), "it.tflite")


def damaged_member(model: ModelFile) -> bytes:
    """Return a file with a right checksum whose second network is cut short."""
    from kws.training import quantise

    cut = bytes(model.networks[0][: len(model.networks[0]) // 2])
    bare = quantise._bare
    try:
        quantise._bare = lambda content: content
        return quantise.embed(model.content, model.config, (cut, *model.networks[1:]))
    finally:
        quantise._bare = bare


@pytest.mark.parametrize(
    ("committee", "problem"),
    [
        ({"bounds": [0.5]}, "bounds are not one per keyword"),
        ({"bounds": [0.5, 1.5]}, "a bound is not above 0 to 1"),
        ({"phases": [1]}, "one phase of one network has no other members"),
        ({"phases": []}, "phases are not those of 1 to 8 networks"),
        ({"phases": [2, 3]}, "phases are not 1 or 2 each"),
        ({"phases": [True, 2]}, "phases is not a list of whole numbers"),
        ({"more": 1}, "unknown key"),
        ({"least_thresholds": [0.5, 0.5]}, "unknown key least_thresholds"),
        ({"first_stage": True}, "a first stage has one phase"),
        ({"first_stage": 1}, "first_stage is not true or false"),
    ],
)
def test_wrong_settings_are_refused(committee: dict, problem: str) -> None:
    values = ModelConfig(("a", "b"), (0.5, 0.5), 1).to_dict()
    assert "committee" not in values
    values["committee"] = {"bounds": [0.5, 0.5], "phases": [2], **committee}
    with pytest.raises(KwsError, match=problem):
        ModelConfig.from_dict(values)


def test_settings_survive_the_file() -> None:
    model = committee()
    assert "first_stage" not in model.config.to_dict()["committee"]  # as before there were any
    assert ModelConfig.from_dict(cascade().config.to_dict()) == cascade().config
    assert ModelConfig.from_dict(model.config.to_dict()) == model.config
    first = model.config.to_dict()
    first["committee"]["replay_frames"] = 5  # as the first committees have it
    assert ModelConfig.from_dict(first) == model.config
    with pytest.raises(KwsError, match="committee is not a table"):
        ModelConfig.from_dict(model.config.to_dict() | {"committee": None})
