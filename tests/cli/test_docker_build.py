"""`lightship docker build` as far as it needs no engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Run

NOWHERE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for version in ("1", "2"):
        (tmp_path / "dog" / version).mkdir(parents=True)
        (tmp_path / "dog" / version / "saved_model.pb").write_bytes(b"graph" * 1000)
    (tmp_path / "dog" / ".DS_Store").write_bytes(b"x")
    return tmp_path / "dog"


def test_a_dry_run_prints_the_dockerfile_and_the_files(lightship: Run, model: Path) -> None:
    done = lightship("docker", "build", model, "--dry-run", "--versions", "latest", "--label", "a=b=c", env=NOWHERE)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[2] == "COPY layers/2/ /"
    assert '    a="b=c"' in lines
    assert "5,000  layers/2/models/dog/2/saved_model.pb" in lines
    assert "       layers/2/models/dog/2/" in lines
    assert lines[-1] == "Left out: .DS_Store"


def test_a_dry_run_as_json(lightship: Run, model: Path) -> None:
    done = lightship("docker", "build", model, "-t", "dog:1", "-t", "dog", "--dry-run", "--json", env=NOWHERE)
    plan = json.loads(done.stdout)
    assert plan["tags"] == ["dog:1", "dog"]
    assert plan["versions"] == [1, 2]
    assert plan["dockerfile"].startswith("FROM lightship:")
    assert {"name": "layers/1/models/dog/1/saved_model.pb", "size": 5000} in plan["context"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "give one, such as -t dog:1"),
        (("-t", "dog:1", "--label", "x"), 2, "give it as KEY=VALUE"),
        (("-t", "Dog"), 1, "not a name for an image"),
        (("-t", "dog:1", "--versions", "3"), 1, "no version 3: it has 1, 2"),
        (("-t", "dog:1", "--platform", "x"), 1, "such as linux/amd64"),
        (("-t", "dog:1"), 1, "/nowhere/docker.sock"),
    ],
)
def test_errors_are_one_line(lightship: Run, model: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    done = lightship("docker", "build", model, *arguments, env=NOWHERE)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_a_folder_without_a_version_says_what_mends_it(lightship: Run, model: Path) -> None:
    done = lightship("docker", "build", model / "1", "-t", "dog:1", env=NOWHERE)
    assert done.returncode == 1
    assert "is a version, not a model's folder: give its parent" in done.stderr
