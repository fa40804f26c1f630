"""Hold the project to its layout: what may import what, what is packaged, twins in C."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import skip_without

import kws

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kws"
SIDE_PACKAGES = (
    *("data", "evaluation", "export", "integrations", "recorder", "serve"),
    *("studio", "training", "tts"),
)
# Other programs import it; no command does.
CALL_SHAPES = "compat"
# The commands import the side packages, each when it runs.
COMMANDS = [PACKAGE / "cli.py", *sorted((PACKAGE / "commands").glob("*.py"))]
MODULES = sorted(PACKAGE.rglob("*.py"))
PIPELINE = [
    path
    for path in MODULES
    if path.relative_to(PACKAGE).parts[0]
    not in {*SIDE_PACKAGES, CALL_SHAPES, "commands", "cli.py", "__main__.py"}
]
# They know nothing of distillation, which the trainer is given as a task.
BELOW_DISTILLATION = ("model", "trainer", "losses", "batches", "mining", "training_run", "quantise")
TOP_LEVEL = {
    *(".ci", ".gitignore", "LICENSE", "Makefile", "README.md", "pyproject.toml", "ruff.toml"),
    *("audio_samples", "firmware_export", "kws", "models", "setup.cfg", "tests"),
    *("benchmarks", "deploy", "docs", "examples", "setup.py", "tools"),
    *("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "MANIFEST.in", "NOTICE", ".github"),
}
HEAVY = {"tensorflow", "keras", "matplotlib", "scipy"}


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def imports(tree: ast.AST) -> set[str]:
    """Full names of all modules that the code imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def side_packages(names: set[str]) -> set[str]:
    return {
        n
        for n in names
        for side in (*SIDE_PACKAGES, CALL_SHAPES)
        if f"{n}.".startswith(f"kws.{side}.")
    }


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", PIPELINE, ids=relative)
def test_the_pipeline_never_imports_a_side_package(path):
    names = imports(ast.parse(path.read_text()))
    assert not side_packages(names)
    assert not {name for name in names if name.split(".")[0] in HEAVY}


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.name)
def test_a_command_imports_its_package_when_it_runs(path):
    tree = ast.parse(path.read_text())
    at_start = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    for name in imports(ast.Module(at_start, [])):
        package, _, rest = name.partition(".")
        if package == "kws":
            light = {"__version__", "commands", "errors"}
            light |= {"console.error_lines", "console.interrupts"}
            assert {rest.partition(".")[0], ".".join(rest.split(".")[:2])} & light
        else:
            assert package in {*sys.stdlib_module_names, "typer"}


def test_every_side_package_is_imported_by_a_command():
    names = (side_packages(imports(ast.parse(path.read_text()))) for path in COMMANDS)
    assert {name.split(".")[1] for name in set().union(*names)} == set(SIDE_PACKAGES)


def test_no_package_imports_a_command():
    for path in MODULES:
        if path in COMMANDS or path.name == "__main__.py":
            continue
        names = imports(ast.parse(path.read_text()))
        assert not {name for name in names if f"{name}.".startswith(("kws.cli.", "kws.commands."))}


@pytest.mark.parametrize("name", BELOW_DISTILLATION)
def test_training_itself_knows_nothing_of_distillation(name):
    names = imports(ast.parse((PACKAGE / "training" / f"{name}.py").read_text()))
    assert not {name for name in names if name.startswith("kws.training.distillation")}


def test_imports_have_no_cycles():
    """Imports inside of functions count as well; those for types alone too."""
    known = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in MODULES
    }
    needed = {
        module: {
            target
            for name in imports(ast.parse(path.read_text()))
            for target in (name, name.rpartition(".")[0])
            if target in known and target != module
        }
        for module, path in known.items()
    }
    while leaves := [module for module, targets in needed.items() if not targets]:
        for leaf in leaves:
            del needed[leaf]
        for targets in needed.values():
            targets.difference_update(leaves)
    # What is left imports each other, or is imported by nothing but leads into such a circle.
    assert not needed, sorted(needed)


