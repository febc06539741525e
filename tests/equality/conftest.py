"""The models of the asks that were selected, saved once."""

from __future__ import annotations

import pytest
from tests.equality.checking import Case, prepare
from tests.equality.graphs.every import EVERY


@pytest.fixture(scope="session")
def cases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """With -k only the asks of the selected tests are saved and served."""
    folder = tmp_path_factory.mktemp("asks")
    selected = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    return {name: prepare(ask, folder) for name, ask in EVERY.items() if name in selected}
