# ruff: noqa: E402
"""Test the task of distillation: passages, targets, and trainings with it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import skip_without, tensorflow

skip_without("TensorFlow", find_spec("tensorflow"))  # which the modules below load

from kws.config import FrontEnd
from kws.data.clips import PARTITIONS
from kws.data.dataset import Dataset
from kws.errors import KwsError
from kws.training.architecture import Architecture
from kws.training.batches import AuxiliaryInputs
from kws.training.cross_validation import Job
from kws.training.distillation.corpus import (
    CORPUS,
    FRAMES_PER_POSITION,
    DistillationCorpus,
    half_window,
    position_samples,
)
from kws.training.distillation.embedding import (
    SIZE,
    WINDOW,
)
from kws.training.distillation.plugin import DistillationPlugin
from kws.training.distillation.task import (
    EMBEDDINGS,
    HIDDEN_LAYER,
    DistillationTask,
)
from kws.training.distillation.teacher import HIDDEN, TeacherTargets
from kws.training.example_store import EXAMPLES, ExamplePool
from kws.training.features import OVERSAMPLING, ExampleLayout
from kws.training.fold import Fold
from kws.training.recipe import WAKE_WORDS, Augmentation, Distillation, Recipe, Schedule
from kws.training.trainer import LOGITS

FRONT_END = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)


SMALL = Architecture(channels=16, kernels=(3, 5), last_kernel=4)


LAYOUT = ExampleLayout.of(FRONT_END, SMALL)


def counting_corpus(length: int, filters: int = 1) -> tuple[DistillationCorpus, TeacherTargets]:
    """Return frames, embeddings and targets that hold their position; a keyword ends at 400."""

    def positions(count: int, size: int) -> np.ndarray:
        return np.repeat(np.arange(count, dtype=np.float32)[:, None], size, axis=1)

    words = np.array([[1, min(390, length - 12), min(400, length - 2), 1.0]])
    speech = DistillationCorpus(
        positions(length * FRAMES_PER_POSITION, filters),
        positions(length, SIZE),
        np.zeros(length, np.int8),
        np.ones(length, bool),
        words,
    )
    return speech, TeacherTargets(positions(length, HIDDEN), np.zeros((length, 2), np.float16))


@pytest.mark.parametrize("architecture", [WAKE_WORDS.architecture, SMALL])
def test_targets_belong_to_the_middle_and_the_end_of_receptive_fields(
    architecture: Architecture,
) -> None:
    layout = ExampleLayout.of(FRONT_END, architecture)
    wanted = Recipe(
        architecture=architecture,
        augmentation=Augmentation(tempo_perturbation=(-0.5, 0.2)),
        distillation=Distillation(passages_per_batch=50),
    )
    task = DistillationTask(*counting_corpus(900), layout, wanted)
    frames, targets = task.draw()
    embeddings, hidden = targets[EMBEDDINGS], targets[HIDDEN_LAYER]
    count = architecture.window_frames + (layout.steps - 1) * architecture.stride
    assert frames.shape == (50, count, 1)
    field = architecture.first_kernel
    field += architecture.stride * sum(kernel - 1 for kernel in architecture.kernels[:3])
    time_steps = (count - field) // architecture.stride + 1
    assert embeddings.shape == (50, time_steps, SIZE)
    for time_step in range(time_steps):
        first = architecture.stride * time_step
        middle = frames[:, first : first + field, 0].mean(axis=1) / FRAMES_PER_POSITION
        assert embeddings[:, time_step, 0] == pytest.approx(middle, abs=1)
    for step in range(
        layout.steps
    ):  # its last frame's end is where the last embedding's speech ends
        last = architecture.window_frames - 1 + architecture.stride * step
        end = frames[:, last, 0] * layout.oversampled.hop + FRONT_END.window
        rests = hidden[:, step, 0] * position_samples(layout) + (FRONT_END.window + WINDOW) / 2
        begun = hidden[:, step, 0] > 0  # before the first position there is nothing
        assert begun.sum() > 45
        assert rests[begun] == pytest.approx(end[begun], abs=1.01 * position_samples(layout))
    tempos = (frames[:, -1, 0] - frames[:, 0, 0]) / (count - 1) / OVERSAMPLING
    assert tempos.min() == pytest.approx(np.exp(-0.5), abs=0.05)
    assert tempos.max() == pytest.approx(np.exp(0.2), abs=0.05)


def test_a_quarter_of_the_passages_has_a_keyword_and_another_a_doubtful_moment() -> None:
    """A step's window ends with it, at any tempo; what is certain is not drawn more often."""
    speech, teacher = counting_corpus(3000)
    teacher.logits[:, 0] = 80
    teacher.logits[395, 1] = 160
    teacher.logits[2000, 1] = 80
    recipe = Recipe(
        architecture=SMALL,
        augmentation=Augmentation(tempo_perturbation=(-0.6, 0.2)),
        distillation=Distillation(passages_per_batch=400),
    )
    hidden = DistillationTask(speech, teacher, LAYOUT, recipe).draw().targets[HIDDEN_LAYER][:, :, 0]

    def within(position: float) -> int:
        return int(((hidden[:, 0] <= position) & (hidden[:, -1] >= position)).sum())

    assert within(400 - half_window(LAYOUT)) == pytest.approx(100, abs=10)
    assert within(2000) == pytest.approx(100, abs=10)


