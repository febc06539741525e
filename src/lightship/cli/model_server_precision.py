"""The precision that the flags of `lightship-model-server` ask for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightship.cli.flags import Value
from lightship.errors import InvalidArgument

logger = logging.getLogger(__name__)


def precision_options(flags: Mapping[str, Value]) -> dict[str, Any]:
    """Returns the fields of EngineOptions that say in which precision to compute, and how to check it.

    Raises InvalidArgument for a value of `mixed_precision` that does not exist, and for limits that are not numbers.
    """
    mixed = _mixed(str(flags["mixed_precision"]))
    return {
        "precision": str(flags["precision"]) or mixed,
        "verify_with": Path(str(flags["verify_with"])) if flags["verify_with"] else None,
        "max_difference": _number("max_difference", flags, None),
        "min_agreement": _number("min_agreement", flags, 0.98),
    }


def _mixed(name: str) -> str:
    """Returns the precision of --mixed_precision.

    The flag is a wish: where the processor lacks bfloat16, TensorFlow Serving computes in float32, and says so.
    """
    if name not in ("", "bfloat16"):
        raise InvalidArgument(f"--mixed_precision is {name!r}; give bfloat16, or leave it out")
    if not name:
        return "f32"
    from lightship.engines.precision import why_missing

    reason = why_missing("bf16")
    if reason is None:
        return "bf16"
    logger.warning("--mixed_precision has no effect, and everything is computed in float32: %s", reason)
    return "f32"


def _number(flag: str, flags: Mapping[str, Value], default: float | None) -> float | None:
    text = str(flags[flag])
    try:
        return float(text) if text else default
    except ValueError:
        raise InvalidArgument(f"--{flag} is {text!r}; give a number, such as 0.05") from None
