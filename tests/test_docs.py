"""Check the documentation against the code: links, commands, files, the map of modules."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from command_line import ROOT
from module_map import PAGE, first_sentence, module_map, with_map
from typer.main import get_command
from waiting import PATIENCE

from kws import __version__
from kws.cli import app
from kws.export.formats import export_as

SKIPPED = {".venv", "build", "dist", ".pytest_cache", "node_modules"}
PAGES = sorted(
    path for path in ROOT.rglob("*.md") if not SKIPPED & set(path.relative_to(ROOT).parts)
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# A command line in a block of code or in backticks, up to a comment, a pipe or the end.
COMMAND = re.compile(r"(?m)(?:^ {4}|`|\| |&& )(kws [a-z][^`#|\n]*)")
SCRIPT = re.compile(r"python ((?:benchmarks|tools|audio_samples|examples)/[\w/]+\.py)")
TARGET = re.compile(r"(?:`|^ {4})(?:[A-Z]+=\S+ )?make ([a-z][a-z-]*)", re.MULTILINE)
FILE = re.compile(
    r"`((?:kws|tools|benchmarks|tests|examples|firmware_export|models|docs|audio_samples)/[\w/.*-]+\.\w+)`"
)
EXTRA = re.compile(r"pip install '(?:kws|\.)\[(\w+)\]'")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def options() -> dict[str, set[str]]:
    """Return the options of each command, by the words that call it."""
    found = {}

    def add(words: str, command) -> None:
        if hasattr(command, "commands"):
            for word, child in command.commands.items():
                add(f"{words} {word}", child)
        else:
            names = {option for parameter in command.params for option in parameter.opts}
            found[words] = names | {"--help"}

    add("kws", get_command(app))
    return found


def command_lines(page: Path) -> Iterator[str]:
    """Yield the command lines of kws in a page; a backslash joins lines."""
    yield from COMMAND.findall(re.sub(r"\\\n\s*", "", page.read_text("utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files(page):
    for target in LINK.findall(page.read_text("utf-8")):
        if not re.match(r"[a-z]+:", target) and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_command_lines_name_options_that_exist(page):
    for line in command_lines(page):
        words = line.split()
        called = next(
            (words[:count] for count in (3, 2) if " ".join(words[:count]) in options()), None
        )
        if called is None:  # `kws data`, or a line of prose
            assert " ".join(words[:2]) in {"kws data", "kws home"} or "-" not in line, line
            continue
        given = {word.partition("=")[0] for word in words if re.match(r"\[?--[a-z]", word)}
        unknown = {word.strip("[],.;)") for word in given} - options()[" ".join(called)]
        assert not unknown, line


def test_there_are_command_lines():
    assert sum(len(list(command_lines(page))) for page in PAGES) > 30


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_targets_and_extras_exist(page):
    text = page.read_text("utf-8")
    for script in SCRIPT.findall(text):
        assert (ROOT / script).exists(), script
    if page.name != "CHANGELOG.md":
        for pattern in FILE.findall(text):
            assert list(ROOT.glob(pattern)), pattern
    makefile = (ROOT / "Makefile").read_text()
    for target in set(TARGET.findall(text)):
        assert re.search(rf"^[a-z -]*\b{target}\b[a-z -]*:", makefile, re.MULTILINE), target
    for extra in EXTRA.findall(text):
        assert f"\n{extra} =\n" in (ROOT / "setup.cfg").read_text(), extra


def test_every_extra_is_in_the_table_of_installing():
    extras = (ROOT / "setup.cfg").read_text().partition("[options.extras_require]")[2]
    names = set(re.findall(r"(?m)^(\w+) =$", extras.partition("\n[")[0])) - {"test", "dev"}
    table = (ROOT / "docs" / "install.md").read_text("utf-8")
    assert names == set(re.findall(r"(?m)^\| `(\w+)` \|", table))


@pytest.mark.parametrize(
    ("model", "arithmetic"), [("home", "float"), ("home-small", "float"), ("home-small", "fixed")]
)
def test_the_sizes_of_the_pages_are_those_of_the_reports(tmp_path, model, arithmetic):
    written = export_as("arduino-sketch", [model], (), tmp_path, arithmetic)
    (report,) = (path.read_text("utf-8") for path in written if path.name == "report.txt")
    flash, whole = re.findall(r"(?m)^total +([\d,]+)  ", report)[:2]
    sketch = re.findall(r"(?m)^sketch's .*?  +([\d,]+) .*%", report.partition("\nRAM\n")[2])
    alone = number_of(whole) - sum(map(number_of, sketch))
    row = f"| `{model}` | {arithmetic} | {flash} bytes | {alone:,} bytes | {whole} bytes |"
    assert row in (ROOT / "docs" / "boards.md").read_text("utf-8")
    if model == "home-small":
        card = " ".join((ROOT / "models" / "home-small.md").read_text("utf-8").split())
        assert f"{flash} bytes of flash" in card
        assert f"{alone:,} bytes of RAM" in card


def number_of(size: str) -> int:
    return int(size.replace(",", ""))


def test_the_map_of_modules_is_as_the_docstrings_are():
    page = PAGE.read_text("utf-8")
    modules = [path for path in (ROOT / "kws").rglob("*.py") if path.name != "__init__.py"]
    for path in modules:
        assert f"](../{name(path)}) | " in page, f"{name(path)}: run python tools/module_map.py"
    assert page == with_map(page, module_map()), "run python tools/module_map.py"


def test_the_first_sentence_of_a_docstring(tmp_path):
    module = tmp_path / "module.py"
    module.write_text('"""Extract features of a\nstream of samples.\n\nEnd."""\n')
    assert first_sentence(module) == "Extract features of a stream of samples."


def test_the_glossary_is_sorted_and_names_each_term_once():
    rows = (ROOT / "docs" / "glossary.md").read_text("utf-8").splitlines()
    terms = [row.split("|")[1].strip() for row in rows if row.startswith("| ")][1:]
    assert len(terms) > 50
    assert terms == sorted(set(terms), key=str.casefold)


def test_each_experiment_is_in_the_table():
    folder = ROOT / "docs" / "experiments"
    table = (folder / "README.md").read_text("utf-8")
    for page in folder.glob("*.md"):
        assert page.name == "README.md" or f"]({page.name})" in table, page.name


def test_the_model_card_is_short():
    lines = (ROOT / "models" / "home.md").read_text("utf-8").splitlines()
    assert len([line for line in lines if not line.startswith(("|", "<!--"))]) <= 100


def test_readme_names_the_system_packages():
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    (packages,) = re.findall(r"^PACKAGES := (.*)$", makefile, re.MULTILINE)
    readme = (ROOT / "README.md").read_text("utf-8")
    for package in packages.split():
        assert re.search(rf"(?<![\w-]){re.escape(package)}(?![\w-])", readme), package


def test_the_python_of_readme_runs():
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    found = [re.fullmatch(r"\d+\.\d\d s  (.+)  0\.\d\d", line) for line in done.stdout.splitlines()]
    assert [match and match.group(1) for match in found] == [
        *("computer", "jarvis", "alexa", "smart mirror")
    ]


def test_the_version_is_the_same_everywhere():
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\n## {__version__} - " in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_modules_that_the_architecture_names_exist():
    named = re.findall(r"`([a-z_0-9]+/[\w/.]+)`", PAGE.read_text("utf-8"))
    assert len(named) > 15
    for path in named:
        places = [ROOT / path, ROOT / "kws" / path, ROOT / "kws" / "training" / path]
        assert any(p.exists() or p.with_suffix(".py").exists() for p in places), path


def may_import() -> dict[str, set[str]]:
    """Return the side packages that each of them may import, as the architecture's table has it."""
    section = PAGE.read_text("utf-8").partition("## What may import what")[2]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
    return {package: set(re.findall(r"`(\w+)`", allowed)) for package, allowed in rows}


def test_every_side_package_is_in_the_table():
    packages = {path.parent.name for path in (ROOT / "kws").glob("*/__init__.py")}
    assert set(may_import()) == packages - {"actions", "audio", "engine"}


@pytest.mark.parametrize("package", [p for p in may_import() if p != "commands"])
def test_a_package_imports_what_the_architecture_allows(package):
    imported = set()
    for path in (ROOT / "kws" / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            imported |= {name.split(".")[1] for name in names if name.startswith("kws.")}
    assert imported & {*may_import(), "cli"} <= {package, *may_import()[package]}


def test_the_memory_plan_is_that_of_the_report():
    report = (ROOT / "firmware_export" / "report.txt").read_text("utf-8")
    parts = re.findall(
        r"(?m)^(\S.*?)  +([\d,]+) .*%",
        report.partition("\nRAM\n")[2].partition("\nInstructions\n")[0],
    )
    assert len(parts) > 8
    for part, size in parts:
        assert f"\n| {part} | {size} |\n" in PAGE.read_text("utf-8"), part
