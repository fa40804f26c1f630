"""Test that an exported folder decides in Node as Python does, and holds what it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from command_line import ROOT, SAMPLES, kws, refused
from conftest import skip_without
from node_detector import detect, expected, node
from small_models import COMMITTEES, MODELS, first_network, synthetic_audio

from kws.audio.audio_file import read_audio
from kws.backend import Spotter
from kws.errors import KwsError
from kws.export.web_folder import export, web_files
from kws.model_file import ModelFile
from kws.posterior import quantise_threshold
from kws.sensitivity import Sensitivity, store, threshold_at
from kws.spotter import NumpySpotter

models = pytest.mark.parametrize("model", [*MODELS, *COMMITTEES], ids=lambda model: model.__name__)


def written(model: ModelFile, folder: Path) -> Path:
    """Write the files of a folder for browsers; return it."""
    folder.mkdir(exist_ok=True)
    for name, content in web_files(model).items():
        if isinstance(content, str):
            (folder / name).write_text(content, "utf-8")
        else:
            (folder / name).write_bytes(content)
    return folder


@models
def test_detections_and_scores_are_those_of_python(
    model: Callable[[], ModelFile], tmp_path: Path
) -> None:
    samples = synthetic_audio(12, seed=3)
    for each in (model(), model().without_gate()):
        lines = detect(written(each, tmp_path), [samples], "--scores")
        assert lines == expected(NumpySpotter(each), samples)
        assert sum("keyword" in line for line in lines) > 3


@pytest.mark.parametrize("kind", ["plain", "attention", "inception"])
def test_a_model_of_microwakeword_decides_as_in_python(kind: str, tmp_path: Path) -> None:
    skip_without("the extra dev", all(map(find_spec, ("pymicro_features", "tensorflow"))))
    from stateful_models import write_pair

    model = ModelFile.load(write_pair(tmp_path, kind))
    samples = synthetic_audio(6, seed=3)
    lines = detect(written(model, tmp_path / "web"), [samples], "--scores")
    assert lines == expected(NumpySpotter(model), samples)
    assert sum("keyword" in line for line in lines) > 1


def test_a_model_that_adds_what_all_bins_give_decides_as_in_python(tmp_path: Path) -> None:
    skip_without("TensorFlow, whose schema is needed", find_spec("tensorflow"))
    from broadcast_models import broadcast_model

    model = ModelFile.parse(broadcast_model(), "broadcast.tflite").without_gate()
    samples = synthetic_audio(6, seed=3)
    lines = detect(written(model, tmp_path / "web"), [samples], "--scores")
    assert lines == expected(NumpySpotter(model), samples)
    assert sum("keyword" in line for line in lines) > 1


@pytest.mark.parametrize(
    "of_home",
    [lambda home: home, first_network, lambda home: home.with_arithmetic("fixed")],
    ids=["all", "first", "fixed point"],
)
def test_the_shipped_samples_give_the_same_lines(
    of_home: Callable[[ModelFile], ModelFile], tmp_path: Path
) -> None:
    """Compare the whole committee and one network."""
    model = of_home(ModelFile.load())
    package = written(model, tmp_path)
    spotter, wanted = Spotter(model), []
    recordings = [read_audio(file) for file in sorted(SAMPLES.glob("*.flac"))]
    for index, samples in enumerate(recordings):
        spotter.reset()
        lines = expected(spotter, samples)
        wanted += [line | {"file": index} for line in lines if "keyword" in line]
    assert detect(package, recordings) == wanted
    assert len(wanted) >= 8


def test_the_folder_is_a_page_and_a_package_that_name_what_is_there(tmp_path: Path) -> None:
    done = kws("export", "home", "--format", "web", "--output", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "kws_home_web"
    files = {path.name: path for path in folder.iterdir()}
    assert set(done.stdout.split()) == set(map(str, files.values()))
    package = json.loads(files["package.json"].read_text())
    assert package["name"] == "kws-home"
    assert {*package["files"], "package.json", "kws_export.sha256"} == set(files)
    named = {package["main"], package["types"], *package["sideEffects"]}
    named |= set(re.findall(r'(?:href|src)="([^":]+)"', files["index.html"].read_text()))
    (kept,) = re.findall(r"const FILES = \[(.*?)\];", files["offline.js"].read_text(), re.DOTALL)
    kept = set(re.findall(r'"([^"]+)"', kept))
    assert kept == {"./", *(n for n in files if n.endswith((".js", ".css", ".wasm", ".bin")))} - {
        "offline.js"
    }
    for path in files.values():
        if path.suffix == ".js":
            named |= set(re.findall(r'from "([^"]+)"', path.read_text("utf-8")))
    assert {name.removeprefix("./") for name in named} <= set(files)


def test_nothing_names_another_host(tmp_path: Path) -> None:
    for name, content in web_files(ModelFile.load()).items():
        if isinstance(content, str):
            addresses = set(re.findall(r"https?://[^\s\"']+", content))
            assert addresses <= {"http://www.w3.org/2000/svg"}, name


def test_an_export_repeats_and_keeps_what_was_changed(tmp_path: Path) -> None:
    written_first = export("home", tmp_path, "lamp")
    contents = [path.read_bytes() for path in written_first]
    assert export("home", tmp_path, "lamp") == written_first
    assert [path.read_bytes() for path in written_first] == contents
    changed = tmp_path / "kws_lamp_web" / "model.bin"
    changed.write_bytes(b"mine")
    with pytest.raises(KwsError, match="changed since"):
        export("home", tmp_path, "lamp")
    assert changed.read_bytes() == b"mine"


def test_a_network_alone_and_several_models_are_refused(tmp_path: Path) -> None:
    plain = tmp_path / "plain.tflite"
    plain.write_bytes(b"\0\0\0\0TFL3")
    for models_ in ([plain], ["home", "home"]):
        done = kws("export", *models_, "--format", "web", "--output", tmp_path / "out")
        assert refused(done)
    assert not (tmp_path / "out").exists()


THRESHOLDS = """
const { load } = await import(new URL("kws.js", `file://${process.argv[2]}/`));
const { thresholdsAt } = await import(new URL("detector.js", `file://${process.argv[2]}/`));
const { info } = await load({ files: `file://${process.argv[2]}/` });
const refused = (sensitivity) => {
  try { thresholdsAt(info, sensitivity); return false; } catch { return true; }
};
const levels = JSON.parse(process.argv[3]);
console.log(JSON.stringify([
  levels.map((level) => thresholdsAt(info, level)),
  [-0.1, 1.1, NaN, "medium", "__proto__"].map(refused),
]));
"""


@pytest.mark.parametrize("stored", [True, False])
def test_thresholds_follow_the_sensitivity_as_in_python(stored: bool, tmp_path: Path) -> None:
    model, levels = ModelFile.load(), [0, 0.123, 0.5, 0.77, 1]
    config = replace(model.config, card={}, thresholds=(0.7, 0.612, 0.9, 0.3))
    if stored:
        low, high = (
            Sensitivity((0.97, 0.8, 0.99, 0.7), 0.1),
            Sensitivity((0.3, 0.21, 0.5, 0.2), 2.0),
        )
        config = store(config, {"low": low, "high": high})
    folder = written(replace(model, config=config), tmp_path)
    found, refusals = json.loads(node(THRESHOLDS, folder, json.dumps(levels)))
    assert refusals == [True] * 5
    for level, thresholds in zip(levels, found, strict=True):
        for index, threshold in enumerate(thresholds):
            wanted = threshold_at(config, index, level)
            assert quantise_threshold(threshold) == quantise_threshold(wanted), level


REFUSALS = r"""
import { readFile } from "node:fs/promises";
const base = new URL(`file://${process.argv[2]}/`);
const { Detector, load } = await import(new URL("kws.js", base));
const { engine, model } = await load({ files: base });
const compiled = await WebAssembly.compile(engine);
const bytes = new Uint8Array(model), text = new TextDecoder("latin1").decode(bytes);
const layout = bytes.slice();
layout[text.indexOf('"layout": ') + 10] ^= 1;
const other = bytes.slice();
other[4] = 9;
const message = (content) => {
  try { new Detector(compiled, content.buffer); return "nothing"; } catch (e) { return e.message; }
};
const detector = new Detector(compiled, model);
const thresholds = (values) => {
  try { detector.useThresholds(values); return "nothing"; } catch (e) { return e.message; }
};
console.log([
  message(new Uint8Array(3)), message(bytes.slice(0, 40)), message(other), message(layout),
  thresholds([0.5]), thresholds([0.5, 2, 0.5, 0.5]),
].join("\n"));
"""


def test_files_of_other_versions_are_refused_in_one_line(tmp_path: Path) -> None:
    lines = node(REFUSALS, written(ModelFile.load(), tmp_path)).splitlines()
    expected_words = ["not a model", "cut off", "another version", "different versions"]
    expected_words += ["one per keyword", "one per keyword"]
    assert len(lines) == len(expected_words)
    for line, words in zip(lines, expected_words, strict=True):
        assert line.startswith("kws: ")
        assert words in line


RESAMPLE = """
const { Resampler } = await import(`file://${process.argv[2]}/resampler.js`);
const rate = Number(process.argv[3]);
const tone = (hertz, at, seconds) =>
  Float32Array.from({ length: at * seconds }, (_, n) => Math.sin(2 * Math.PI * hertz * n / at));
