"""The results of a verification."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    EQUAL = "equal"
    DIFFERENT = "different"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True, slots=True)
class SignatureResult:
    """The result for one signature."""

    signature: str
    engine: str
    samples: str
    verdict: Verdict
    # The number of rows that were compared.
    rows: int = 0
    # The largest differences, as defined in `engines.comparison`; None if nothing was compared.
    absolute: float | None = None
    relative: float | None = None
    # The first difference, or why nothing was compared.
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "signature": self.signature,
            "engine": self.engine,
            "samples": self.samples,
            "rows": self.rows,
            "absolute": self.absolute,
            "relative": self.relative,
            "verdict": self.verdict.value,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Verification:
    """The results for all signatures that were compared."""

    results: tuple[SignatureResult, ...]

    @property
    def verdict(self) -> Verdict:
        """DIFFERENT if one signature differs, NOT_COMPARED if none could be compared, and otherwise EQUAL."""
        verdicts = {result.verdict for result in self.results}
        if Verdict.DIFFERENT in verdicts:
            return Verdict.DIFFERENT
        return Verdict.EQUAL if Verdict.EQUAL in verdicts else Verdict.NOT_COMPARED
