"""A work folder continues only the trainings that it was made for."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from kokoro_stand_in import kokoro

from kws.audio.tar_members import file_state
from kws.config import SAMPLE_RATE
from kws.data.dataset import Dataset, Synthesis, from_folder
from kws.errors import KwsError
from kws.model_file import ModelFile
from kws.training.fold import Fold
from kws.training.pipeline import LOCK, run
from kws.training.plan import Plan
from kws.training.recipe import CommitteeRecipe, PosteriorHandling, Recipe, Teacher, fine_tuning
from kws.training.work_folder import check_output, check_work, default_work, finish, what_is_kept

OLD_FRONT_END = (
    "FrontEnd(window=480, hop=320, fft=512, mel_filters=40, low_hz=60, high_hz=7600,"
    " coefficients=20, log_offset=0.001, mean=(), scale=())"
)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A folder of a keyword by eight speakers, and speech."""
    folder = tmp_path / "dataset"
    for name in ("computer", "_negative_"):
        (folder / name).mkdir(parents=True)
        for number in range(8):
            noise = np.random.default_rng(number).integers(-999, 999, SAMPLE_RATE // 4)
            soundfile.write(folder / name / f"{number}.flac", noise.astype(np.int16), SAMPLE_RATE)
    return folder


def test_a_model_file_has_a_name() -> None:
    assert default_work(Path("models", "lumen.tflite")) == Path("models", "lumen.work")
    for nameless in ("", ".", "/"):
        with pytest.raises(KwsError, match=r"^[./]: a folder, not a model file$"):
            default_work(Path(nameless))


def test_a_model_replaces_nothing_but_a_model(tmp_path: Path) -> None:
    check_output(tmp_path / "new.tflite")
    for name, content in (("model", b"1234TFL3"), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        check_output(tmp_path / name)
    (tmp_path / "speech.wav").write_bytes(b"RIFF1234WAVE")
    with pytest.raises(KwsError, match=r"speech\.wav: not a \.tflite model, which the new one"):
        check_output(tmp_path / "speech.wav")


@pytest.mark.parametrize("option", ["work", "report"])
def test_a_model_is_not_where_a_folder_will_be(dataset: Path, tmp_path: Path, option: str) -> None:
    output, other = tmp_path / "a.work", tmp_path / "b.work"
    same = tmp_path / "x" / ".." / output.name
    folders = (same,) if option == "work" else (other, same)
    plan = Plan(from_folder(dataset), Recipe(), [], Fold(4, 4, other))
    with pytest.raises(KwsError, match=rf"a\.work: both the model and its {option} folder; choose"):
        run(plan, output, *folders)
    assert not list(tmp_path.glob("*.work"))


def test_other_trainings_do_not_continue_what_was_made(dataset: Path, tmp_path: Path) -> None:
    work = tmp_path / "word.work"
    whole = from_folder(dataset)

    def check(others: Dataset, recipe: Recipe, folds: int = 4, tested: int = 2) -> None:
        folded = [Fold(index, folds, work) for index in range(tested)]
        check_work(work, Plan(others, recipe, folded, Fold(folds, folds, work)))

    check(whole, Recipe())
    # What follows the trainings may differ, and how many of them there are.
    check(whole, Recipe(posterior=PosteriorHandling(false_alarms_per_hour=1.0)))
    check(whole, Recipe(), tested=3)
    for others, recipe, folds in (
        (whole, Recipe(seed=2), 4),
        (whole, fine_tuning(ModelFile.load("home")), 4),
        (whole, Recipe(), 5),
        (whole.partitions(range(7)), Recipe(), 4),
        (replace(whole, synthesis=Synthesis(utterances_per_keyword=3)), Recipe(), 4),
        (replace(whole, synthesis=Synthesis(voices=("flite",))), Recipe(), 4),
        (replace(whole, synthesis=Synthesis(excluded_phrases=("a",))), Recipe(), 4),
        (whole, Recipe(front_end=replace(Recipe().front_end, arithmetic="fixed")), 4),
    ):
        with pytest.raises(KwsError, match=r"word\.work: made from other recordings or settings"):
            check(others, recipe, folds)


def test_a_stamp_of_the_previous_version_is_continued(dataset: Path, tmp_path: Path) -> None:
    """As that one wrote it: with the representation of a recipe of its time."""
    work, whole = tmp_path / "word.work", from_folder(dataset)
    clips = [*whole.positives["computer"], *whole.negatives]
    files = [(*c.path.parts[-2:], c.partition, c.testable, file_state(c.path)) for c in clips]
    trained = Recipe(
        posterior=PosteriorHandling(false_alarms_per_hour=0.0), committee=CommitteeRecipe(bound=1.0)
    )
    assert OLD_FRONT_END in repr(trained)
    stamp = hashlib.sha256(repr((2, files, Synthesis(), [], trained, 4)).encode()).hexdigest()
    work.mkdir()
    (work / "inputs.sha256").write_text(stamp)
    check_work(work, Plan(whole, Recipe(), [], Fold(4, 4, work)))
    assert (work / "inputs.sha256").read_text() == stamp


def test_a_file_that_is_gone_is_one_line(dataset: Path, tmp_path: Path) -> None:
    whole, fold = from_folder(dataset), Fold(4, 4, tmp_path / "word.work")
    gone = Recipe(teacher=Teacher(str(tmp_path / "gone.tflite")))
    with pytest.raises(KwsError, match=r"gone\.tflite: No such file or directory$"):
        check_work(fold.folder, Plan(whole, gone, [fold], fold))
    whole.positives["computer"][0].path.unlink()
    with pytest.raises(KwsError, match=r"\.flac: No such file or directory$"):
        check_work(fold.folder, Plan(whole, Recipe(), [fold], fold))


def test_voices_are_not_taken_for_phrases(dataset: Path, tmp_path: Path) -> None:
    work, whole = tmp_path / "word.work", from_folder(dataset)

    def check(synthesis: Synthesis) -> None:
        check_work(work, Plan(replace(whole, synthesis=synthesis), Recipe(), [], Fold(4, 4, work)))

    check(Synthesis(voices=("kokoro",)))
    with pytest.raises(KwsError, match="made from other recordings or settings"):
        check(Synthesis(excluded_phrases=("kokoro",)))


def test_a_finished_training_makes_room_and_leaves_its_synthetic_speech(
    dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    work = tmp_path / "word.work"
    wanted = Synthesis(utterances_per_keyword=3)
    whole = replace(from_folder(dataset), synthesis=wanted)

    def check(others: Dataset) -> None:
        check_work(work, Plan(others, Recipe(), [], Fold(4, 4, work)))

    check(whole)
    for name in ("examples", "synthetic", "held-out-voices"):
        (work / name).mkdir()
        (work / name / "file").write_bytes(b"123")
    (work / "fold-0.tflite").write_bytes(b"45")
    (work / ".lock").touch()
    (work / "examples" / "file").write_bytes(b"1" * 1_000_000)
    model = tmp_path / "word.tflite"
    of_the_same = "--add and a training of the same recordings and settings"
    assert what_is_kept(work, model) == f"{work}: 1 MB, for {of_the_same}"
    finish(work, work / "examples")  # without the examples
    assert (
        what_is_kept(work, model) == f"{work}: 0 MB, for --add and a training with more recordings"
    )
    assert what_is_kept(work, tmp_path / "b.tflite").endswith(
        "0 MB, for a training with more recordings"
    )
    check(whole)  # the same trainings go on
    assert (work / "fold-0.tflite").exists()
    check(whole.partitions(range(7)))
    assert "its synthetic speech is used again" in caplog.text
    assert sorted(path.name for path in work.iterdir()) == [
        *(".lock", "held-out-voices", "inputs.sha256", "synthesis.sha256", "synthetic")
    ]
    with pytest.raises(KwsError, match="made from other recordings or settings"):
        check(whole)  # this one is not finished
    finish(work, work / "examples")
    check(replace(whole, synthesis=Synthesis(utterances_per_keyword=4)))
    assert not (work / "synthetic").exists()


def test_where_kokoro_lies_does_not_matter_but_what_it_is_does(
    dataset: Path, tmp_path: Path
) -> None:
    work, folder = tmp_path / "word.work", kokoro(tmp_path / "kokoro")

    def check(where: Path) -> None:
        synthesis = Synthesis(utterances_per_keyword=3, kokoro=where)
        others = replace(from_folder(dataset), synthesis=synthesis)
        check_work(work, Plan(others, Recipe(), [], Fold(4, 4, work)))

    check(folder)
    check(folder.rename(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere" / "voices-v1.0.bin").write_bytes(b"others")
    with pytest.raises(KwsError, match="made from other recordings or settings"):
        check(tmp_path / "elsewhere")


def test_a_full_disk_leaves_no_cut_stamp(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "word.work"
    whole = from_folder(dataset)
    plan = Plan(whole, Recipe(), [], Fold(4, 4, work))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(KwsError, match=r"word\.work: No space left on device"):
            check_work(work, plan)
    assert list(work.iterdir()) == []
    check_work(work, plan)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)  # nothing is left to write
        check_work(work, plan)


@pytest.mark.parametrize("same", ["work", "output"])
def test_a_second_training_of_the_same_files_is_one_line(
    dataset: Path, tmp_path: Path, same: str
) -> None:
    work, output = tmp_path / "a.work", tmp_path / "a.tflite"
    plan = Plan(from_folder(dataset), Recipe(), [], Fold(4, 4, work))
    work.mkdir()
    lock = work / LOCK if same == "work" else tmp_path / f".a.tflite{LOCK}"
    script = (
        "import sys; from pathlib import Path; from kws.process_lock import locked;"
        "lock = locked(Path(sys.argv[1]), ''); lock.__enter__(); print(flush=True); input()"
    )
    command = [sys.executable, "-c", script, str(lock)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(KwsError, match=rf"another kws \(process {other.pid}\) works on it"):
            run(plan, output, work)
        other.kill()
    assert not output.exists()
