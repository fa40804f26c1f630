"""What a dataset holds: folders, recipes, the split; and where in a recording the word is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio.audio_file import read_audio
from kws.config import SAMPLE_RATE
from kws.data.clips import PARTITIONS, Clip, audio_files, partition_of
from kws.data.dataset import Dataset, Synthesis
from kws.data.recipe import from_recipe
from kws.data.word_span import FRAME, word_span
from kws.errors import KwsError


def recorded(*paths: Path) -> None:
    """A tenth of a second of audio at each path."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.ones(SAMPLE_RATE // 10, np.int16), SAMPLE_RATE)


def names(clips: list[Clip]) -> list[str]:
    return [clip.path.name for clip in clips]


def test_hidden_files_and_other_files_are_no_recordings(tmp_path: Path) -> None:
    recorded(*(tmp_path / name for name in ("a.wav", "_old_/b.wav", ".trash/c.wav", "d/_e.wav")))
    (tmp_path / "._a.wav").write_bytes(b"of a Mac")
    (tmp_path / "a.txt").write_text("text")
    assert audio_files(tmp_path) == [tmp_path / "a.wav"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    recorded(tmp_path / "a.wav")
    with pytest.raises(KwsError, match=r"a\.wav: Not a directory"):
        audio_files(tmp_path / "a.wav")


@pytest.mark.parametrize(
    "utterances",
    [
        ("1089-134686-0000", "1089-134691-0024"),
        ("an1-mblw-b", "an97-mblw-b"),
        ("0a7c2a8d_nohash_0", "0a7c2a8d_nohash_4"),
    ],
)
def test_a_speaker_is_in_one_part(utterances: tuple[str, str]) -> None:
    first, second = (partition_of(Path("any", "folder", f"{name}.flac")) for name in utterances)
    assert first == second == partition_of(Path(f"{utterances[0]}.wav"))


def test_parts_are_even_and_any_name_has_one() -> None:
    counts = np.bincount(
        [partition_of(Path(f"{n}.wav")) for n in range(4000)], minlength=PARTITIONS
    )
    assert len(counts) == PARTITIONS
    assert counts.min() > 400


def test_parts_of_a_dataset_are_disjoint_and_whole() -> None:
    clips = [Clip(Path(f"{n}.wav"), partition_of(Path(f"{n}.wav"))) for n in range(200)]
    dataset = Dataset({"computer": clips[:80]}, clips[80:150], clips[150:180], clips[180:])
    kept, held_out = dataset.partitions(range(6)), dataset.partitions([6, 7])
    for whole, *pieces in (
        (dataset.positives["computer"], *(d.positives["computer"] for d in (kept, held_out))),
        (dataset.negatives, kept.negatives, held_out.negatives),
        (dataset.noise, kept.noise, held_out.noise),
    ):
        assert {clip.partition for clip in pieces[0]} <= set(range(6))
        assert {clip.partition for clip in pieces[1]} <= {6, 7}
        assert sorted(names(whole)) == sorted(names(pieces[0]) + names(pieces[1]))
    assert kept.impulse_responses == held_out.impulse_responses == dataset.impulse_responses


def test_what_is_tested_leaves_out_speech_alone() -> None:
    clips = [Clip(Path("a.wav"), 0), Clip(Path("b.wav"), 0, testable=False)]
    dataset = Dataset({"computer": clips}, clips, clips, clips)
    tested = dataset.testable()
    assert tested.positives == {"computer": clips[:1]}
    assert tested.negatives == clips[:1]
    assert tested.noise == tested.impulse_responses == clips


RECIPE = """\
sessions = "split.json"
negatives = ["speech", "more/speech"]

[keywords]
computer = ["wake/computer/"]

[synthesis]
keyword = 3
sentences = ["good morning"]
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    recorded(
        *(tmp_path / "data" / name for name in ("wake/computer/a.wav", "wake/computer/deep/b.wav")),
        *(tmp_path / "data" / name for name in ("speech/c.wav", "more/speech/d.wav")),
    )
    parts = {"wake/computer/a.wav": 5, "wake/computer/deep/b.wav": 6, "speech/c.wav": 7}
    (tmp_path / "split.json").write_text(json.dumps(parts))
    return tmp_path / "data"


def test_a_recipe_names_folders_sessions_and_synthesis(tmp_path: Path, data: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE)
    dataset = from_recipe(recipe, data)
    assert [clip.partition for clip in dataset.positives["computer"]] == [5, 6]
    assert [clip.partition for clip in dataset.negatives] == [7, partition_of(Path("d.wav"))]
    assert (dataset.noise, dataset.impulse_responses) == ([], [])
    assert dataset.synthesis == Synthesis(utterances_per_keyword=3, sentences=("good morning",))


def test_a_recipe_spells_keywords_for_the_synthesisers(tmp_path: Path, data: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    spelling = "spelling = 2\n[synthesis.respellings]\n"
    recipe.write_text(f'{RECIPE}{spelling}computer = ["komputer", "compooter"]\n')
    synthesis = from_recipe(recipe, data).synthesis
    assert (synthesis.utterances_per_keyword, synthesis.utterances_per_respelling) == (3, 2)
    assert synthesis.respellings == {"computer": ("komputer", "compooter")}
    recipe.write_text(f'{RECIPE}{spelling}compute = ["komputer"]\n')
    with pytest.raises(KwsError, match=r"recipe\.toml:12: .*'compute'.*'computer'"):
        from_recipe(recipe, data)


def test_a_recipe_is_like_another_but_for_what_it_says(tmp_path: Path, data: Path) -> None:
    """What it takes for a keyword is no longer among the other's negatives."""
    (tmp_path / "recipe.toml").write_text(f'{RECIPE}neighbours = 9\n[card]\nlicence = "free"\n')
    trunk = tmp_path / "trunk.toml"
    trunk.write_text(
        'like = "recipe.toml"\ntrunk = true\nnoise = ["more"]\n[keywords]\nmore = ["more"]\n'
        '[synthesis]\nkeyword = 60\nneighbours_of = ["computer"]\n[card]\ndata = ["own"]\n'
    )
    dataset = from_recipe(trunk, data)
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
    third.write_text('like = "trunk.toml"\n[keywords]\nmore = ["more"]\n')
    with pytest.raises(KwsError, match=r"third\.toml:1: .*trunk\.toml extends another one itself"):
        from_recipe(third, data)
    third.write_text('trunk = 1\n[keywords]\nmore = ["more"]\n')
    with pytest.raises(KwsError, match=r"third\.toml:1: trunk must be true or false, not a number"):
        from_recipe(third, data)
    third.write_text('like = "fourth.toml"\n[keywords]\nmore = ["more"]\n')
    with pytest.raises(KwsError, match=r"fourth\.toml: No such file"):
        from_recipe(third, data)


def test_synthetic_speech_and_untested_folders_serve_training_alone(
    tmp_path: Path, data: Path
) -> None:
    few = data / "few"
    recorded(*(few / f"{number:02}.wav" for number in range(PARTITIONS + 1)))
    recorded(few / "x" / "1089-1-1.wav", data / "wake" / "computer" / "synth-computer-1@slt.wav")
    recipe = tmp_path / "recipe.toml"
    own = RECIPE.replace('["wake/computer/"]', '["wake/computer/", "few"]')
    recipe.write_text(f'untested = ["few"]\n{own}')
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
        ("keyword = 3", 'keyword = "3"', ":8: keyword must be a number, not a string"),
        ('["good morning"]', "[]", ":9: sentences must be a list"),
        ("split.json", "slpit.json", r":1: .*slpit\.json: No such file or directory"),
        ("split.json", "data/speech/c.wav", r":1: .*c\.wav: not JSON"),
        ("split.json", "list.json", r":1: .*list\.json: no partition from 0 to 7 by recording"),
        ("split.json", "parts.json", r":1: .*parts\.json: no partition from 0 to 7 by recording"),
    ],
)
def test_a_mistake_in_a_recipe_is_told_with_its_line(
    tmp_path: Path, data: Path, old: str, new: str, problem: str
) -> None:
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "parts.json").write_text('{"wake/computer/a.wav": 8}')
    recipe = tmp_path / "recipe.toml"
    assert RECIPE.count(old) == 1
    recipe.write_text(RECIPE.replace(old, new))
    with pytest.raises(KwsError, match=rf"recipe\.toml{problem}"):
        from_recipe(recipe, data)


