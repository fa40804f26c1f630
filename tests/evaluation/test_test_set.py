"""Test how recordings are read and mixed with noise."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import skip_without
from evaluation_samples import sample_set, word, write_samples
from small_models import synthetic_audio

from kws.audio.audio_file import read_each
from kws.config import SAMPLE_RATE
from kws.evaluation import block_stream
from kws.evaluation.block_stream import BLOCK
from kws.evaluation.noise_mixing import FRAME, mix_with_noise
from kws.evaluation.test_set import EvaluationSet


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_samples(tmp_path_factory.mktemp("set"))


@pytest.mark.parametrize("snr", [-5.0, 0.0, 10.0, 25.0])
def test_noise_is_mixed_in_by_the_definition(snr: float) -> None:
    random = np.random.default_rng(1)
    word = np.pad(random.normal(0, 2000, 6 * FRAME), (5 * FRAME, 9 * FRAME))
    recording = word.round().astype(np.int16)
    noise = (random.normal(0, 300, 100 * FRAME) * np.linspace(0.1, 1, 100 * FRAME)).astype(np.int16)
    (mixed,) = mix_with_noise([recording], noise, snr, seed=3)
    added = mixed.astype(float) - recording

    def loudest(samples: np.ndarray) -> float:
        return max((frame.astype(float) ** 2).sum() for frame in samples.reshape(-1, FRAME))

    assert mixed.dtype == np.int16
    assert 10 * np.log10(loudest(recording) / loudest(added)) == pytest.approx(snr, abs=0.05)


def test_noise_of_any_length_is_enough() -> None:
    recordings = [synthetic_audio(0.5, seed) for seed in (1, 2)]
    noise = np.arange(-500, 500, 7).astype(np.int16)
    first, again = (list(mix_with_noise(recordings, noise, 10, seed=1)) for _ in range(2))
    assert [len(samples) for samples in first] == [8000, 8000]
    assert all(map(np.array_equal, first, again))
    (other,) = mix_with_noise(recordings[:1], noise, 10, seed=2)
    assert not np.array_equal(first[0], other)


def test_silence_as_noise_changes_nothing() -> None:
    samples = synthetic_audio(0.5)
    (mixed,) = mix_with_noise([samples], np.zeros(100, np.int16), 10, seed=1)
    assert np.array_equal(mixed, samples)


@pytest.mark.parametrize("noise", [False, True], ids=["clean", "noise"])
def test_every_pass_reads_the_same(folders: Path, noise: bool) -> None:
    test_set = sample_set(folders, noise)
    for passes in zip(test_set.negative_blocks(), test_set.negative_blocks(), strict=True):
        first, again = passes
        assert first.path == again.path
        assert np.array_equal(first.mixed, again.mixed)
        assert np.array_equal(first.mixed, first.clean) == (not noise)


@pytest.mark.parametrize("kept", [0, 1, 15])
@pytest.mark.parametrize("noise", [False, True], ids=["clean", "noise"])
def test_blocks_are_the_recordings_mixed_as_a_whole(
    tmp_path: Path, noise: bool, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_stream, "KEPT_BLOCKS", kept)
    random = np.random.default_rng(5)
    lengths = (1, 511, 512, 700, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 513, 3 * BLOCK)
    for number, length in enumerate(lengths):
        samples = random.normal(0, 2000 * random.random(), length).round().astype(np.int16)
        soundfile.write(tmp_path / f"{number}.wav", samples, SAMPLE_RATE)
    (tmp_path / "5x.wav").write_text("no audio")
    paths = sorted(tmp_path.iterdir())
    sound = random.normal(0, 500, 20_000).astype(np.int16) if noise else None
    blocks: dict[Path, list[np.ndarray]] = {}
    for block in EvaluationSet({}, paths, sound, 3.0).negative_blocks():
        whole = blocks.setdefault(block.path, [])
        assert block.start == sum(map(len, whole))
        whole.append(block.mixed)
    recordings = [samples for _, samples in read_each(paths, warn=False)]
    expected = recordings if sound is None else [*mix_with_noise(recordings, sound, 3.0, 0)]
    assert len(expected) == len(blocks) == len(lengths)
    for samples, parts in zip(expected, blocks.values(), strict=True):
        assert np.array_equal(np.concatenate(parts), samples)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_hours(tmp_path: Path) -> None:
    """Evaluate on 2 h of silence in one file, of which samples alone are 230 MB."""
    skip_without("/proc/self/status", Path("/proc/self/status").exists())
    (tmp_path / "computer").mkdir()
    soundfile.write(tmp_path / "computer" / "a.wav", word("computer_lights"), SAMPLE_RATE)
    (tmp_path / "_negatives").mkdir()
    with soundfile.SoundFile(tmp_path / "_negatives" / "a.flac", "w", SAMPLE_RATE, 1) as file:
        for _ in range(120):
            file.write(np.zeros(60 * SAMPLE_RATE, np.int16))
    code = (
        "import sys; sys.argv[1:] = ['evaluate', 'home', '--json',"
        f" '--positives', {str(tmp_path)!r}, '--negatives', {str(tmp_path / '_negatives')!r}]\n"
        "from kws.cli import main\n"
        "try: main()\n"
        "finally: print(open('/proc/self/status').read(), file=sys.stderr)"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert json.loads(process.stdout)["hours"] == 2
    # Not ru_maxrss, which a process takes over from the one that started it.
    (peak,) = (line for line in process.stderr.splitlines() if line.startswith("VmHWM:"))
    assert int(peak.split()[1]) < 200_000  # KiB
