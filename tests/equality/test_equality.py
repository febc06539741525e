"""Small graphs at their edges answer as TensorFlow does, or are refused as it refuses, and none ends the server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.equality.checking import Case, faults, ready_seconds
from tests.equality.graphs.every import EVERY
from tests.equality.serving import ServerProcess, serving

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", params=[True, False], ids=["with_tensorflow", "without_tensorflow"])
def tensorflow(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def server(cases: dict[str, Case], tensorflow: bool) -> Iterator[ServerProcess]:
    models = {name: case.model for name, case in cases.items()}
    with serving(models, tensorflow=tensorflow, ready_seconds=ready_seconds(list(cases.values()))) as process:
        yield process


@pytest.mark.parametrize("name", EVERY)
def test_answers_as_tensorflow_does(name: str, server: ServerProcess, cases: dict[str, Case], tensorflow: bool) -> None:
    assert server.alive, "a call before this one ended the server"
    assert faults(server, cases[name], tensorflow=tensorflow) == []


def test_the_server_is_still_there(server: ServerProcess, cases: dict[str, Case], tensorflow: bool) -> None:
    assert server.alive
    if "dense_of_no_rows" in cases:
        assert faults(server, cases["dense_of_no_rows"], tensorflow=tensorflow) == []