def test_a_recording_is_read_whole_and_at_16_khz(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(-32768, 32768, 150_000).astype(np.int16)
    soundfile.write(tmp_path / "long.flac", samples, SAMPLE_RATE)
    assert np.array_equal(read_audio(tmp_path / "long.flac"), samples)
    soundfile.write(tmp_path / "other.wav", samples, 48_000)
    assert len(read_audio(tmp_path / "other.wav")) == pytest.approx(50_000, abs=2)


def sound(*pieces: tuple[float, float], floor: float = 10.0) -> np.ndarray:
    """Noise of (seconds, RMS) pieces in a noise floor."""
    random = np.random.default_rng(4)
    parts = [random.normal(0, rms, round(seconds * SAMPLE_RATE)) for seconds, rms in pieces]
    whole = np.concatenate(parts)
    return (whole + random.normal(0, floor, len(whole))).round().astype(np.int16)


@pytest.mark.parametrize(
    ("pieces", "start", "end"),
    [
        ([(0.5, 0), (0.6, 2000), (0.9, 0)], 0.5, 1.1),
        ([(0.5, 0), (0.3, 2000), (0.2, 0), (0.4, 1500), (0.9, 0)], 0.5, 1.4),  # a pause within
        ([(0.4, 0), (0.5, 2000), (0.5, 0), (0.3, 300), (0.6, 0)], 0.4, 0.9),  # a breath after it
        ([(0.3, 0), (0.03, 9000), (0.6, 0), (0.5, 1500), (0.6, 0)], 0.93, 1.43),  # a click before
        ([(0.5, 0), (0.6, 40), (0.9, 0)], 0.5, 1.1),  # 12 dB over the floor
        ([(0.7, 100), (0.5, 6000), (1.2, 100)], 0.7, 1.2),  # in noise
    ],
)
def test_the_word_is_found(pieces: list[tuple[float, float]], start: float, end: float) -> None:
    first, last = word_span(sound(*pieces))
    assert first / SAMPLE_RATE == pytest.approx(start, abs=0.03)
    assert last / SAMPLE_RATE == pytest.approx(end, abs=0.03)


def test_a_word_is_found_in_anything() -> None:
    for samples in (np.zeros(8000), np.zeros(1), np.full(FRAME + 1, 1000), sound((0.05, 3000))):
        start, end = word_span(np.asarray(samples, np.int16))
        assert 0 <= start < end <= len(samples)
