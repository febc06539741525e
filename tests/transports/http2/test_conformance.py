"""`conformance.md` says which tests hold which section: they must exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]


def test_every_test_in_the_list_exists() -> None:
    listed = set(re.findall(r"\btest_\w+\b(?!\.py)", (Path(__file__).parent / "conformance.md").read_text()))
    defined = {
        name
        for file in (*TESTS.glob("transports/**/test_*.py"), *TESTS.glob("server/*.py"), *TESTS.glob("compat/*.py"))
        for name in re.findall(r"^(?:async )?def (test_\w+)\(", file.read_text(), re.MULTILINE)
    }
    assert len(listed) > 60
    assert sorted(listed - defined) == []
