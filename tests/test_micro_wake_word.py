"""Test that models of microWakeWord decide as in the programs that they were made for."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from command_line import ROOT, kws, refused
from conftest import skip_without

PACKAGES = ("pymicro_features", "pymicro_wakeword", "tflite_micro", "tensorflow")
skip_without("the extra dev", all(map(find_spec, PACKAGES)))

import micro_wake_words as others  # noqa: E402
from stateful_models import manifest, write_pair  # noqa: E402

from kws.audio.audio_file import read_each  # noqa: E402
from kws.backend import BACKENDS, Spotter, open_mfcc  # noqa: E402
from kws.config import MICRO, ModelConfig  # noqa: E402
from kws.errors import KwsError  # noqa: E402
from kws.evaluation.scores import Scorer, score_recordings  # noqa: E402
from kws.export.formats import FORMATS, export_as  # noqa: E402
from kws.micro_wake_word import threshold_of  # noqa: E402
from kws.model_file import ModelFile  # noqa: E402
from kws.posterior import Posterior, quantise_threshold  # noqa: E402
from kws.training.architecture import Architecture  # noqa: E402

SHIPPED = sorted((Path(others.pymicro_wakeword.__file__).parent / "models").glob("*.json"))
Samples = npt.NDArray[np.int16]


@pytest.fixture(scope="module")
def recordings() -> list[Samples]:
    paths = [ROOT / "audio_samples" / f"{name}.flac" for name in ("alexa_timer", "jarvis_door")]
    return [samples for _, samples in read_each(paths, warn=True)]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pair(tmp_path_factory.mktemp("pair"))


@pytest.mark.slow
@pytest.mark.parametrize("pair", SHIPPED, ids=lambda path: path.stem)
def test_models_of_others_decide_as_elsewhere(pair: Path, recordings: list[Samples]) -> None:
    found = others.compare(pair, recordings)
    assert found.is_equal
    assert found.steps == found.equal_to_tflm > 100
    assert found.detections == (1 if pair.stem == "alexa" else 0)


def test_the_rule_is_that_of_pymicro_wakeword(path: Path, recordings: list[Samples]) -> None:
    """Compare many detections, of speech that sounds like anything to random weights."""
    model, detections = ModelFile.load(path), 0
    for samples in recordings:
        scores = others.Tflm(model).scores(open_mfcc(MICRO).push(samples)) / 256
        exceeded = [i > 1 and mean(scores[i - 2 : i + 1]) > 0.5 for i in range(len(scores))]
        expected = others.detections(exceeded, model.config)
        assert [found.sample for found in Spotter(model).push(samples)] == expected
        detections += len(expected)
    assert detections > 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_division_into_pushes_changes_nothing(
    path: Path, recordings: list[Samples], backend: str
) -> None:
    samples = recordings[0]
    expected = Spotter(path).push(samples)
    assert expected
    spotter = Spotter(path.with_suffix(".json"), backend)
    for _ in range(2):
        parts = np.split(samples, [1, 400, 481, 1000, 30_000])
        assert [found for part in parts for found in spotter.push(part)] == expected
        spotter.reset()


def test_a_threshold_exceeds_a_cutoff_as_the_mean_does() -> None:
    for window in (1, 2, 3, 5, 10, 37, 64):
        for cutoff in (0.0, 0.05, 0.5, 0.7, 0.83, 0.85, 0.9, 0.95, 0.97, 0.99, 255 / 256, 1.0):
            threshold = quantise_threshold(threshold_of(cutoff, window))
            for total in range(255 * window + 1):
                assert (total * 128 // window >= threshold) == (total / (256 * window) > cutoff)
    probabilities = [230 / 256, 231 / 256, 229 / 256, 232 / 256, 230 / 256]
    assert mean(probabilities) == 1152 / 1280 == 0.9  # what pymicro-wakeword compares


def test_a_cutoff_that_nothing_exceeds_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ModelFile.load(write_pair(tmp_path, probability_cutoff=0.996))
    assert not caplog.messages
    for cutoff in (0.997, 1.0):
        ModelFile.load(write_pair(tmp_path, probability_cutoff=cutoff))
        (message,) = caplog.messages
        assert f"hey_kws.json: probability_cutoff {cutoff:g} is more than any mean" in message
        caplog.clear()


def test_no_average_is_of_less_than_a_window(path: Path) -> None:
    config = ModelFile.load(path).config
    posterior = Posterior(config, 1 / 256, 3)
    high = np.full((1, 1), 127, np.int8)
    assert [int(posterior.smooth(high)[0, 0]) for _ in range(4)] == [0, 0, 255 * 128, 255 * 128]
    posterior.reset()
    assert posterior.smooth(np.full((4, 1), 127, np.int8))[:, 0].tolist() == [0, 0, 32640, 32640]
    assert len(posterior.push(np.zeros((0, 1), np.int8))) == 0


def test_the_settings_are_those_of_the_manifest(path: Path) -> None:
    config = ModelFile.load(path).config
    assert config.keywords == config.classes == ("Hey kws",)
    assert (config.stride, config.front_end, config.gate.on) == (3, MICRO, False)
    assert (config.smoothing.smooth_steps, config.smoothing.max_steps) == (3, 1)
    assert config.card["author"] == "nobody"
    assert ModelFile.load(path) == ModelFile.load(path.with_suffix(".json"))
    with pytest.raises(KwsError, match="unknown key micro_wake_word"):
        ModelConfig.from_dict(config.to_dict())


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda m: m.update(version=1), "not the manifest of a microWakeWord model of version 2"),
        (lambda m: m.update(model="../x.tflite"), "model '../x.tflite' is not a .tflite file next"),
        (lambda m: m.update(model="https://a/x.tflite"), "is not a .tflite file next to it"),
        (lambda m: m.update(model=None), "model None is not a .tflite file next to it"),
        (lambda m: m.update(wake_word=7), "wake_word 7 is not what microWakeWord has there"),
        (lambda m: m.update(wake_word=" "), "a keyword is empty"),
        (lambda m: m.pop("micro"), "micro None is not what microWakeWord has there"),
        (lambda m: m["micro"].update(feature_step_size=20), "feature_step_size 20 is not 10 ms"),
        (lambda m: m["micro"].update(probability_cutoff=1.5), "probability_cutoff 1.5 is not 0"),
        (lambda m: m["micro"].update(probability_cutoff=True), "probability_cutoff True is not"),
        (lambda m: m["micro"].update(sliding_window_size=0), "smooth_steps 0 is not 1 to 64"),
        (lambda m: m["micro"].update(sliding_window_size=10**9), "smooth_steps 1000000000 is not"),
    ],
)
def test_manifests_are_refused(path: Path, tmp_path: Path, change: Change, problem: str) -> None:
    values = manifest()
    change(values)
    pair = tmp_path / "hey_kws.json"
    pair.write_text(json.dumps(values))
    pair.with_suffix(".tflite").write_bytes(path.read_bytes())
    with pytest.raises(KwsError, match=rf"hey_kws\.json: .*{problem}") as refusal:
        ModelFile.load(pair)
    assert "\n" not in str(refusal.value)


def test_pairs_are_refused_where_something_is_missing(path: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.tflite"
    alone.write_bytes(path.read_bytes())
    with pytest.raises(KwsError, match=r"not one made by kws train; a model of microWakeWord has"):
        ModelFile.load(alone)
    alone.with_suffix(".json").write_text("{")
    with pytest.raises(KwsError, match=r"alone\.json: not JSON"):
        ModelFile.load(alone)
    alone.unlink()
    alone.with_suffix(".json").write_text(json.dumps(manifest()))
    with pytest.raises(KwsError, match=r"hey_kws\.tflite: No such file"):
        ModelFile.load(alone.with_suffix(".json"))


def test_a_manifest_of_another_network_is_refused(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tflite"
    other.write_bytes(path.read_bytes())
    other.with_suffix(".json").write_text(json.dumps(manifest()))
    with pytest.raises(KwsError, match=r"other\.json: describes hey_kws\.tflite, not other\.tfl"):
        ModelFile.load(other)


def test_the_hash_covers_the_manifest(path: Path, tmp_path: Path) -> None:
    other = write_pair(tmp_path, probability_cutoff=0.75)
    assert other.read_bytes() == path.read_bytes()
    assert ModelFile.load(other).sha256 != ModelFile.load(path).sha256
    assert ModelFile.load(path).sha256 == ModelFile.load(path.with_suffix(".json")).sha256


def test_they_are_exported_in_every_format_but_their_own(path: Path, tmp_path: Path) -> None:
    for format_name in set(FORMATS) - {"esphome"}:
        written = []
        for number, named in enumerate((path, path.with_suffix(".json"))):
            folder = tmp_path / f"{format_name}-{number}"
            files = export_as(format_name, [str(named)], (), folder)
            names = {each.relative_to(folder).as_posix() for each in files}
            assert any(name.endswith(("kws.wasm", "micro_frontend.c")) for name in names)
            written.append(names)
        assert written[0] == written[1]
    with pytest.raises(KwsError, match="hey_kws: is a microWakeWord model already"):
        export_as("esphome", [str(path)], (), tmp_path / "out")
    with pytest.raises(KwsError, match="TFLM's microfrontend has no arithmetic 'fixed'"):
        export_as("c", [str(path)], (), tmp_path / "out", "fixed")
    assert not (tmp_path / "out").exists()
    (broken := tmp_path / "broken.json").write_text("{")
    with pytest.raises(KwsError, match=r"broken\.json: not JSON"):
        export_as("c", [str(broken)], (), tmp_path / "out")
    with pytest.raises(KwsError, match="its network is not one that kws trains"):
        Architecture.of(ModelFile.load(path))


def test_scores_of_an_evaluation_are_those_of_the_spotter(
    path: Path, recordings: list[Samples]
) -> None:
    model = ModelFile.load(path)
    scorer, spotter = Scorer(model), Spotter(model)
    found = score_recordings(scorer, {"Hey kws": recordings}, recordings)
    for samples, peak in zip(recordings, found.positives["Hey kws"], strict=True):
        spotter.reset()
        spotter.push(np.concatenate([samples, np.zeros(8000, np.int16)]))
        assert spotter.scores == {"Hey kws": peak / 32768}
    assert not scorer.is_divisible  # the front end adapts to all that it has heard


def test_there_is_one_arithmetic_of_the_microfrontend(path: Path) -> None:
    model = ModelFile.load(path)
    assert model.with_arithmetic("float") == model
    with pytest.raises(KwsError, match="TFLM's microfrontend has no arithmetic 'fixed'"):
        model.with_arithmetic("fixed")


@pytest.mark.slow
def test_the_commands(path: Path, tmp_path: Path) -> None:
    shown = kws("info", path).stdout
    assert "TFLM's microfrontend" in shown
    assert "Hey kws (threshold 0.50" in shown
    sample = ROOT / "audio_samples" / "alexa_timer.flac"
    lines = kws("listen", "--wav", sample, "--model", path, "--json").stdout.splitlines()
    times = [round(json.loads(line)["time"] * 16_000) for line in lines if "Hey kws" in line]
    (samples,) = [samples for _, samples in read_each([sample], warn=True)]
    flushed = np.concatenate([samples, np.zeros(8000, np.int16)])
    assert len(times) == len(Spotter(path).push(flushed)) > 0
    assert "a microWakeWord model already" in refused(
        kws("export", path, "--format", "esphome", "--output", tmp_path / "x")
    )
