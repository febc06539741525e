"""What the image and the site pin is what the package asks for. Needs no engine; `make lock` mends what fails here."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CORE = PROJECT["project"]["dependencies"]
TENSORFLOW = PROJECT["project"]["optional-dependencies"]["tensorflow"]
LOCKS = [*(f"docker/requirements{one}.lock" for one in ("", "-tensorflow", "-build")), "docs_site/requirements.lock"]
IMAGE = {"python_version": "3.11", "python_full_version": "3.11.2", "sys_platform": "linux"}


def pinned(name: str) -> dict[str, str]:
    """The versions that a lock installs, by the names of the packages."""
    text = (ROOT / name).read_text()
    requirements = [Requirement(line) for line in re.findall(r"^([a-z0-9][^\\\n]+?) \\$", text, re.MULTILINE)]
    return {one.name: str(one.specifier).removeprefix("==") for one in requirements if wanted(one)}


def wanted(requirement: Requirement) -> bool:
    environment = {**default_environment(), **IMAGE}
    return requirement.marker is None or requirement.marker.evaluate(environment)


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("docker/requirements.lock", CORE),
        ("docker/requirements-tensorflow.lock", CORE + TENSORFLOW),
        ("docker/requirements-build.lock", PROJECT["build-system"]["requires"]),
        ("docs_site/requirements.lock", PROJECT["dependency-groups"]["docs"]),
    ],
)
def test_it_satisfies_the_package(lock: str, requirements: list[str]) -> None:
    versions = pinned(lock)
    asked = [one for one in map(Requirement, requirements) if wanted(one)]
    assert [str(one) for one in asked if one.name not in versions or versions[one.name] not in one.specifier] == []


def test_both_images_have_the_same_core() -> None:
    core, whole = pinned("docker/requirements.lock"), pinned("docker/requirements-tensorflow.lock")
    assert {name: whole[name] for name in core} == core


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_hashes(lock: str) -> None:
    blocks = re.split(r"^(?=[a-z0-9])", (ROOT / lock).read_text(), flags=re.MULTILINE)[1:]
    assert len(blocks) > 10
    assert [block for block in blocks if "--hash=sha256:" not in block] == []
