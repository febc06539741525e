"""The issue forms are valid: GitHub ignores a form that is not, without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.docs.blocks import ROOT

FORMS = sorted(file for file in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if file.name != "config.yml")
FIELDS = {"input", "textarea", "dropdown", "checkboxes"}


def form(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text())  # type: ignore[no-any-return]


def test_there_is_a_form_for_each_purpose() -> None:
    assert [file.stem for file in FORMS] == ["bug", "feature", "question", "wrong_answer"]


@pytest.mark.parametrize("file", FORMS, ids=lambda file: file.stem)
def test_a_form_is_valid(file: Path) -> None:
    found = form(file)
    assert found.keys() <= {"name", "description", "title", "labels", "assignees", "body", "type", "projects"}
    assert all(isinstance(found[key], str) and found[key] for key in ("name", "description"))
    assert all(isinstance(label, str) for label in found["labels"])
    fields = [one for one in found["body"] if one["type"] != "markdown"]
    assert fields
    assert {one["type"] for one in fields} <= FIELDS
    names = [one["id"] for one in fields]
    labels = [one["attributes"]["label"] for one in fields]
    assert len(set(names)) == len(names)
    assert len(set(labels)) == len(labels)
    options = [option for one in fields for option in one["attributes"].get("options", [])]
    assert all(isinstance(option, str) for option in options)  # YAML reads yes and no as booleans
    assert all(one["attributes"]["value"] for one in found["body"] if one["type"] == "markdown")


@pytest.mark.parametrize("name", ["bug", "wrong_answer"])
def test_a_report_asks_for_what_is_needed_to_repeat_it(name: str) -> None:
    text = (ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml").read_text()
    assert "lightship --version" in text
    assert "lightship inspect" in text
