"""The plan of a build, which needs no engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightship import __version__
from lightship.docker.build_plan import plan_build
from lightship.errors import InvalidArgument


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for version in ("1", "2"):
        (tmp_path / "dog" / version / "variables").mkdir(parents=True)
        (tmp_path / "dog" / version / "saved_model.pb").write_bytes(b"graph")
    return tmp_path / "dog"


def test_each_version_lies_below_the_models_own_folder(model: Path) -> None:
    names = [entry.name for entry in plan_build(model, model_name="hund").entries]
    below = ["models", "models/hund", "models/hund/2", "models/hund/2/saved_model.pb", "models/hund/2/variables"]
    assert names[:3] == ["Dockerfile", "layers", "layers/1"]
    assert names[-6:] == ["layers/2", *(f"layers/2/{name}" for name in below)]


def test_the_dockerfile_is_part_of_the_context(model: Path) -> None:
    plan = plan_build(model, versions="latest")
    assert plan.dockerfile.startswith(f"FROM lightship:{__version__}\n")
    assert 'COPY layers/2/ /\nENV MODEL_NAME="dog"' in plan.dockerfile
    assert plan.entries[0].content == plan.dockerfile.encode()
    assert plan.size == len(plan.dockerfile) + len("graph")


def test_an_older_version_is_the_same_with_and_without_a_newer_one(model: Path) -> None:
    both, one = plan_build(model), plan_build(model, versions=[1])
    assert [entry for entry in both.entries if entry.name.startswith("layers/1")] == list(one.entries[2:])


def test_labels_say_what_is_in_it_and_can_be_added_to(model: Path) -> None:
    labels = plan_build(model, labels={"com.example.team": "pets", "org.opencontainers.image.title": "Dogs"}).labels
    assert labels["dev.lightship.model.name"] == "dog"
    assert labels["dev.lightship.model.versions"] == "1,2"
    assert labels["org.opencontainers.image.version"] == "2"
    assert labels["org.opencontainers.image.base.name"] == f"lightship:{__version__}"
    assert (labels["com.example.team"], labels["org.opencontainers.image.title"]) == ("pets", "Dogs")


def test_the_time_is_the_one_that_was_set(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    plan = plan_build(model)
    assert plan.mtime == 1767225600
    assert plan.labels["org.opencontainers.image.created"] == "2026-01-01T00:00:00Z"


def test_a_tag_that_is_given_twice_counts_once(model: Path) -> None:
    assert plan_build(model, ["dog:2", "dog:latest", "dog:2"]).tags == ("dog:2", "dog:latest")
    assert plan_build(model, "dog:2").tags == ("dog:2",)


@pytest.mark.parametrize(
    "given", [{"tags": "Dog"}, {"image": "a b"}, {"labels": {"a b": "1"}}, {"labels": {"a": "\n"}}]
)
def test_what_cannot_be_is_refused_at_once(model: Path, given: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument):
        plan_build(model, **given)