def test_too_little_speech_is_refused() -> None:
    with pytest.raises(KwsError, match="too little speech"):
        DistillationTask(
            *counting_corpus(20),
            LAYOUT,
            Recipe(architecture=SMALL, distillation=Distillation(passages_per_batch=2)),
        )


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Store examples of noise, and speech whose embedding is how bright its middle filters are."""
    folder = tmp_path_factory.mktemp("material")
    random = np.random.default_rng(1)
    frames = random.normal(0, 1, (200, LAYOUT.frames, FRONT_END.mel_filters))
    labels = np.zeros((200, LAYOUT.steps), np.int8)
    labels[::2] = LAYOUT.labels(1, LAYOUT.step_ends[8])
    bright = np.repeat(np.sin(np.arange(3000) / 40), FRAMES_PER_POSITION)[:, None]
    speech = random.normal(0, 0.2, (3000 * FRAMES_PER_POSITION, FRONT_END.mel_filters))
    speech[:, 10:30] += 2 * bright
    EXAMPLES.save(
        folder,
        ExamplePool(
            frames.astype(np.float16), labels, (np.arange(200) % PARTITIONS).astype(np.int8)
        ),
    )
    CORPUS.save(
        folder,
        DistillationCorpus(
            speech.astype(np.float16),
            np.repeat(bright[::FRAMES_PER_POSITION], SIZE, axis=1).astype(np.float16),
            (np.arange(3000) * PARTITIONS // 3000).astype(np.int8),
            np.ones(3000, bool),
            np.array([[1, 10 + 40 * i, 20 + 40 * i, 0.1] for i in range(70)]),
        ),
    )
    return folder


def recipe(passages: int) -> Recipe:
    return Recipe(
        architecture=SMALL,
        schedule=Schedule(
            epochs=2,
            steps_per_epoch=150,
            batch_size=16,
            warm_up_steps=2,
            learning_rate=0.01,
            ema_steps=(2, 2),
        ),
        augmentation=Augmentation(spectral_tilt=0),
        distillation=Distillation(passages_per_batch=passages),
    )


def distillation(material: Path, partitions: list[int], passages: int) -> DistillationTask:
    """Return the task of some partitions; its teacher outputs how bright the middle filters are."""
    speech = DistillationCorpus.load(material).select(partitions)
    bright = speech.embeddings[:, :1]
    logits = np.concatenate([0 * bright, 4 * bright], axis=1)
    teacher = TeacherTargets(np.repeat(bright, HIDDEN, axis=1), logits)
    return DistillationTask(speech, teacher, LAYOUT, recipe(passages))


def distances(training, passages: AuxiliaryInputs) -> list[float]:
    """Return the mean square distances of a network's outputs from the targets of passages."""
    trainer = training.trainer
    features = passages.log_mels.astype(np.float32) @ trainer.dct.numpy() + trainer.bias.numpy()
    with trainer.averaged():
        made = {name: each.numpy() for name, each in trainer.outputs(features[..., None]).items()}
    made[LOGITS] = made[LOGITS][..., 1:] - made[LOGITS][..., :1]
    wanted = {**passages.targets, LOGITS: passages.targets[LOGITS][..., 1:]}
    return [float(np.mean((made[name] - wanted[name]) ** 2)) for name in wanted]


