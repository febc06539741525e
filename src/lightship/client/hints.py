"""The hints that a Lightship server sends beside an error, such as the name that was probably meant."""

from __future__ import annotations

from urllib.parse import unquote

# The name of the header of a response over REST, and of the trailing metadata over gRPC.
HINT = "lightship-hint"

_LONGEST = 4096  # characters of a hint that are read


def with_hint(text: str, hint: str) -> str:
    """Returns an error text with the hint that came with it, which is percent-encoded; "" for none."""
    return f"{text} ({unquote(hint[:_LONGEST])})" if hint else text
