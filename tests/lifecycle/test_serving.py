"""Who answers: by model, version and label."""

from __future__ import annotations

from typing import cast

import pytest

from lightship.errors import InvalidArgument, NotFound
from lightship.lifecycle.handle import Lease
from lightship.lifecycle.servable import Servable, ServableId
from lightship.lifecycle.serving import ServingTable


class FakeServable:
    def __init__(self, version: int) -> None:
        self.id = ServableId("m", version)


def lease(version: int) -> Lease:
    return Lease(cast(Servable, FakeServable(version)))


def answering(table: ServingTable, version: int | None = None, label: str | None = None) -> int:
    with table.handle("m", version, label) as handle:
        return handle.servable.id.version


@pytest.fixture
def table() -> ServingTable:
    made = ServingTable()
    made.publish("m", {3: lease(3), 2: lease(2)}, {"stable": 2, "canary": 3, "old": 1, "also": 2})
    return made


def test_the_highest_a_number_or_a_label(table: ServingTable) -> None:
    assert answering(table) == 3
    assert answering(table, version=2) == 2
    assert [answering(table, label=label) for label in ("stable", "canary", "also")] == [2, 3, 2]


def test_a_label_of_a_version_that_is_not_loaded_names_that_version(table: ServingTable) -> None:
    with pytest.raises(NotFound, match=r"^Servable not found for request: Specific\(m, 1\)$"):
        table.handle("m", None, "old")
    assert table.labelled("m", "old") == 1


@pytest.mark.parametrize("model", ["m", "unknown"])
def test_an_unknown_label_or_the_label_of_an_unknown_model(table: ServingTable, model: str) -> None:
    for call in (lambda: table.handle(model, None, "no"), lambda: table.labelled(model, "no")):
        with pytest.raises(InvalidArgument, match="^Unrecognized servable version label: no$"):
            call()


def test_labels_without_any_version_are_known(table: ServingTable) -> None:
    table.publish("m", {}, {"stable": 2})
    with pytest.raises(NotFound, match=r"Specific\(m, 2\)"):
        table.handle("m", None, "stable")
    with pytest.raises(NotFound, match=r"Latest\(m\)"):
        table.handle("m", None, None)
    table.publish("m", {}, {})
    with pytest.raises(InvalidArgument):
        table.handle("m", None, "stable")


def test_one_that_was_retired_meanwhile_is_looked_up_anew() -> None:
    """The label moves between the lookup of its version and the taking of its handle."""
    table = ServingTable()
    old, new = lease(1), lease(2)

    class Moving(Lease):
        def handle(self) -> None:
            table.publish("m", {2: new}, {"stable": 2})

    table.publish("m", {1: Moving(old.servable)}, {"stable": 1})
    assert answering(table, label="stable") == 2
