"""Make the examples and the negative speech that all trainings of a run share, as log mel frames.

Every example is made of the recordings of one partition. So a training leaves out a partition's
examples, and knows nothing of its voices and rooms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from kws.parallel import Cluster, workers
from kws.training.array_store import ArrayStore
from kws.training.augmentation.waveform import Samples
from kws.training.examples import ExampleGenerator
from kws.training.features import OVERSAMPLING, ExampleLayout, LogMelExtractor
from kws.training.shared_objects import map_object, store_object

CHUNK = 256  # examples made by one task
FEW = 4 * CHUNK  # examples that are made before other processes have started
# Probability of each kind of background example, methods of ExampleGenerator.
BACKGROUND = {"speech": 0.48, "lone_utterance": 0.22, "partial_keyword": 0.2, "noise_only": 0.1}
SINGLE_WORDS = 0.35  # share of the background that is single words, where there are any


@dataclass(frozen=True)
class ExamplePool:
    """Hold the examples; a training may overwrite its copy of them."""

    log_mels: npt.NDArray[np.float16]  # [n, frames, filters]
    labels: npt.NDArray[np.int8]  # [n, steps]
    partitions: npt.NDArray[np.int8]  # [n] of the split

    @staticmethod
    def load(folder: Path) -> ExamplePool:
        """Memory-map the pool of a folder; what overwrites it stays in this process's memory."""
        return EXAMPLES.load(folder, "c")

    def network_log_mels(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.float16]:
        """Return the frames of examples [n] at the network's frame rate, [n, frames, filters]."""
        return self.log_mels[indices, ::OVERSAMPLING]

    @property
    def keywords(self) -> npt.NDArray[np.int8]:
        """Return the keyword of each example, [n], from 1; 0 is background."""
        greatest: npt.NDArray[np.int8] = self.labels.max(axis=1)
        return np.maximum(greatest, 0)


@dataclass(frozen=True)
class NegativeSpeech:
    """Hold all speech without a keyword, one recording after the other, to mine negatives in."""

    log_mels: npt.NDArray[np.float16]  # [m, filters], stored frames
    partitions: npt.NDArray[np.int8]  # [m] of the split

    @staticmethod
    def load(folder: Path) -> NegativeSpeech:
        """Memory-map the speech of a folder."""
        return NEGATIVE_SPEECH.load(folder)

    def select(self, partitions: Sequence[int]) -> npt.NDArray[np.float16]:
        """Return the frames of some partitions, [m, filters]."""
        frames: npt.NDArray[np.float16] = self.log_mels[np.isin(self.partitions, partitions)]
        return frames


EXAMPLES = ArrayStore(ExamplePool, "examples")
NEGATIVE_SPEECH = ArrayStore(NegativeSpeech, "negative_speech")


def make_examples(
    generators: Sequence[ExampleGenerator],
    per_keyword: int,
    background: int,
    seed: int,
    folder: Path,
    progress: Callable[[float], None] = lambda share: None,
    cluster: Cluster | None = None,
) -> None:
    """Generate a pool of examples into a new folder; the same seed gives the same pool.

    Args:
        generators: One for each partition.
        per_keyword: About how many examples of each keyword.
        background: About how many examples without a keyword.
        seed: Of all random draws.
        folder: Where the pool is stored.
        progress: Called with the share that is done.
        cluster: Whose workers make the examples; None for processes of this machine.
    """
    tasks = list(_tasks(generators, per_keyword, background, seed))
    total = sum(len(task.kinds) for task in tasks)
    pool = _create_pool(folder, generators[0].layout, total)
    made: Iterator[_Chunk]
    if total <= FEW and not cluster:
        made = (_generate(generators[task.partition], task) for task in tasks)
    else:
        made = _by_workers(cluster, generators, tasks, folder)
    done = 0
    for (log_mels, labels), task in zip(made, tasks, strict=True):
        chunk = slice(done, done + len(task.kinds))
        pool.log_mels[chunk], pool.labels[chunk] = log_mels, labels
        pool.partitions[chunk] = task.partition
        done = chunk.stop
        progress(done / total)


