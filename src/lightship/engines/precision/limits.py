"""How far the answers in a precision may be from those in f32."""

from __future__ import annotations

from lightship.engines.base import PRECISIONS, EngineOptions
from lightship.errors import InvalidArgument, NotFound

# The default of `max_difference`, by the precision. bf16 keeps 8 bits of the mantissa and fp16 11; errors add up over
# the layers. A model that was quantised well differs much on single photos that lie between two classes, and by 0.02
# on most (docs/guides/precision.md).
MAX_DIFFERENCE = {"bf16": 0.05, "fp16": 0.02, "int8": 0.5}
DEFAULT_MIN_AGREEMENT = 0.98


def max_difference(options: EngineOptions, precision: str) -> float:
    """Returns the largest difference that is accepted in this precision."""
    return MAX_DIFFERENCE[precision] if options.max_difference is None else options.max_difference


def check_precision_options(options: EngineOptions) -> None:
    """Raises InvalidArgument for a precision that does not exist, for limits out of range, and for photos that nothing
    is compared on; NotFound if the folder of photos does not exist.
    """
    if options.precision not in PRECISIONS:
        raise InvalidArgument(f"precision={options.precision!r}; give one of {', '.join(PRECISIONS)}")
    if options.max_difference is not None and not 0 <= options.max_difference < float("inf"):
        raise InvalidArgument(
            f"max_difference={options.max_difference:g}; give 0 or more, such as 0.05 for a twentieth of an "
            "output's largest number"
        )
    if not 0 <= options.min_agreement <= 1:
        raise InvalidArgument(f"min_agreement={options.min_agreement:g}; give a share from 0 to 1, such as 0.98")
    if options.verify_with is None:
        return
    if options.precision == "f32":
        raise InvalidArgument(
            f"verify_with={options.verify_with}, but the precision is f32, with which others are compared: give "
            "another precision, such as auto, or leave the photos out"
        )
    if not options.verify_with.is_dir():
        raise NotFound(f"{options.verify_with} is not a folder: answers are compared on a folder of photos")
