"""Test the container: the steps of its Dockerfile, run in clean environments on this machine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from command_line import KEYWORDS, ROOT
from conftest import skip_without
from free_port import free_port
from waiting import PATIENCE, wait_until

skip_without("the package wyoming", find_spec("wyoming"))

from wyoming_client import connected  # noqa: E402

DOCKER = ROOT / "deploy" / "docker"
IGNORED = DOCKER / "Dockerfile.dockerignore"


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile, by name and text, continued lines joined."""
    text = re.sub(r"(?m)^#.*\n", "", dockerfile.read_text()).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


class Stage:
    """Stand for an image: a folder as its root, and a Python of its own."""

    def __init__(self, root: Path) -> None:
        self.root, self.work = root, root
        venv.create(root / "venv", with_pip=True, symlinks=True)
        path = f"{root / 'venv' / 'bin'}:/usr/bin:/bin"
        self.environment = {"PATH": path, "LANG": "C.UTF-8"}
        proxies = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE", "HOME")
        self.environment |= {name: os.environ[name] for name in proxies if name in os.environ}

    def path(self, inside: str) -> Path:
        return self.root / inside.lstrip("/") if inside.startswith("/") else self.work / inside

    def here(self, text: str) -> str:
        """Return a command with the folders of the image as those of this stage."""
        return re.sub(r"(?<![\w.])/(src|wheels|models)\b", rf"{self.root}/\1", text)

    def run(self, command: str) -> None:
        done = subprocess.run(
            ["sh", "-ec", self.here(command)],
            cwd=self.work,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


def context(target: Path) -> None:
    """Copy what the .dockerignore lets into the build."""
    kept = [line[1:] for line in IGNORED.read_text().splitlines() if line.startswith("!")]
    for name in kept:
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.so")
            shutil.copytree(source, target / name, ignore=ignore)
        elif source.exists():
            shutil.copy(source, target)


def built(dockerfile: Path, folder: Path) -> tuple[Stage, dict[str, str]]:
    """Run the steps of a Dockerfile; return its last stage and the settings of the image."""
    stages, settings = {}, {}
    for instruction, text in instructions(dockerfile):
        if instruction == "FROM":
            name = text.partition(" AS ")[2] or "last"
            stage = stages[name] = Stage(folder / name)
        elif instruction == "WORKDIR":
            stage.work = stage.path(text)
            stage.work.mkdir(parents=True)
        elif instruction == "COPY" and text == ". .":
            context(stage.work)
        elif instruction == "COPY":
            origin, source, target = re.fullmatch(r"--from=(\w+) (\S+) (\S+)", text).groups()
            shutil.copytree(stages[origin].path(source), stage.path(target))
        elif instruction == "RUN":
            stage.run(text)
        else:
            settings[instruction] = text
    return stage, settings


@contextmanager
def container(stage: Stage, settings: dict[str, str], uri: str):
    """Run what the image runs, at another address."""
    words = json.loads(settings["ENTRYPOINT"]) + json.loads(settings["CMD"])
    command = [stage.here(word).replace("tcp://0.0.0.0:10400", uri) for word in words]
    command[0] = str(stage.root / "venv" / "bin" / command[0])
    with subprocess.Popen(command, env=stage.environment, cwd=stage.root) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_the_steps_of_the_dockerfile(tmp_path):
    """What it installs serves the models, and its health check tells whether it does."""
    skip_without("Linux", sys.platform == "linux")
    stage, settings = built(DOCKER / "Dockerfile", tmp_path)
    assert settings["USER"] != "0:0"
    assert settings["EXPOSE"] == "10400"
    assert (stage.root / "models").is_dir()
    assert not (stage.root / "wheels").exists()
    port = free_port()
    uri = f"tcp://127.0.0.1:{port}"
    check = json.loads(settings["HEALTHCHECK"].partition(" CMD ")[2])
    check = [word.replace("tcp://127.0.0.1:10400", uri) for word in check]
    check[0] = str(stage.root / "venv" / "bin" / check[0])

    def healthy() -> bool:
        done = subprocess.run(check, env=stage.environment, capture_output=True)
        return done.returncode == 0

    assert not healthy()
    with container(stage, settings, uri) as process:
        wait_until(healthy)
        with connected(("127.0.0.1", port)) as client:
            assert client.names() == KEYWORDS
        process.terminate()
        assert process.wait(PATIENCE) == 0
    packages = subprocess.run(
        [stage.root / "venv" / "bin" / "pip", "check"], capture_output=True, text=True
    )
    assert packages.returncode == 0, packages.stdout


def test_compose_runs_the_image_without_rights():
    skip_without("the package yaml", find_spec("yaml"))
    import yaml

    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    service = compose["services"]["kws"]
    context = (DOCKER / service["build"]["context"]).resolve()
    assert context == ROOT
    assert (context / service["build"]["dockerfile"]).is_file()
    assert service["ports"] == ["10400:10400"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    mounted = [volume.split(":")[1] for volume in service["volumes"]]
    assert mounted == [shlex.split(dict(instructions(DOCKER / "Dockerfile"))["RUN"])[-1]]
