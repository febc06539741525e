"""Turns what goes wrong while a response is read into the client's own error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lightship.client.address import CHECK_ADDRESS
from lightship.errors import LightshipError, Unknown

_MAX_REASON = 300  # characters


@contextmanager
def reading(part: str, advice: str = CHECK_ADDRESS) -> Iterator[None]:
    """Wraps the code that reads a part of a response, such as "the server's status".

    Any server may answer, so a response that is valid JSON can still hold anything, and libraries raise errors of many
    classes for it: of a damaged .npz file, numpy and zipfile alone raise a dozen. Raises Unknown with the part, the
    reason and the advice where it cannot be read. Errors of Lightship pass.
    """
    try:
        yield
    except LightshipError:
        raise
    except Exception as error:
        reason = repr(error)
        shown = reason if len(reason) <= _MAX_REASON else f"{reason[:_MAX_REASON]}..."
        raise Unknown(f"{part} cannot be read ({shown}): {advice}") from error
