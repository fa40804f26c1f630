"""Build what is released, install it where nothing else is, and listen with it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import skip_without

ROOT = Path(__file__).parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"


def run(*command: object, **variables: str) -> str:
    """Return what a program prints, which must succeed."""
    done = subprocess.run(
        [str(each) for each in command],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the source distribution, and the wheel that was made of it, both with links."""
    for package in ("build", "twine", "abi3audit"):
        skip_without(package, find_spec(package))
    folder = tmp_path_factory.mktemp("dist")
    address = {"KWS_REPOSITORY": "https://example.org/kws", "CIBUILDWHEEL": "1"}
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, **address)
    (source,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return source, wheel


@pytest.mark.slow
def test_the_wheel_is_for_every_later_python(release: tuple[Path, Path]) -> None:
    assert re.fullmatch(r"kws-[\d.]+-cp310-abi3-\w+\.whl", release[1].name)
    run(sys.executable, "-m", "abi3audit", "--strict", release[1])


@pytest.mark.slow
def test_the_wheel_needs_no_library_of_this_machine(release: tuple[Path, Path]) -> None:
    skip_without("auditwheel", sys.platform == "linux" and find_spec("auditwheel"))
    shown = run(sys.executable, "-m", "auditwheel", "show", release[1])
    oldest = re.search(r'platform tag:\s+"(?:many|musl)linux_(\d+)_(\d+)_', shown)
    assert oldest, shown
    assert (int(oldest[1]), int(oldest[2])) <= (2, 28)


@pytest.mark.slow
def test_an_index_renders_the_readme_with_links_that_lead_somewhere(
    release: tuple[Path, Path],
) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", *release)
    with tarfile.open(release[0]) as source:
        name = next(each for each in source.getnames() if each.endswith("/PKG-INFO"))
        file = source.extractfile(name)
        assert file is not None
        shown = file.read().decode()
    assert "Project-URL: Changelog, https://example.org/kws/blob/main/CHANGELOG.md" in shown
    assert not re.findall(r"\]\((?!https?:|#)[^)]*\)", shown)


@pytest.mark.slow
def test_keywords_are_found_in_a_fresh_environment(release: tuple[Path, Path]) -> None:
    """It has nothing of TensorFlow, of this environment or of this folder."""
    said = run(sys.executable, ROOT / "tools" / "check_wheel.py", "--wheel", release[1])
    assert "backend c: computer, jarvis, alexa, smart mirror" in said


@pytest.mark.slow
def test_without_a_compiler_the_reference_interpreter_runs_the_model() -> None:
    from kws.ds_cnn import REFERENCE_AVAILABLE

    skip_without("TensorFlow Lite's interpreter", REFERENCE_AVAILABLE)
    skip_without("build", find_spec("build"))
    said = run(sys.executable, ROOT / "tools" / "check_wheel.py", "--without-compiler")
    assert "backend numpy: computer, jarvis, alexa, smart mirror" in said


def test_each_architecture_is_built_by_a_job() -> None:
    skip_without("PyYAML", find_spec("yaml"))
    import yaml

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["cibuildwheel"]
    wanted = {
        arch for system in ("linux", "macos", "windows") for arch in settings[system]["archs"]
    }
    jobs = yaml.safe_load((WORKFLOWS / "release.yml").read_text("utf-8"))["jobs"]
    assert {each["archs"] for each in jobs["wheels"]["strategy"]["matrix"]["include"]} == wanted
    assert {"wheels", "source", "test"} == set(jobs["publish"]["needs"])
    assert jobs["publish"]["permissions"] == {"id-token": "write"}  # and no password


def test_what_ci_runs_is_what_the_workflow_runs() -> None:
    skip_without("PyYAML", find_spec("yaml"))
    import yaml

    jobs = yaml.safe_load((WORKFLOWS / "test.yml").read_text("utf-8"))["jobs"]
    assert {"run": "bash .ci/run"} in jobs["ci"]["steps"]
    assert {name.partition("-")[0] for name in jobs["systems"]["strategy"]["matrix"]["os"]} == {
        *("ubuntu", "macos", "windows")
    }
