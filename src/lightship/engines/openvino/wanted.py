"""What the analysis asks for: a guard on an operand of a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

GuardKind = Literal["indices", "positions", "divisor", "cast", "finite", "zero", "large", "tie"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A guard that a node needs. It checks the input `operand` of the node."""

    kind: GuardKind
    node: Any
    operand: int
    # For "cast": the bounds of the integer type.
    low: float = 0.0
    high: float = 0.0
