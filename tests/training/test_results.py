"""Test what a model's card says of its data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kws.data.clips import Clip
from kws.data.dataset import Dataset
from kws.training.cross_validation import Fold
from kws.training.plan import Plan, held_out_quarter
from kws.training.recipe import Recipe
from kws.training.results import HELD_OUT_KEY, Results, model_card

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
