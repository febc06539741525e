"""Refuses an option that a function does not have, and names the nearest one that it has."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches


def unexpected_option(function: str, name: str, options: Sequence[str]) -> TypeError:
    """Returns the error for the option `name` of `function`, which has `options`."""
    nearest = get_close_matches(name, options, 1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"help(lightship.{function}) lists the options"
    return TypeError(f"{function}() got an unexpected option {name!r}: {hint}")
