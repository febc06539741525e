"""What a verification found."""

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
    """One signature. rows: of the samples. absolute, relative: the largest differences,
    as in `engines.comparison`; None where nothing was compared."""

    signature: str
    engine: str
    samples: str
    verdict: Verdict
    rows: int = 0
    absolute: float | None = None
    relative: float | None = None
    # What differs first, or why nothing was compared.
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
    """All signatures that were asked for."""

    results: tuple[SignatureResult, ...]

    @property
    def verdict(self) -> Verdict:
        """Different if one signature is; not compared if none was."""
        verdicts = {result.verdict for result in self.results}
        if Verdict.DIFFERENT in verdicts:
            return Verdict.DIFFERENT
        return Verdict.EQUAL if Verdict.EQUAL in verdicts else Verdict.NOT_COMPARED
