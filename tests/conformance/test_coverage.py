"""Every row of the table in docs/reference/coverage.md: the engine that it names runs the model, and rightly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance.coverage.asking import Answers, Found, ask
from conformance.coverage.page import read_page, said_of
from conformance.coverage.row import Row
from conformance.coverage.rows import all_rows
from conformance.coverage.worker import Worker

from lightship.engines import EngineOptions
from lightship.engines.comparison import differences

ROWS = all_rows()


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as made:
        yield made


def test_the_page_has_these_rows() -> None:
    assert list(read_page()) == [row.name for row in ROWS]


@pytest.mark.tensorflow
@pytest.mark.parametrize("number", range(len(ROWS)), ids=lambda number: ROWS[number].name)
def test_what_the_page_says_of_a_model_is_so(number: int, worker: Worker, tmp_path: Path) -> None:
    row, folder = ROWS[number], tmp_path / "1"
    row.save(folder)
    expected = ask(row, folder, EngineOptions(engine="tensorflow"))
    assert expected.error == ""
    auto, hidden = ask(row, folder, EngineOptions()), worker.ask(number, folder)
    assert _wrong(row, expected, auto) == []
    if not hidden.error:
        assert _wrong(row, expected, hidden) == []
    assert read_page()[row.name] == said_of(auto, hidden), hidden.error


def _wrong(row: Row, expected: Found, found: Found) -> list[str]:
    assert found.error == ""
    pairs: list[tuple[Answers, Answers]] = []
    for signature in row.asks:
        pairs += zip(expected.answers[signature], found.answers[signature], strict=True)
    return [text for wanted, answer in pairs if (text := differences(wanted, answer)) is not None]
