"""Test that the stored costs match counts, and the power that follows from them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from command_line import ROOT
from conftest import skip_without
from cortex_m4 import counting
from small_models import first_network, plane, temporal

from kws.config import CommitteeConfig, GateConfig
from kws.engine.c_headers import structs
from kws.engine.lowering import read, read_all
from kws.export import cost, footprint
from kws.export.c_kinds import kinds_of
from kws.export.c_source import detector_source
from kws.export.sketch import engine_files, model_files
from kws.model_file import ModelFile

TOLERANCE = {"gate": 0.1, "front_end": 0.1, "network": 0.1, "posterior": 0.3}


def test_power_by_hand() -> None:
    always = cost.power(cost.Range(0.0, 1.0))
    assert always.minimum == pytest.approx(3 * 2.35e-6)
    assert always.maximum == pytest.approx(3 * 3.3e-3)
    assert cost.duty(10e6).minimum == pytest.approx(12 / 64)
    config = ModelFile.load("home").config
    gated = replace(config, gate=GateConfig(pre_roll_ms=300, hangover_ms=700))
    assert cost.open_share(gated, 0.0) == 0
    assert cost.open_share(gated, 0.1) == pytest.approx(0.15)
    assert cost.open_share(gated, 0.9) == 1
    assert cost.open_share(replace(config, gate=GateConfig(on=False)), 0.0) == 1


def count(model: ModelFile) -> counting.Count:
    """Count a model's detector under QEMU."""
    skip_without("an Arm compiler and QEMU", counting.available())
    network = read(model.content, "model")
    engine = engine_files([network], [model.config.front_end.arithmetic], committee=True)
    return counting.count(engine | model_files(detector_source(model, network)))


def by_part(code: dict[str, int]) -> dict[str, int]:
    """Return the bytes of the engine's code by part."""
    return {part: sum(code.get(f, 0) for f in files) for part, files in footprint.CODE.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["home", "home in fixed point", "temporal", "plane"])
def test_stored_costs_match_the_counts(name: str) -> None:
    model = {
        "home": lambda: first_network(ModelFile.load("home")),
        "home in fixed point": lambda: first_network(
            ModelFile.load("home").with_arithmetic("fixed")
        ),
        "temporal": temporal,
        "plane": plane,
    }[name]()
    counted, network = count(model), read(model.content, "model")
    stored = cost.stored_costs(network, model.config)
    for stage, tolerance in TOLERANCE.items():
        assert getattr(stored, stage) == pytest.approx(
            getattr(counted.costs, stage), rel=tolerance
        ), stage
    for share in (0.0, 0.1, 1.0):
        assert stored.per_second(model.config, share) == pytest.approx(
            counted.costs.per_second(model.config, share), rel=0.1
        )
    stored_code, code = (
        by_part(code)
        for code in (
            cost.stored_flash(kinds_of([network]), model.config.front_end.arithmetic, True),
            counted.flash,
        )
    )
    assert stored_code == pytest.approx(code, rel=0.05)
    assert counted.state == structs()["kws_spotter"].size
    parts = footprint.flash(counted.flash, model, network)
    assert sum(parts.values()) == pytest.approx(sum(counted.flash.values()), abs=64)  # alignment


def test_the_ring_holds_what_comes_during_the_longest_push_or_a_late_loop() -> None:
    """Members more make the push longer, and the ring, where it must, larger."""
    home = ModelFile.load("home").deciding_networks()[0]
    networks, rings = [read(home.content, "home")] * 8, []
    assert cost.ring_samples([(networks[:1], home.config)]) == 4096
    for count in (2, 4, 8):
        committee = CommitteeConfig((0.5,) * len(home.config.keywords), (1,) * count)
        config = replace(home.config, committee=committee)
        replay = cost.stored_replay(networks[:count], config)
        rings.append(cost.ring_samples([(networks[:count], config)]))
        assert rings[-1] >= 16_000 * (cost.duty(replay.longest_push).maximum + 0.1) + 416
        assert rings[-1] & (rings[-1] - 1) == 0
    assert rings[0] <= rings[1] < rings[2]


def test_committees_that_share_a_microphone_have_room_for_all_their_longest_pushes() -> None:
    home, small = ModelFile.load("home"), ModelFile.load("home-small")
    one, two = ((tuple(read_all(model)), model.config) for model in (home, small))
    longest = cost.duty(cost.stored_replay(*one).longest_push).maximum
    for committees in (1, 2, 3):
        ring = cost.ring_samples([one] * committees + [two])
        assert ring >= 16_000 * (committees * longest + 0.1) + 416
        assert ring // 2 < 16_000 * (committees * longest + 0.1) + 417
    assert cost.ring_samples([two, two]) == cost.ring_samples([two])


def test_the_block_is_that_of_the_sketch() -> None:
    text = (ROOT / "firmware_export" / "KwsPdm.h").read_text()
    assert f"constexpr uint32_t BLOCK = {cost.MICROPHONE_BLOCK};" in text
