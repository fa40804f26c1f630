"""Test recipes: folders, partitions, synthesis, older keys and mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from short_recordings import record

from kws.data.clips import PARTITIONS, Clip, partition_of
from kws.data.dataset import Synthesis
from kws.data.dataset_recipe import from_recipe
from kws.data.shards import write_shards
from kws.errors import KwsError


def write_index(folder: Path, **said: str) -> None:
    """Write what is said in the recordings of a folder."""
    lines = ["file\tspeaker\ttext", *(f"{stem}.wav\tanna\t{text}" for stem, text in said.items())]
    (folder / "index.tsv").write_text("\n".join(lines) + "\n")


def names(clips: list[Clip]) -> list[str]:
    return [clip.path.name for clip in clips]


RECIPE = """\
partitions = "split.json"
negatives = ["speech", "more/speech"]

[keywords]
computer = ["wake/computer/"]

[synthesis]
utterances_per_keyword = 3
sentences = ["good morning"]
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    record(
        *(tmp_path / "data" / name for name in ("wake/computer/a.wav", "wake/computer/deep/b.wav")),
        *(tmp_path / "data" / name for name in ("speech/c.wav", "more/speech/d.wav")),
    )
    partitions = {"wake/computer/a.wav": 5, "wake/computer/deep/b.wav": 6, "speech/c.wav": 7}
    (tmp_path / "split.json").write_text(json.dumps(partitions))
    return tmp_path / "data"