@pytest.mark.slow
def test_a_student_learns_its_targets(material: Path, tmp_path: Path) -> None:
    """The speech is of partitions that it was not trained on."""
    tensorflow()
    from kws.training.training_run import Training

    passages = distillation(material, [0, 1], 30).draw()
    task = distillation(material, list(range(2, PARTITIONS)), 8)
    training = Training(material, ["word"], recipe(8), [0, 1], task)
    before = np.array(distances(training, passages))
    training.run(tmp_path / "a.checkpoint", 2, lambda doing, share: None)
    wanted = {**passages.targets, LOGITS: passages.targets[LOGITS][:, :, 1]}
    variance = np.array([each.astype(float).var() for each in wanted.values()])
    left = np.array(distances(training, passages))
    assert (left < [0.2, 0.3, 0.5] * variance).all(), left / variance
    assert (left < 0.5 * before).all(), left / before


def test_a_fold_and_its_teacher_use_no_held_out_speech(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensorflow()
    from kws.training.distillation import teacher

    def record(
        speech: DistillationCorpus,
        layout: ExampleLayout,
        classes: int,
        seed: int,
        path: Path,
        progress: object,
    ) -> TeacherTargets:
        nothing = np.zeros((len(speech.partitions), HIDDEN), np.float16)
        trained.append((set(speech.partitions), classes, path))
        return TeacherTargets(nothing, nothing[:, :classes])

    monkeypatch.setattr(teacher, "teacher_targets", record)
    trained: list[tuple[set[int], int, Path]] = []
    dataset = Dataset({"alexa": [], "jarvis": []}, [], [], [])
    for index in range(3):
        fold = Fold(index, 2, tmp_path)
        job = Job(dataset, recipe(8), fold, material, 1, 1)
        assert len(DistillationPlugin(tmp_path).make_task(job).draw().log_mels) == 8
        assert trained[index] == (set(fold.training_partitions), 3, fold.teacher)
        assert sorted([*fold.training_partitions, *fold.held_out]) == list(range(PARTITIONS))
    assert trained[0][0] == {1, 3, 5, 7}
    assert trained[2][0] == set(range(PARTITIONS))


@pytest.mark.slow
def test_heads_resume_with_the_training_and_are_not_part_of_the_model(
    material: Path, tmp_path: Path
) -> None:
    tensorflow()
    from kws.model_file import ModelFile
    from kws.training.training_run import Training

    path = tmp_path / "a.checkpoint"
    passages = distillation(material, [0, 1], 9).draw()
    task = distillation(material, list(range(2, PARTITIONS)), 8)
    first, second = (Training(material, ["word"], recipe(8), [0, 1], task) for _ in range(2))
    first.run(path, 1, lambda doing, share: None)
    content = second.run(path, 1, lambda doing, share: None).content
    assert distances(first, passages) == distances(second, passages)
    without = Training(material, ["word"], recipe(0), [0, 1])
    plain = without.run(tmp_path / "b.checkpoint", 1, lambda doing, share: None).content
    sizes = [len(ModelFile.parse(each, "x.tflite").content) for each in (content, plain)]
    assert abs(sizes[0] - sizes[1]) < 100
