"""What a network of far more speech makes of it, and passages that tell a network so."""

from __future__ import annotations

import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from command_line import SAMPLES, kws
from conftest import skip_without, tensorflow

from kws.audio.audio_file import read_audio
from kws.config import FrontEnd
from kws.data.clips import PARTITIONS
from kws.data.dataset import Dataset
from kws.data.word_span import word_span
from kws.errors import KwsError
from kws.training.batches import AuxiliaryInputs
from kws.training.cross_validation import Fold, Job
from kws.training.distillation.corpus import (
    CORPUS,
    FRAMES_PER_POSITION,
    PAUSE,
    VIEWS,
    DistillationCorpus,
    build_corpus,
    half_window,
    interpolate_embeddings,
    position_samples,
)
from kws.training.distillation.embedding import (
    DIGESTS,
    EMBEDDING_CARD,
    HOP,
    MELS,
    NETWORK,
    SIZE,
    WINDOW,
    Embedder,
)
from kws.training.distillation.plugin import DistillationPlugin
from kws.training.distillation.task import (
    EMBEDDINGS,
    HIDDEN,
    HIDDEN_LAYER,
    DistillationTask,
    TeacherTargets,
)
from kws.training.example_store import EXAMPLES, ExamplePool
from kws.training.examples import ExampleGenerator, KeywordUtterances
from kws.training.features import OVERSAMPLING, ExampleLayout
from kws.training.plan import plan, without_distillation
from kws.training.prepare import Preparation, prepare_material
from kws.training.recipe import (
    WAKE_WORDS,
    Architecture,
    Augmentation,
    Distillation,
    ExampleCounts,
    Mining,
    Recipe,
    Schedule,
)
from kws.training.trainer import LOGITS
from kws.training.work_folder import check_work
from kws.training.workers import Status

FRONT_END = FrontEnd(low_hz=60, high_hz=7600, coefficients=20, log_offset=1e-3)
SMALL = Architecture(channels=16, kernels=(3, 5), last_kernel=4)
LAYOUT = ExampleLayout.of(FRONT_END, SMALL)


@pytest.fixture(scope="module")
def embedding() -> Path:
    """Folder of the speech embedding, as it comes with pyopen-wakeword."""
    found = find_spec("pyopen_wakeword")
    skip_without("pyopen-wakeword", found)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "models"


# The embedding