const run = (samples, block) => {
  const resampler = new Resampler(rate, 16000), found = [];
  for (let i = 0; i < samples.length; i += block)
    found.push(...resampler.push(samples.subarray(i, i + block)));
  return found;
};
const difference = (found, wanted) =>  // away from both ends
  Math.max(...found.slice(200, -200).map((sample, n) => Math.abs(sample - wanted[n + 200])));
const low = run(tone(1000, rate, 1), 128);
console.log(JSON.stringify([
  low.length,
  difference(low, tone(1000, 16000, 1)),
  difference(run(tone(10000, rate, 1), 128), new Float32Array(16000)),
  run(tone(1000, rate, 1), 1000).every((sample, n) => sample === low[n]),
]));
"""


@pytest.mark.parametrize("rate", [48_000, 44_100, 96_000])
def test_other_rates_are_converted(rate: int, tmp_path: Path) -> None:
    length, passed, stopped, equal = json.loads(node(RESAMPLE, ROOT / "kws" / "web", rate))
    assert 15_900 < length <= 16_000
    assert passed < 1e-3
    assert stopped < 1e-3
    assert equal


def test_no_name_of_a_model_is_code(tmp_path: Path) -> None:
    """Names reach the folder in model.bin and, as letters and digits, in package.json alone."""
    name = "</script><b>`x`"
    plain = web_files(ModelFile.load())
    for file, content in web_files(replace(ModelFile.load(), name=name)).items():
        if file == "package.json":
            assert re.fullmatch(r"kws[a-z0-9-]+", json.loads(content)["name"])
        elif file != "model.bin":
            assert content == plain[file]
