"""Containers and images in an interpreter and in a notebook. These tests need no Docker Engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.test_notebook import EVIL, Parsed

from lightship.client import VersionStatus
from lightship.docker import BakedImage, Container, Status, plan_build

ID = "0123456789abcdef" * 4


def container(**more: str) -> Container:
    fields = {"name": "lightship", "image": "lightship:0.1.0", "model": "dog", "url": "http://127.0.0.1:8501"} | more
    return Container(id=ID, grpc=None, action="started", **fields)


def status(**more: str) -> Status:
    fields = {"name": "lightship", "state": "running", "image": "lightship:0.1.0", "model": "dog"} | more
    versions = (VersionStatus(1, "AVAILABLE", "OK", ""),)
    secret = {"environment": "TOKEN=s3cr3t"}
    return Status(id=ID, url="http://127.0.0.1:8501", grpc=None, versions=versions, settings=secret, **fields)


def image(tag: str = "dog:1") -> BakedImage:
    return BakedImage(f"sha256:{ID}", (tag,), "lightship:0.1.0", "dog", (1, 2), (), {}, 123_400_000, ())


def test_a_container_shows_where_its_model_answers() -> None:
    assert repr(container()) == (
        "Container('lightship', model: dog, url: http://127.0.0.1:8501, grpc: none, image: lightship:0.1.0, "
        "id: 0123456789ab)"
    )
    assert '<a href="http://127.0.0.1:8501"' in container()._repr_html_()


def test_a_status_shows_the_versions_and_not_the_environment() -> None:
    shown = repr(status())
    assert shown.startswith("Status('lightship', state: running, model: dog, versions: 1 AVAILABLE, ")
    assert "s3cr3t" not in shown + status()._repr_html_()


def test_an_image_shows_what_is_in_it() -> None:
    assert repr(image()) == (
        "BakedImage('dog:1', model: dog, versions: 1, 2, base: lightship:0.1.0, size: 123.4 MB, id: 0123456789ab)"
    )


def test_a_plan_shows_what_it_would_send(half_plus_two: Path) -> None:
    plan = plan_build(half_plus_two, "half:1")
    assert repr(plan).startswith(f"BuildPlan('half:1', base: lightship:0.1.0, files: {len(plan.entries)}, size: ")
    assert "half:1" in plan._repr_html_()


@pytest.mark.parametrize(
    "shown",
    [container(name=EVIL, model=EVIL, image=EVIL, url=EVIL), status(name=EVIL, state=EVIL, model=EVIL), image(EVIL)],
    ids=lambda shown: type(shown).__name__,
)
def test_names_are_escaped(shown: Container | Status | BakedImage) -> None:
    assert not {"\n", "\x1b", "\u202e"} & set(repr(shown))
    parsed = Parsed(shown._repr_html_())
    assert set(parsed.tags) <= {"div", "table", "tbody", "tr", "td", "a"}
    assert {name for name, _ in parsed.attributes} <= {"style", "href", "target", "rel"}
