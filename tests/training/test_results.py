"""Test what a model's card says of its data, and the loss curves."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

from conftest import skip_without

from kws.data.clips import Clip
from kws.data.dataset import Dataset
from kws.training.checkpoint import Checkpoint
from kws.training.fold import Fold
from kws.training.plan import Plan, held_out_quarter
from kws.training.recipe import Recipe
from kws.training.results import HELD_OUT_KEY, Results, model_card, write_loss_curves

CLIPS = [Clip(Path(f"{number}.wav"), number) for number in range(8)]
DATASET = Dataset({"computer": CLIPS[:3]}, CLIPS[3:], card={"licence": "free"})


def test_the_card_names_the_partitions_that_the_kept_model_never_had() -> None:
    fold = held_out_quarter(2, Path("work"))
    own = Plan(DATASET, Recipe(), [fold], fold)
    card = model_card(own, Results({}))
    assert card[HELD_OUT_KEY] == [2, 3]
    assert (card["licence"], card["recordings"], card["negative_recordings"]) == (
        "free",
        {"computer": 3},
        5,
    )
    assert card["measured"] == "this model, on the 1/4 that it was not trained on"
    assert HELD_OUT_KEY not in model_card(replace(own, own_split=True), Results({}))
    everything = replace(own, kept=Fold(4, 4, Path("work")))
    assert HELD_OUT_KEY not in model_card(everything, Results({}))


def test_the_loss_curves_of_all_trainings_are_drawn(tmp_path: Path) -> None:
    skip_without("matplotlib", find_spec("matplotlib"))
    tested, kept = Fold(0, 1, tmp_path), Fold(1, 1, tmp_path)
    Checkpoint(losses=[(1, 0.5, 0.6), (2, 0.4, 0.5)]).save(tested.checkpoint)
    Checkpoint(losses=[(1, 0.5, float("nan"))]).save(kept.checkpoint)
    write_loss_curves(Plan(DATASET, Recipe(), [tested], kept), tmp_path)
    content = (tmp_path / "loss.svg").read_text()
    assert ElementTree.fromstring(content).tag.endswith("svg")
    names = ("fold 1, training", "fold 1, validation", "final model, training")
    assert all(f"<!-- {name} -->" in content for name in names)  # matplotlib draws text as paths
    assert "final model, validation" not in content
