"""Every ask, by its name."""

from __future__ import annotations

from itertools import chain

from tests.equality.ask import Ask
from tests.equality.graphs import (
    checks,
    emptiness,
    first_dimension,
    gathers,
    indices,
    integers,
    lookups,
    non_finite,
    operations,
    shapes,
    signatures,
)

_MODULES = (
    gathers,
    first_dimension,
    integers,
    indices,
    operations,
    emptiness,
    non_finite,
    lookups,
    checks,
    shapes,
    signatures,
)
EVERY: dict[str, Ask] = {ask.name: ask for ask in chain.from_iterable(module.ASKS for module in _MODULES)}
assert len(EVERY) == sum(len(module.ASKS) for module in _MODULES), "two asks have one name"
