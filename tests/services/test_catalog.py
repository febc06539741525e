"""What is served now, as the pages tell it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lightship.lifecycle.manager import Manager
from lightship.services.catalog import served_models


@pytest.fixture
def manager() -> Iterator[Manager]:
    manager = Manager()
    yield manager
    manager.close()


def test_a_version_that_answers_is_reported_with_its_signatures(manager: Manager, half_plus_two: Path) -> None:
    manager.aspire("half", {123: half_plus_two / "123"})
    manager.set_labels("half", {"stable": 123})
    assert manager.wait_ready(60)
    (model,) = served_models(manager)
    assert (model.name, model.reason, model.labels) == ("half", None, {"stable": 123})
    (version,) = model.answering
    assert (version.version, version.state, version.problem, version.images) == (123, "AVAILABLE", "", False)
    assert version.verbs == {
        "classify_x_to_y": ("classify", "predict"),
        "regress_x_to_y": ("regress", "predict"),
        "serving_default": ("predict",),
    }
    assert version.signatures.keys() == version.verbs.keys()


def test_an_image_model_takes_images(manager: Manager, dog_bundle: Path) -> None:
    manager.aspire("dog", {1: dog_bundle / "1"})
    assert manager.wait_ready(60)
    (version,) = served_models(manager)[0].answering
    assert version.images
    assert (len(version.classes), version.classes[0]) == (19, "Chihuahua")
    assert version.image is not None
    assert version.image.size == (160, 160)
    assert version.verbs["classify"] == ("classify", "predict")


def test_what_does_not_answer_is_reported_with_its_reason(manager: Manager, tmp_path: Path) -> None:
    manager.expect("owl", "nothing is there")
    (tmp_path / "7").mkdir()
    manager.aspire("cat", {7: tmp_path / "7"})
    assert manager.wait(lambda one: any(status.error for status in one.versions("cat")), 60)
    owl, cat = served_models(manager)
    assert (owl.reason, owl.versions, owl.answering) == ("nothing is there", (), ())
    assert (cat.answering, cat.versions[0].signatures) == ((), {})
    assert "saved_model.pb" in cat.versions[0].problem


def test_nothing_new_is_equal_to_before(manager: Manager, half_plus_two: Path) -> None:
    manager.aspire("half", {123: half_plus_two / "123"})
    assert manager.wait_ready(60)
    before = served_models(manager)
    assert served_models(manager) == before
    manager.set_labels("half", {"new": 123})
    assert served_models(manager) != before
