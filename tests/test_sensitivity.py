"""The choice of thresholds at run time: by name, by keyword, and what is refused."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from command_line import KEYWORDS, SAMPLES, all_keywords, kws, refused

import kws as api
from kws.config import ModelConfig
from kws.console.model_info import as_dict, as_text
from kws.errors import KwsError
from kws.model_file import ModelFile
from kws.sensitivity import (
    SENSITIVITIES,
    Sensitivity,
    operating_points,
    parse_thresholds,
    sensitivity_at,
    store,
    threshold_at,
    with_sensitivity,
)

HOME = ModelFile.load("home")
POINTS = {
    "low": Sensitivity((1.0,) * 4, 0.1),
    "normal": Sensitivity(HOME.config.thresholds, 0.5),
    "high": Sensitivity((0.5,) * 4, 1.0),
}
STORED = replace(HOME, config=store(HOME.config, POINTS))
OTHER_ENTRIES = {k: v for k, v in HOME.config.card.items() if k != "operating_points"}
WITHOUT = replace(HOME, config=replace(HOME.config, card=OTHER_ENTRIES))
WAV = ("listen", "--wav", SAMPLES / "all_keywords.flac", "--json")


def detected(spotter: api.Spotter) -> list[tuple[float, str]]:
    return [(found.time, found.keyword) for found in spotter.push(all_keywords())]


@pytest.mark.parametrize("backend", [None, "numpy"])
def test_a_sensitivity_is_its_thresholds(backend):
    for name, point in POINTS.items():
        named = api.Spotter(STORED, backend, sensitivity=name)
        assert named.config.thresholds == point.thresholds
        by_hand = replace(HOME, config=replace(HOME.config, thresholds=point.thresholds))
        assert detected(named) == detected(api.Spotter(by_hand, backend))
    found = [detected(api.Spotter(STORED, backend, sensitivity=name)) for name in SENSITIVITIES]
    assert len(found[0]) < len(found[1]) <= len(found[2])


def test_the_default_is_the_models_thresholds():
    for model in (HOME, STORED, WITHOUT):
        for sensitivity in (None, "normal"):
            spotter = api.Spotter(model, sensitivity=sensitivity)
            assert spotter.config.thresholds == HOME.config.thresholds


def test_a_keyword_has_a_threshold_of_its_own():
    thresholds = {"SMART_MIRROR": 1, "alexa": 0.999}
    spotter = api.Spotter(STORED, sensitivity="high", thresholds=thresholds)
    assert spotter.config.thresholds == (0.5, 0.5, 0.999, 1.0)
    assert [keyword for _, keyword in detected(spotter)] == ["computer", "jarvis"]


def test_a_model_without_operating_points_refuses_them_with_one_line():
    for name in ("low", "high"):
        with pytest.raises(KwsError, match=f"stores no sensitivity '{name}'; it has: normal\\."):
            api.Spotter(WITHOUT, sensitivity=name)


def test_operating_points_survive_the_file_and_older_readers():
    values = json.loads(json.dumps(STORED.config.to_dict()))
    assert set(values) == set(HOME.config.to_dict())  # nothing that another reader refuses
    assert operating_points(ModelConfig.from_dict(values)) == POINTS


def test_info_shows_them():
    assert as_dict(STORED)["operating_points"]["low"]["false_alarms_per_hour"] == 0.1
    assert "low: at most 0.1 false alarms per hour of each keyword, 1.000" in as_text(STORED)
    assert "normal; the model stores no other" in as_text(WITHOUT)


def test_the_description_leaves_out_figures_that_were_not_measured() -> None:
    figures = {"clean": {"hours": 0.0, "at": {"0.1": {"miss_rate": None}}, "mean": None}}
    config = replace(WITHOUT.config, card={"figures": figures, "top-1": {"shared": None}})
    text = as_text(replace(WITHOUT, config=config))
    assert text.splitlines()[-3:] == ["figures:", "  clean:", "    hours  0.0"]


def test_the_command_line():
    found = kws(*WAV, "--threshold", "computer=1", "--threshold", "Smart_Mirror=1")
    assert (found.returncode, found.stderr) == (0, "")
    assert [json.loads(line)["keyword"] for line in found.stdout.splitlines()] == KEYWORDS[1:3]
    assert kws(*WAV, "--sensitivity", "normal").stdout == kws(*WAV).stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--model", "base", "--sensitivity", "low"],
            "the model stores no sensitivity 'low'; it has: normal",
        ),
        (["--sensitivity", "loud"], "sensitivity 'loud' is not one of: low, normal, high"),
        (["--threshold", "alexis=0.5"], "the model does not know 'alexis'; it knows: computer, "),
        (["--threshold", "alexa=2"], "threshold of 'alexa': 2.0 is not above 0 up to 1"),
        (["--threshold", "alexa=0"], "threshold of 'alexa': 0.0 is not above 0 up to 1"),
        (["--threshold", "alexa=nan"], "threshold of 'alexa': nan is not above 0 up to 1"),
        (["--threshold", "alexa=x"], "--threshold alexa=x: not KEYWORD=NUMBER"),
        (["--threshold", "alexa"], "--threshold alexa: not KEYWORD=NUMBER"),
        (["--threshold", "=0.5"], "--threshold =0.5: not KEYWORD=NUMBER"),
    ],
)
def test_what_cannot_be_chosen_is_one_line(options, message):
    assert refused(kws(*WAV, *options)).startswith(message)


def test_a_board_has_its_own_sensitivity():
    assert kws("listen", "--ble", "--sensitivity", "low").returncode == 2


def test_options_give_back_what_they_were_made_of():
    draw = random.Random(0)
    for _ in range(200):
        keyword = "".join(draw.choices("ab =_éд̃", k=draw.randint(1, 8))).strip() or "x"
        number = draw.uniform(0.001, 1)
        assert parse_thresholds([f"{keyword}={number!r}"]) == {keyword: number}


def test_hostile_operating_points_are_refused_by_one_line():
    draw = random.Random(0)
    scalars = [0, -1, 10**400, float("nan"), float("inf"), True, None, "1", [], {}, [0.5] * 3]
    good = {"thresholds": [0.9] * 4, "false_alarms_per_hour": 0.5}
    tables = [*scalars[:9], {"medium": good}, {"\x1b[2J": good}, {"low": {**good, "more": 1}}]
    tables += [{"low": value} for value in scalars]
    for _ in range(100):
        thresholds = [0.9] * 4
        thresholds[draw.randrange(4)] = draw.choice(scalars)
        tables.append({draw.choice(SENSITIVITIES): {**good, "thresholds": thresholds}})
    tables += [{"low": {**good, "false_alarms_per_hour": value}} for value in scalars]
    for table in tables:
        config = replace(HOME.config, card={"operating_points": table})
        with pytest.raises(KwsError, match="model settings: operating_points") as refusal:
            with_sensitivity(config, "low")
        assert str(refusal.value).isprintable()


@pytest.mark.parametrize("stored", [{}, {"low": 0.9}, {"low": 0.9, "high": 0.5}, {"high": 0.95}])
def test_a_sensitivity_of_a_threshold_gives_it_again(stored):
    config = ModelFile.load().config
    points = {name: Sensitivity((value,) * 4, 0.5) for name, value in stored.items()}
    config = store(config, points)
    for index in range(len(config.keywords)):
        assert sensitivity_at(config, index, config.thresholds[index]) == 0.5
        for level in (0, 0.13, 0.5, 0.77, 1):
            threshold = threshold_at(config, index, level)
            again = threshold_at(config, index, sensitivity_at(config, index, threshold))
            assert again == pytest.approx(threshold)
        for outside in (1e-6, 1.0):
            assert sensitivity_at(config, index, outside) in (0, 0.5, 1)