def _create_pool(folder: Path, layout: ExampleLayout, total: int) -> ExamplePool:
    """Create the files of a pool of examples, to be filled."""
    return EXAMPLES.create(
        folder,
        {
            "log_mels": (np.float16, (total, layout.frames, layout.front_end.mel_filters)),
            "labels": (np.int8, (total, layout.steps)),
            "partitions": (np.int8, (total,)),
        },
    )


def store_negative_speech(
    recordings: Sequence[Sequence[Samples]], layout: ExampleLayout, folder: Path
) -> None:
    """Store the log mel frames of recordings, given by partition, in a folder.

    Each partition's recordings follow each other after the silence of an example, and once more
    with silence between them: an utterance alone is heard as something else than running speech.
    """
    extractor = LogMelExtractor(layout.oversampled)
    frames = [np.zeros((0, layout.front_end.mel_filters), np.float16)]
    partitions: list[int] = []
    for partition, group in enumerate(recordings):
        silence = np.zeros(layout.window_frames * layout.front_end.hop, np.int16)
        alone = [piece for samples in group for piece in (silence, samples)]
        samples = np.concatenate([np.zeros(layout.samples, np.int16), *group, *alone])
        frames.append(extractor.extract(samples).astype(np.float16))
        partitions += [partition] * len(frames[-1])
    speech = NegativeSpeech(np.concatenate(frames), np.array(partitions, np.int8))
    NEGATIVE_SPEECH.save(folder, speech)


@dataclass(frozen=True)
class _Task:
    partition: int
    kinds: list[int]  # keywords from 1, 0 for background
    seed: tuple[int, int, int]


_Chunk = tuple[npt.NDArray[np.float16], npt.NDArray[np.int8]]


def _tasks(
    generators: Sequence[ExampleGenerator], per_keyword: int, background: int, seed: int
) -> Iterator[_Task]:
    for partition, generator in enumerate(generators):
        kinds = [0] * round(background / len(generators))
        for keyword, utterances in enumerate(generator.keywords, 1):
            kinds += [keyword] * round(per_keyword * utterances.share)
        np.random.default_rng((seed, partition)).shuffle(kinds)
        for first in range(0, len(kinds), CHUNK):
            yield _Task(partition, kinds[first : first + CHUNK], (seed, partition, first))


def _by_workers(
    cluster: Cluster | None,
    generators: Sequence[ExampleGenerator],
    tasks: list[_Task],
    folder: Path,
) -> Iterator[_Chunk]:
    """Yield the tasks' examples; the workers map the recordings from files."""
    with (
        TemporaryDirectory(
            prefix="recordings-", dir=folder.resolve(), ignore_cleanup_errors=True
        ) as shared,
        workers(cluster) as found,
    ):
        store_object(list(generators), Path(shared))
        yield from found.map(_generate_from, ((Path(shared), task) for task in tasks))


def _generate_from(piece: tuple[Path, _Task]) -> _Chunk:
    """Generate a task's examples; the recordings stay mapped no longer than that.

    A network's file system does not remove a mapped file, and a worker may end a task that nobody
    waits for any more; mapping takes a few hundredths of what the task does.
    """
    folder, task = piece
    generators: Sequence[ExampleGenerator] = map_object(folder)
    return _generate(generators[task.partition], task)


def _generate(generator: ExampleGenerator, task: _Task) -> _Chunk:
    random = np.random.default_rng(task.seed)
    layout = generator.layout
    extractor = LogMelExtractor(layout.oversampled)
    shape = (len(task.kinds), layout.frames, layout.front_end.mel_filters)
    log_mels, labels = np.empty(shape, np.float16), np.zeros((shape[0], layout.steps), np.int8)
    for i, kind in enumerate(task.kinds):
        if kind:
            samples, labels[i] = generator.keyword(kind, random)
        else:
            name = str(random.choice(list(BACKGROUND), p=list(BACKGROUND.values())))
            if generator.single_words and random.random() < SINGLE_WORDS:
                name = "single_word"
            samples = getattr(generator, name)(random)
        log_mels[i] = extractor.extract(samples)
    return log_mels, labels