def test_the_name_of_a_file_or_class_is_found_once():
    """A command's file is called as the command is, whatever else has that name."""
    stems = [p.stem for p in MODULES if p.parent.name != "commands" and p.stem != "__init__"]
    classes = [
        node.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    for names in (stems, classes):
        assert not {name for name in names if names.count(name) > 1}


def loaded_by(program: str, folder: Path) -> set[str]:
    """Top-level names and kws modules that a fresh interpreter has loaded after the program."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys\nprint(*sys.modules)"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    names = done.stdout.splitlines()[-1].split()
    return {name if name.startswith("kws.") else name.split(".")[0] for name in names}


def test_importing_kws_loads_nothing_else(tmp_path):
    loaded = loaded_by("import kws", tmp_path)
    assert "kws" in loaded
    assert not loaded & {"numpy", "typer", "rich", "sounddevice", "soundfile", *HEAVY}
    assert not {name for name in loaded if name.startswith("kws.")}


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["listen", "--wav", str(ROOT / "audio_samples" / "story.flac")], "kws.backend"),
        (["export", "home", "--output", "board"], "kws.export.sketch"),
    ],
    ids=["listen", "export"],
)
def test_a_command_of_everyday_loads_no_tensorflow(tmp_path, arguments, needed):
    program = f"""
import sys
from kws.cli import main
sys.argv = ["kws", *{arguments}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    loaded = loaded_by(program, tmp_path)
    assert needed in loaded
    assert not loaded & HEAVY
    assert not {name for name in loaded if name.startswith("kws.training")}


@pytest.mark.parametrize("name", ["ring_buffer", "mfcc", "ds_cnn", "posterior", "spotter"])
def test_each_stage_has_its_twin_in_c_with_the_same_verbs(name):
    tree = ast.parse((ROOT / "kws" / f"{name}.py").read_text())
    (stage,) = (
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name.lower().endswith(name.replace("_", ""))
    )
    methods = {node.name for node in stage.body if isinstance(node, ast.FunctionDef)}
    verbs = {"reset", *({"write", "read"} if name == "ring_buffer" else {"push"})}
    assert verbs <= methods
    source = ROOT / "firmware_export" / "src"
    header, code = (source / f"{name}.{suffix}" for suffix in "hc")
    for verb in verbs:
        for text in (header.read_text(), code.read_text()):
            assert re.search(rf"^\w+ kws_{name}_{verb}\(", text, re.MULTILINE), verb


def test_every_package_is_installed(setup):
    packages = set(setup["options"]["packages"].split())
    folders = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "kws").rglob("__init__.py")
    }
    mapped = dict(re.findall(r"(\S+) = (\S+)", setup["options"]["package_dir"]))
    assert packages == {*folders, *mapped}
    for package, folder in mapped.items():
        for pattern in setup["options.package_data"][package].split(","):
            assert list((ROOT / folder).glob(pattern.strip())), f"no {pattern} in {folder}"


def test_versions_of_python_agree(setup):
    """No version is excluded in advance: wheels are of the stable ABI of the lowest one."""
    classifiers = [int(n) for n in re.findall(r":: 3\.(\d+)", setup["metadata"]["classifiers"])]
    (lowest,) = re.fullmatch(r">=3\.(\d+)", setup["options"]["python_requires"]).groups()
    assert classifiers == list(range(int(lowest), classifiers[-1] + 1))
    assert f'"py_limited_api": "cp3{lowest}"' in (ROOT / "setup.py").read_text()


def test_listening_needs_nothing_of_tensorflow(setup):
    needed = setup["options"]["install_requires"]
    assert not re.search(r"tensorflow|tflite-runtime|litert|scipy|soxr", needed)


def test_typer_alone_has_an_upper_bound_for_it_would_bring_pydantic(setup):
    needed = [line.partition(";")[0] for line in setup["options"]["install_requires"].splitlines()]
    assert [line.split()[0] for line in needed if "<" in line] == ["typer"]


def test_the_version_is_stated_once(setup):
    assert setup["metadata"]["version"] == "attr: kws.__version__"
    assert re.fullmatch(r"\d+\.\d+\.\d+", kws.__version__)


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """All files under version control, relative to the top."""
    skip_without("a git checkout", shutil.which("git") and (ROOT / ".git").exists())
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    return subprocess.check_output(command, cwd=ROOT, text=True).strip("\0").split("\0")


def test_the_top_level_is_as_promised(tracked):
    assert {name.split("/")[0] for name in tracked} == TOP_LEVEL


def test_no_file_is_large_or_a_recording_from_elsewhere(tracked):
    for name in tracked:
        # The weights of the shipped model are written as C, four to five bytes each.
        limit = 1_000_000 if name == "firmware_export/src/kws_model.c" else 300_000
        assert (ROOT / name).stat().st_size < limit, name
        if Path(name).suffix in {".wav", ".flac", ".ogg", ".opus", ".mp3"}:
            assert name.startswith("audio_samples/")


@pytest.mark.parametrize("target", ["help", "demo", "test", "lint", "firmware", "system-packages"])
def test_make_knows_its_targets(target):
    skip_without("make", shutil.which("make"))
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def test_ci_can_be_run():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
