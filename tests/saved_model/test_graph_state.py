"""Which signatures change variables, read off the graph."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.changing_models import save_counting_graph, save_counting_model

from lightship.saved_model.graph_state import Changes
from lightship.saved_model.reader import read_saved_model

pytestmark = pytest.mark.tensorflow


def test_functions_and_their_branches_are_followed(tmp_path: Path) -> None:
    save_counting_model(tmp_path / "1")
    changes = read_saved_model(tmp_path / "1").changes
    assert changes.writers == {"serving_default", "add", "maybe", "reset"}
    assert changes.readers == {"total"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("resource", [True, False])
def test_a_graph_without_functions(tmp_path: Path, resource: bool) -> None:
    save_counting_graph(tmp_path / "1", resource=resource)
    assert read_saved_model(tmp_path / "1").changes == Changes(frozenset({"serving_default"}), frozenset({"total"}))


def test_restoring_and_initializing_do_not_count(half_plus_two: Path, dog_bundle: Path) -> None:
    assert read_saved_model(half_plus_two / "123").changes == Changes()
    assert read_saved_model(dog_bundle / "1").changes == Changes()