def test_a_recipe_names_folders_partitions_and_synthesis(tmp_path: Path, data: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    dataset = from_recipe(recipe, data)
    assert [clip.partition for clip in dataset.positives["computer"]] == [5, 6]
    assert [clip.partition for clip in dataset.negatives] == [7, partition_of(Path("d.wav"))]
    assert (dataset.noise, dataset.impulse_responses) == ([], [])
    assert dataset.synthesis == Synthesis(utterances_per_keyword=3, sentences=("good morning",))


def test_negatives_and_noise_have_kinds(tmp_path: Path, data: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('noise = ["more"]\n' + RECIPE)
    dataset = from_recipe(recipe, data)
    assert {clip.kind for clip in dataset.negatives} == {"speech"}
    assert {clip.kind for clip in dataset.noise} == {"noise"}
    assert {clip.kind for clip in dataset.positives["computer"]} == {""}
    own = RECIPE.replace('negatives = ["speech", "more/speech"]\n', "")
    kinds = '[negatives]\n"far away" = ["more/speech"]\nread = ["speech"]\n'
    recipe.write_text(f'training_only = ["speech"]\n{own}{kinds}[noise]\nmusic = ["more"]\n')
    dataset = from_recipe(recipe, data)
    assert [(clip.path.name, clip.kind) for clip in dataset.negatives] == [
        ("d.wav", "far away"),
        ("c.wav", "read"),
    ]
    assert [clip.testable for clip in dataset.negatives] == [True, False]
    assert [clip.kind for clip in dataset.noise] == ["music"]
    recipe.write_text(f"{own}[negatives]\nread = 3\n")
    with pytest.raises(KwsError, match=r"recipe\.toml:10: read must be a list"):
        from_recipe(recipe, data)


def test_partitions_name_recordings_speakers_and_folders(tmp_path: Path, data: Path) -> None:
    record(*(data / "speech" / f"{name}.wav" for name in ("anna-0001", "anna-0002", "bo-b-1")))
    partitions = {"speech/anna": 1, "speech/anna-0002.wav": 2, "speech/bo-b": 3, "speech": 4}
    (tmp_path / "more.json").write_text(json.dumps(partitions))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.replace('"split.json"', '["split.json", "more.json"]'))
    found = {clip.path.name: clip.partition for clip in from_recipe(recipe, data).negatives}
    assert found == {
        **{"anna-0001.wav": 1, "anna-0002.wav": 2, "bo-b-1.wav": 3, "c.wav": 7},
        "d.wav": partition_of(Path("d.wav")),
    }
    (tmp_path / "more.json").write_text('{"speech": {}}')
    with pytest.raises(KwsError, match=r"recipe\.toml:1: .*more\.json: no partition from 0 to 7"):
        from_recipe(recipe, data)


def test_a_recipe_has_respellings(tmp_path: Path, data: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    respellings = "utterances_per_respelling = 2\n[synthesis.respellings]\n"
    recipe.write_text(f'{RECIPE}{respellings}computer = ["komputer", "compooter"]\n')
    synthesis = from_recipe(recipe, data).synthesis
    assert (synthesis.utterances_per_keyword, synthesis.utterances_per_respelling) == (3, 2)
    assert synthesis.respellings == {"computer": ("komputer", "compooter")}
    recipe.write_text(f'{RECIPE}{respellings}compute = ["komputer"]\n')
    with pytest.raises(KwsError, match=r"recipe\.toml:12: .*'compute'.*'computer'"):
        from_recipe(recipe, data)


def test_a_recipe_has_counts_of_sentences_accents_and_lone_utterances(
    tmp_path: Path, data: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    counts = {
        "in_context_per_keyword": 4,
        "accented_per_keyword": 5,
        "casual_per_keyword": 8,
        "lone_utterances": 6,
        "utterances_per_lone": 7,
    }
    recipe.write_text(RECIPE + "".join(f"{key} = {n}\n" for key, n in counts.items()))
    synthesis = from_recipe(recipe, data).synthesis
    assert {key: getattr(synthesis, key) for key in counts} == counts


def test_a_recipe_extends_another(tmp_path: Path, data: Path) -> None:
    """Leave out the other's negatives that serve as a keyword."""
    (tmp_path / "recipe.toml").write_text(
        f'{RECIPE}generated_confusables = 9\n[card]\nlicence = "free"\n'
    )
    base = tmp_path / "base.toml"
    base.write_text(
        'extends = "recipe.toml"\nbase_model = true\nnoise = ["more"]\n'
        '[keywords]\nmore = ["more"]\n'
        '[synthesis]\nutterances_per_keyword = 60\ngenerated_for = ["computer"]\n'
        '[card]\ndata = ["own"]\n'
    )
    dataset = from_recipe(base, data)
    assert {k: names(clips) for k, clips in dataset.positives.items()} == {
        "computer": ["a.wav", "b.wav"],
        "more": ["d.wav"],
    }
    assert [(clip.path.name, clip.partition) for clip in dataset.negatives] == [("c.wav", 7)]
    assert names(dataset.noise) == ["d.wav"]
    assert dataset.synthesis == Synthesis(
        utterances_per_keyword=60,
        generated_confusables=9,
        generated_for=("computer",),
        sentences=("good morning",),
    )
    assert dataset.card == {"licence": "free", "data": ["own"]}
    assert dataset.base_model
    assert not from_recipe(tmp_path / "recipe.toml", data).base_model

    third = tmp_path / "third.toml"
    third.write_text('extends = "base.toml"\n[keywords]\nmost = ["more"]\n')
    assert list(from_recipe(third, data).positives) == ["computer", "more", "most"]
    (tmp_path / "recipe.toml").write_text('extends = "third.toml"\n')
    with pytest.raises(KwsError, match=r"recipe\.toml:1: .*third\.toml extends this one in turn"):
        from_recipe(third, data)
    third.write_text('base_model = 1\n[keywords]\nmore = ["more"]\n')
    with pytest.raises(
        KwsError, match=r"third\.toml:1: base_model must be true or false, not a number"
    ):
        from_recipe(third, data)
    third.write_text('extends = "fourth.toml"\n[keywords]\nmore = ["more"]\n')
    with pytest.raises(KwsError, match=r"fourth\.toml: No such file"):
        from_recipe(third, data)


def test_synthetic_speech_and_training_only_folders_serve_training_alone(
    tmp_path: Path, data: Path
) -> None:
    few = data / "few"
    record(*(few / f"{number:02}.wav" for number in range(PARTITIONS + 1)))
    record(few / "x" / "1089-1-1.wav", data / "wake" / "computer" / "synth-computer-1@slt.wav")
    recipe = tmp_path / "recipe.toml"
    own = RECIPE.replace('["wake/computer/"]', '["wake/computer/", "few"]')
    recipe.write_text(f'training_only = ["few"]\n{own}')
    clips = from_recipe(recipe, data).positives["computer"]
    assert [clip.testable for clip in clips] == [True, True, False] + [False] * (PARTITIONS + 2)
    assert clips[2].partition == partition_of(Path("synth-another-3@slt.flac"))
    assert [clip.partition for clip in clips[3:]] == [*range(PARTITIONS), 0, 1]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("negatives", "negative", r":2: unknown key 'negative', did you mean 'negatives'\?"),
        ('["speech", "more/speech"]', '"speech"', ":2: negatives must be a list"),
        ('"more/speech"', "3", ":2: negatives must hold strings only, not a number"),
        ('"more/speech"', '"mere"', r":2: .*mere: No such file or directory"),
        ('["wake/computer/"]', '["."]\nxyz = ["split"]', ":6: .*split: No such file"),
        ('["wake/computer/"]', '"wake"', ":5: computer must be a list"),
        ("[keywords]\ncomputer", "keywords", ":4: keywords must be a table"),
        ('[keywords]\ncomputer = ["wake/computer/"]', "[keywords]", ": no keywords in it"),
        (
            "per_keyword = 3",
            'per_keyword = "3"',
            ":8: utterances_per_keyword must be a number, not a string",
        ),
        ("= 3", "= 0.5", ":8: utterances_per_keyword must be a whole number, not 0.5"),
        ('["good morning"]', "[]", ":9: sentences must be a list"),
        ("[keywords]", 'card = "x"\n[keywords]', ":4: card must be a table"),
        ("[keywords]", 'card = {data = "x"}\n[keywords]', ":4: data must be a list"),
        ("split.json", "slpit.json", r":1: .*slpit\.json: No such file or directory"),
        ("split.json", "data/speech/c.wav", r":1: .*c\.wav: not JSON"),
        ("split.json", "list.json", r":1: .*list\.json: no partition from 0 to 7 by recording"),
        ("split.json", "parts.json", r":1: .*parts\.json: no partition from 0 to 7 by recording"),
        ("split.json", "real.json", r":1: .*real\.json: no partition from 0 to 7 by recording"),
        ("split.json", "true.json", r":1: .*true\.json: no partition from 0 to 7 by recording"),
        ("split.json", "deep.json", r":1: .*deep\.json: not JSON: maximum recursion depth"),
    ],
)
def test_a_mistake_in_a_recipe_is_reported_with_its_line(
    tmp_path: Path, data: Path, old: str, new: str, problem: str
) -> None:
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    for name, partition in {"parts": "8", "real": "1.0", "true": "true"}.items():
        content = f'{{"wake/computer/a.wav": {partition}}}'
        (tmp_path / f"{name}.json").write_text(content)
    recipe = tmp_path / "recipe.toml"
    assert RECIPE.count(old) == 1
    recipe.write_text(RECIPE.replace(old, new))
    with pytest.raises(KwsError, match=rf"recipe\.toml{problem}"):
        from_recipe(recipe, data)


def test_older_names_of_keys_are_read(tmp_path: Path, data: Path) -> None:
    (tmp_path / "other.toml").write_text(RECIPE)
    keys = (
        'like = "other.toml"\ntrunk = true\nuntested = ["more"]\nrooms = ["more"]\n'
        'sessions = "split.json"\n[keywords]\nmore = ["more"]\n[synthesis]\nkeyword = 1\n'
        "spelling = 2\nnear_word = 3\nsentence = 4\nneighbours = 5\n"
        'neighbours_of = ["computer"]\nnear_words = ["commuter"]\n'
        '[synthesis.spellings]\ncomputer = ["komputer"]\n'
    )
    recipe = tmp_path / "own.toml"
    recipe.write_text(keys)
    dataset = from_recipe(recipe, data)
    assert dataset.base_model
    assert [clip.testable for clip in dataset.positives["more"]] == [False]
    assert names(dataset.impulse_responses) == ["d.wav"]
    assert dataset.synthesis == Synthesis(
        utterances_per_keyword=1,
        utterances_per_respelling=2,
        utterances_per_confusable=3,
        utterances_per_sentence=4,
        generated_confusables=5,
        generated_for=("computer",),
        confusable_phrases=("commuter",),
        sentences=("good morning",),
        respellings={"computer": ("komputer",)},
    )
    recipe.write_text(f"base_model = false\n{keys}")
    with pytest.raises(KwsError, match=r"own\.toml:3: trunk is the older name of base_model"):
        from_recipe(recipe, data)


def test_keywords_of_a_recipe_are_normalised(tmp_path: Path, data: Path) -> None:
    recipe, other = tmp_path / "recipe.toml", tmp_path / "other.toml"
    recipe.write_text('[keywords]\n"Sen\u0303or_X" = ["wake/computer"]\n', "utf-8")
    other.write_text(
        'extends = "recipe.toml"\n[keywords]\n"señor x" = ["speech"]\n[synthesis]\n'
        'generated_for = ["SEÑOR X"]\n[synthesis.respellings]\n"señor_x" = ["senyor"]\n',
        "utf-8",
    )
    assert list(from_recipe(recipe, data).positives) == ["Señor X"]
    dataset = from_recipe(other, data)
    assert {k: names(clips) for k, clips in dataset.positives.items()} == {"Señor X": ["c.wav"]}
    assert dataset.synthesis.generated_for == ("Señor X",)
    assert dataset.synthesis.respellings == {"Señor X": ("senyor",)}
    recipe.write_text('[keywords]\na_b = ["speech"]\n"A b" = ["speech"]\n')
    with pytest.raises(KwsError, match=r"recipe\.toml:3: 'A b' and 'a b' are one keyword"):
        from_recipe(recipe, data)


def test_unheard_words_are_in_no_role(tmp_path: Path, data: Path) -> None:
    base, recipe = tmp_path / "base.toml", tmp_path / "recipe.toml"
    base.write_text(RECIPE + 'confusable_phrases = ["hello lamp", "damp"]\n')
    recipe.write_text(
        'extends = "base.toml"\nunheard = ["lamp", "computer"]\n'
        '[keywords]\nspeech = ["more/speech"]\n'
    )
    record(data / "speech/e.wav")
    write_index(data / "speech", c="a Lamp is there", e="lamps")
    dataset = from_recipe(recipe, data)
    assert list(dataset.positives) == ["speech"]
    assert names(dataset.negatives) == ["e.wav"]
    assert dataset.synthesis.confusable_phrases == ("damp",)
    assert dataset.synthesis.excluded_phrases == ("lamp", "computer")


def test_an_extended_recipe_s_unheard_words_stay_unheard(tmp_path: Path, data: Path) -> None:
    base, recipe = tmp_path / "base.toml", tmp_path / "recipe.toml"
    base.write_text('unheard = ["lamp"]\n' + RECIPE + 'excluded_phrases = ["damp"]\n')
    recipe.write_text(
        'extends = "base.toml"\nunheard = ["bulb"]\nnegatives = ["others"]\n'
        'noise = ["hum"]\n[synthesis]\nexcluded_phrases = ["stamp", "damp"]\n'
    )
    record(*(data / "others" / name for name in ("e.wav", "f.wav", "g.wav")), data / "hum/h.wav")
    write_index(data / "others", e="a lamp", f="a bulb", g="a lampoon")
    write_index(data / "hum", h="lamp")
    dataset = from_recipe(recipe, data)
    assert names(dataset.negatives) == ["c.wav", "d.wav", "g.wav"]
    assert dataset.noise == []
    assert dataset.synthesis.excluded_phrases == ("lamp", "damp", "bulb", "stamp")


def test_speech_that_says_a_keyword_alone_is_a_recording_of_it(tmp_path: Path, data: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'unheard = ["bulb"]\n[negatives]\ncalls = ["others"]\n'
        '[keywords]\ncomputer = ["computer"]\n"think engine" = ["engine"]\nseven = ["seven"]\n'
        'bulb = ["bulb"]\n'
    )
    record(*(data / f"others/{name}.wav" for name in "efghil"))
    record(data / "computer/d.wav", data / "engine/j.wav", data / "bulb/k.wav")
    record(data / "seven/m.wav")
    said = {
        "e": "[breath] _Computer_",
        "f": "10 computer",
        "g": "ThinkEngine!",
        "h": "bulb",
        "l": "7",
    }
    write_index(data / "others", **said, i="")
    dataset = from_recipe(recipe, data)
    assert names(dataset.positives["computer"]) == ["d.wav", "e.wav"]
    assert names(dataset.positives["think engine"]) == ["j.wav", "g.wav"]
    assert names(dataset.positives["seven"]) == ["m.wav", "l.wav"]
    assert names(dataset.negatives) == ["f.wav", "i.wav"]
    assert {clip.kind for clips in dataset.positives.values() for clip in clips} == {""}


def test_transcripts_above_the_recordings_and_of_shards_are_found(tmp_path: Path) -> None:
    data, shards, recipe = tmp_path / "data", tmp_path / "shards", tmp_path / "recipe.toml"
    record(data / "computer/a.wav", *(data / "speech/anna" / n for n in ("b.1.wav", "c.wav")))
    (data / "speech/index.tsv").write_text("file\ttext\nanna/b.1.wav\ta lamp\nanna/c.wav\t\n")
    recipe.write_text(
        'unheard = ["lamp"]\nnegatives = ["speech"]\n[keywords]\ncomputer = ["computer"]\n'
    )
    write_shards(data, shards, 1e6, lambda name, done, total: None)
    assert names(from_recipe(recipe, data).negatives) == ["c.wav"]
    assert names(from_recipe(recipe, shards).negatives) == ["c.flac"]
    (data / "index.tsv").write_text("file\ttext\nspeech/anna/c.wav\tthis lamp\n")
    assert from_recipe(recipe, data).negatives == []