def test_an_embedding_for_every_hop(embedding: Path) -> None:
    """What is behind them tells but how loud the loudest is, below which silence begins."""
    embedder = Embedder(embedding)
    samples = read_audio(SAMPLES / "story.flac")
    whole = embedder.embeddings(samples)
    assert whole.shape == (1 + (len(samples) - WINDOW) // HOP, SIZE)
    assert embedder.embeddings(samples[: WINDOW - 1]).shape == (0, SIZE)
    assert embedder.embeddings(samples[:0]).shape == (0, SIZE)
    first = embedder.embeddings(samples[: WINDOW + 4 * HOP + 7])
    assert first.shape == (5, SIZE)
    assert np.abs(first - whole[:5]).mean() < 0.2 * whole.std()


def test_minutes_are_cut_where_nobody_sees_it(
    embedding: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = Embedder(embedding)
    samples = read_audio(SAMPLES / "all_keywords.flac")
    whole = embedder.embeddings(samples)
    monkeypatch.setattr("kws.training.distillation.embedding.CHUNK", 20)
    pieces = embedder.embeddings(samples)
    assert pieces.shape == whole.shape
    assert np.abs(pieces - whole).mean() < 0.05 * whole.std()


def test_a_word_is_much_the_same_by_two_voices(embedding: Path) -> None:
    """The likest moments of two recordings: of one keyword, and of two."""
    embedder = Embedder(embedding)

    def moments(name: str) -> np.ndarray:
        made = embedder.embeddings(read_audio(SAMPLES / f"{name}.flac"))
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    def alike(one: str, other: str) -> float:
        return float((moments(one) @ moments(other).T).max())

    same = [
        alike("alexa_rain", "alexa_timer"),
        alike("computer_lights", "computer_moon"),
        alike("smart_mirror_coat", "smart_mirror_news"),
    ]
    assert np.mean(same) > alike("alexa_rain", "computer_moon")
    assert np.mean(same) > alike("computer_lights", "smart_mirror_news")


def spoilt(embedding: Path, folder: Path, how: str) -> Path:
    shutil.copytree(embedding, folder, ignore=lambda _, names: set(names) - set(DIGESTS))
    mels, network = folder / MELS, folder / NETWORK
    if how == "missing":
        network.unlink()
    elif how == "cut":
        network.write_bytes(network.read_bytes()[:1000])
    elif how == "text":
        mels.write_text("mels")
    elif how == "swapped":
        mels.rename(folder / "kept")
        network.rename(mels)
        (folder / "kept").rename(network)
    return folder


@pytest.mark.parametrize("how", ["missing", "cut", "text", "swapped"])
def test_other_networks_are_refused(embedding: Path, tmp_path: Path, how: str) -> None:
    folder = spoilt(embedding, tmp_path / "networks", how)
    with pytest.raises(KwsError, match=rf"^{folder}"):
        Embedder(folder)


@pytest.mark.parametrize("how", ["missing", "cut"])
def test_a_command_tells_of_a_spoilt_embedding_before_anything_else(
    embedding: Path, tmp_path: Path, how: str
) -> None:
    tensorflow()
    folder = spoilt(embedding, tmp_path / "networks", how)
    process = kws(
        *("train", tmp_path, "--recipe", "models/home.toml", "--embedding", folder),
        *("--output", tmp_path / "x.tflite"),
    )
    assert process.returncode == 1
    assert process.stdout == ""
    assert process.stderr.startswith(f"kws: error: {folder / NETWORK}: ")
    assert process.stderr.count("\n") == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A keyword by eight people, and speech; a recipe for them."""
    data = tmp_path / "data"
    for name in ("alexa", "_negative_"):
        (data / name).mkdir(parents=True)
        for person in range(8):
            shutil.copy(SAMPLES / "alexa_rain.flac", data / name / f"p{person}.flac")
    recipe_file = 'negatives = ["_negative_"]\n[keywords]\nalexa = ["alexa"]\n'
    (data / "alexa.toml").write_text(recipe_file)
    return data


def test_the_recipe_is_guided_where_there_is_an_embedding(
    embedding: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where it guides nothing, that is told."""
    work, recipe_file = folder / "work", folder / "alexa.toml"
    guided = plan(folder, work, recipe_file, embedding=embedding)
    assert guided.recipe == WAKE_WORDS
    assert guided.recipe.distillation.passages_per_batch > 0
    assert guided.plugin == DistillationPlugin(embedding)
    assert guided.dataset.card == {"data": [EMBEDDING_CARD]}
    alone = plan(folder, work, recipe_file)
    assert alone.recipe == without_distillation(WAKE_WORDS)
    assert alone.dataset.card == {}
    own = plan(folder, work, keywords=["alexa"], embedding=embedding)
    assert own.recipe.distillation.passages_per_batch == 0
    assert own.dataset.card == {}
    assert any("embedding is not used" in message for message in caplog.messages)


def test_another_training_does_not_take_up_what_was_guided(embedding: Path, folder: Path) -> None:
    work, recipe_file = folder / "work", folder / "alexa.toml"
    check_work(work, plan(folder, work, recipe_file, embedding=embedding))
    copied = shutil.copytree(embedding, folder / "elsewhere", copy_function=shutil.copy)
    check_work(work, plan(folder, work, recipe_file, embedding=copied))
    with pytest.raises(KwsError, match="made from other recordings or settings"):
        check_work(work, plan(folder, work, recipe_file))


def test_guiding_speech_is_made_with_the_examples(
    embedding: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = plan(folder, folder / "work", folder / "alexa.toml", embedding=embedding)
    recipe = replace(
        made.recipe,
        examples=ExampleCounts(per_keyword=16, background=16),
        mining=Mining(passages_per_epoch=0),
        distillation=replace(made.recipe.distillation, spliced_speech_hours=0.02),
    )
    status = Status("examples", folder / "progress")
    caplog.clear()
    prepare_material(
        Preparation(
            made.dataset,
            recipe,
            folder / "synthetic",
            folder / "examples",
            status,
            DistillationPlugin(embedding),
        )
    )
    assert not caplog.records
    kept = DistillationCorpus.load(folder / "examples")
    assert set(kept.partitions) == set(range(PARTITIONS))
    assert not kept.labelled.all()


# The speech


def test_an_embedding_lies_around_the_middle_of_its_row() -> None:
    """Number i rests on samples whose middle is at i * HOP + WINDOW / 2."""
    numbers = np.repeat(np.arange(50.0, dtype=np.float32)[:, None], SIZE, axis=1)
    found = interpolate_embeddings(numbers, 60, LAYOUT)[:, 0].astype(float)
    hop, window = LAYOUT.oversampled.hop, FRONT_END.window
    middle = np.arange(60) * FRAMES_PER_POSITION * hop + window / 2
    expected = np.clip((middle - WINDOW / 2) / HOP, 0, 49)
    assert found == pytest.approx(expected, abs=0.02)
    assert interpolate_embeddings(numbers[:1], 3, LAYOUT)[:, 0].tolist() == [0, 0, 0]


def examples(folder: Path, part: int) -> ExampleGenerator:
    """Of one part: a keyword, other speech, and no noise."""
    keyword = read_audio(SAMPLES / "alexa_rain.flac")[:16_000]
    speech = read_audio(SAMPLES / "story.flac")[: 24_000 + 8000 * (part % 3)]
    return ExampleGenerator(LAYOUT, [KeywordUtterances([keyword], [1.0])], [speech], [], [])


def test_speech_is_heard_several_times_and_kept_by_part(embedding: Path, tmp_path: Path) -> None:
    spoken = [read_audio(SAMPLES / "commuter.flac")[:20_000]] * 4
    parts = [examples(tmp_path, part) for part in range(PARTITIONS)]
    speech = [[*part.negatives, *spoken[i::PARTITIONS]] for i, part in enumerate(parts)]
    build_corpus(parts, speech, 0, embedding, 1, tmp_path)
    kept = DistillationCorpus.load(tmp_path)
    seconds = np.array(
        [1 + 1.5 + 0.5 * (part % 3) + 1.25 * (part < 4) for part in range(PARTITIONS)]
    )
    pauses = np.array([2 + (part < 4) for part in range(PARTITIONS)]) * PAUSE
    samples = WINDOW + seconds * 16_000 + pauses  # silence lies before them
    rows = (samples - FRONT_END.window) // LAYOUT.oversampled.hop + 1
    assert np.bincount(kept.partitions).tolist() == (VIEWS * (rows // FRAMES_PER_POSITION)).tolist()
    assert (
        len(kept.log_mels)
        == FRAMES_PER_POSITION * len(kept.embeddings)
        == FRAMES_PER_POSITION * len(kept.partitions)
    )
    of_two = kept.select([2])
    half = len(of_two.partitions) // VIEWS
    assert np.array_equal(of_two.embeddings[:half], of_two.embeddings[half:])
    assert not np.array_equal(
        of_two.log_mels[: half * FRAMES_PER_POSITION], of_two.log_mels[half * FRAMES_PER_POSITION :]
    )
    assert set(of_two.partitions) == {2}
    # Of its keyword, heard twice, the energy ends where it is said to end.
    assert of_two.keywords[:, [0, 3]].tolist() == [[1, 1.0]] * VIEWS
    assert len(kept.keywords) == VIEWS * PARTITIONS
    for _, start, end, _ in of_two.keywords.astype(int):
        loudness = of_two.log_mels.astype(float).mean(axis=1)
        assert (
            loudness[start * FRAMES_PER_POSITION : end * FRAMES_PER_POSITION].mean()
            > loudness[end * FRAMES_PER_POSITION + 20 :][:20].mean()
        )
    (_, start, end, _), (_, again, _, _) = of_two.keywords
    span = word_span(read_audio(SAMPLES / "alexa_rain.flac")[:16_000])
    assert (end - start) * position_samples(LAYOUT) == pytest.approx(span[1] - span[0], abs=1)
    assert again - start == half
    assert kept.labelled.all()
    whole = kept.embeddings.astype(float)
    assert np.abs(whole.mean(axis=0)).max() < 0.2
    assert whole.std(axis=0).mean() == pytest.approx(1, abs=0.1)


def test_patchwork_is_heard_behind_a_part_s_speech(embedding: Path, tmp_path: Path) -> None:
    """Once, and nobody knows what it says: keywords in it are not told."""
    parts = [examples(tmp_path, part) for part in range(PARTITIONS)]
    speech = [part.negatives for part in parts]
    hours = 0.04
    for name, asked in (("without", 0.0), ("with", hours)):
        (tmp_path / name).mkdir()
        build_corpus(parts, speech, asked, embedding, 1, tmp_path / name)
    without, kept = (DistillationCorpus.load(tmp_path / name) for name in ("without", "with"))
    assert np.array_equal(kept.partitions[kept.labelled], without.partitions)
    assert np.array_equal(
        kept.log_mels[np.repeat(kept.labelled, FRAMES_PER_POSITION)], without.log_mels
    )
    seconds = np.bincount(kept.partitions[~kept.labelled]) * position_samples(LAYOUT) / 16_000
    assert len(seconds) == PARTITIONS
    assert ((seconds > hours / PARTITIONS * 3600) & (seconds < hours / PARTITIONS * 3600 + 7)).all()
    assert not kept.background(LAYOUT)[~kept.labelled].any()
    of_two, before = kept.select([2]), without.select([2])
    assert np.array_equal(of_two.keywords, before.keywords)
    assert not of_two.labelled[len(before.labelled) :].any()
    assert len(kept.keywords) == len(without.keywords)


# Passages


def counted(length: int, filters: int = 1) -> tuple[DistillationCorpus, TeacherTargets]:
    """Rows, embeddings and lessons that hold their own place; a keyword ends at place 400."""

    def places(count: int, size: int) -> np.ndarray:
        return np.repeat(np.arange(count, dtype=np.float32)[:, None], size, axis=1)

    words = np.array([[1, min(390, length - 12), min(400, length - 2), 1.0]])
    speech = DistillationCorpus(
        places(length * FRAMES_PER_POSITION, filters),
        places(length, SIZE),
        np.zeros(length, np.int8),
        np.ones(length, bool),
        words,
    )
    return speech, TeacherTargets(places(length, HIDDEN), np.zeros((length, 2), np.float16))


@pytest.mark.parametrize("architecture", [WAKE_WORDS.architecture, SMALL])
def test_a_column_is_told_what_lies_in_the_middle_of_what_it_sees(
    architecture: Architecture,
) -> None:
    layout = ExampleLayout.of(FRONT_END, architecture)
    wanted = Recipe(
        architecture=architecture,
        augmentation=Augmentation(tempo_perturbation=(-0.5, 0.2)),
        distillation=Distillation(passages_per_batch=50),
    )
    guide = DistillationTask(*counted(900), layout, wanted)
    rows, targets = guide.draw()
    embeddings, hidden = targets[EMBEDDINGS], targets[HIDDEN_LAYER]
    heard = architecture.window_frames + (layout.steps - 1) * architecture.stride
    assert rows.shape == (50, heard, 1)
    seen = architecture.first_kernel
    seen += architecture.stride * sum(kernel - 1 for kernel in architecture.kernels[:3])
    columns = (heard - seen) // architecture.stride + 1
    assert embeddings.shape == (50, columns, SIZE)
    for column in range(columns):
        first = architecture.stride * column
        middle = rows[:, first : first + seen, 0].mean(axis=1) / FRAMES_PER_POSITION
        assert embeddings[:, column, 0] == pytest.approx(middle, abs=1)
    for step in range(layout.steps):  # its last row's end is where the last embedding's speech ends
        last = architecture.window_frames - 1 + architecture.stride * step
        end = rows[:, last, 0] * layout.oversampled.hop + FRONT_END.window
        rests = hidden[:, step, 0] * position_samples(layout) + (FRONT_END.window + WINDOW) / 2
        begun = hidden[:, step, 0] > 0  # before the first place there is nothing
        assert begun.sum() > 45
        assert rests[begun] == pytest.approx(end[begun], abs=1.01 * position_samples(layout))
    tempos = (rows[:, -1, 0] - rows[:, 0, 0]) / (heard - 1) / OVERSAMPLING
    assert tempos.min() == pytest.approx(np.exp(-0.5), abs=0.05)
    assert tempos.max() == pytest.approx(np.exp(0.2), abs=0.05)


def test_a_quarter_of_the_passages_has_a_keyword_and_another_what_may_be_one() -> None:
    """Where a step's window ends with it, at any tempo; of what is certain no more are drawn."""
    speech, lessons = counted(3000)
    lessons.logits[:, 0] = 80
    lessons.logits[395, 1] = 160
    lessons.logits[2000, 1] = 80
    recipe = Recipe(
        architecture=SMALL,
        augmentation=Augmentation(tempo_perturbation=(-0.6, 0.2)),
        distillation=Distillation(passages_per_batch=400),
    )
    hidden = DistillationTask(speech, lessons, LAYOUT, recipe).draw().targets[HIDDEN_LAYER][:, :, 0]

    def within(place: float) -> int:
        return int(((hidden[:, 0] <= place) & (hidden[:, -1] >= place)).sum())

    assert within(400 - half_window(LAYOUT)) == pytest.approx(100, abs=10)
    assert within(2000) == pytest.approx(100, abs=10)


def test_too_little_speech_guides_nobody() -> None:
    with pytest.raises(KwsError, match="too little speech"):
        DistillationTask(
            *counted(20),
            LAYOUT,
            Recipe(architecture=SMALL, distillation=Distillation(passages_per_batch=2)),
        )


# Trainings


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Examples of noise, and speech whose embedding is how bright its middle filters are."""
    folder = tmp_path_factory.mktemp("material")
    random = np.random.default_rng(1)
    rows = random.normal(0, 1, (200, LAYOUT.frames, FRONT_END.mel_filters))
    labels = np.zeros((200, LAYOUT.steps), np.int8)
    labels[::2] = LAYOUT.labels(1, LAYOUT.step_ends[8])
    bright = np.repeat(np.sin(np.arange(3000) / 40), FRAMES_PER_POSITION)[:, None]
    speech = random.normal(0, 0.2, (3000 * FRAMES_PER_POSITION, FRONT_END.mel_filters))
    speech[:, 10:30] += 2 * bright
    EXAMPLES.save(
        folder,
        ExamplePool(rows.astype(np.float16), labels, (np.arange(200) % PARTITIONS).astype(np.int8)),
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


def recipe(guides: int) -> Recipe:
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
        distillation=Distillation(passages_per_batch=guides),
    )


def guiding(material: Path, parts: list[int], guides: int) -> DistillationTask:
    """A guide of some parts, whose teacher tells how bright the middle filters are."""
    speech = DistillationCorpus.load(material).select(parts)
    bright = speech.embeddings[:, :1]
    logits = np.concatenate([0 * bright, 4 * bright], axis=1)
    lessons = TeacherTargets(np.repeat(bright, HIDDEN, axis=1), logits)
    return DistillationTask(speech, lessons, LAYOUT, recipe(guides))


def apart(training, passages: AuxiliaryInputs) -> list[float]:
    """Mean squares between what the network tells of passages and what it is to tell."""
    trainer = training.trainer
    features = passages.log_mels.astype(np.float32) @ trainer.dct.numpy() + trainer.bias.numpy()
    with trainer.averaged():
        made = {name: each.numpy() for name, each in trainer.outputs(features[..., None]).items()}
    made[LOGITS] = made[LOGITS][..., 1:] - made[LOGITS][..., :1]
    wanted = {**passages.targets, LOGITS: passages.targets[LOGITS][..., 1:]}
    return [float(np.mean((made[name] - wanted[name]) ** 2)) for name in wanted]


def test_a_network_learns_what_it_is_told(material: Path, tmp_path: Path) -> None:
    """Of speech in parts that it was not trained on."""
    tensorflow()
    from kws.training.training_run import Training

    passages = guiding(material, [0, 1], 30).draw()
    guide = guiding(material, list(range(2, PARTITIONS)), 8)
    training = Training(material, ["word"], recipe(8), [0, 1], guide)
    before = np.array(apart(training, passages))
    training.run(tmp_path / "a.checkpoint", 2, lambda doing, share: None)
    wanted = {**passages.targets, LOGITS: passages.targets[LOGITS][:, :, 1]}
    variance = np.array([each.astype(float).var() for each in wanted.values()])
    left = np.array(apart(training, passages))
    assert (left < [0.2, 0.3, 0.5] * variance).all(), left / variance
    assert (left < 0.5 * before).all(), left / before


def test_a_fold_and_its_teacher_hear_nothing_that_is_held_out(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensorflow()
    from kws.training.distillation import teacher

    def taught(
        speech: DistillationCorpus,
        layout: ExampleLayout,
        classes: int,
        seed: int,
        path: Path,
        said: object,
    ) -> TeacherTargets:
        nothing = np.zeros((len(speech.partitions), HIDDEN), np.float16)
        heard.append((set(speech.partitions), classes, path))
        return TeacherTargets(nothing, nothing[:, :classes])

    monkeypatch.setattr(teacher, "teacher_targets", taught)
    heard: list[tuple[set[int], int, Path]] = []
    dataset = Dataset({"alexa": [], "jarvis": []}, [], [], [])
    for index in range(3):
        fold = Fold(index, 2, tmp_path)
        job = Job(dataset, recipe(8), fold, material, 1, 1)
        assert len(DistillationPlugin(tmp_path).make_task(job).draw().log_mels) == 8
        assert heard[index] == (set(fold.training_partitions), 3, fold.teacher)
        assert sorted([*fold.training_partitions, *fold.held_out]) == list(range(PARTITIONS))
    assert heard[0][0] == {4, 5, 6, 7}
    assert heard[2][0] == set(range(PARTITIONS))


def test_what_tells_is_kept_with_the_training_and_is_no_part_of_the_model(
    material: Path, tmp_path: Path
) -> None:
    tensorflow()
    from kws.model_file import ModelFile
    from kws.training.training_run import Training

    path = tmp_path / "a.checkpoint"
    passages = guiding(material, [0, 1], 9).draw()
    guide = guiding(material, list(range(2, PARTITIONS)), 8)
    first, second = (Training(material, ["word"], recipe(8), [0, 1], guide) for _ in range(2))
    first.run(path, 1, lambda doing, share: None)
    content = second.run(path, 1, lambda doing, share: None).content
    assert apart(first, passages) == apart(second, passages)
    without = Training(material, ["word"], recipe(0), [0, 1])
    plain = without.run(tmp_path / "b.checkpoint", 1, lambda doing, share: None).content
    sizes = [len(ModelFile.parse(each, "x.tflite").content) for each in (content, plain)]
    assert abs(sizes[0] - sizes[1]) < 100
