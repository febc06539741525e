"""Attempts to load a version: what becomes of one, how many there are, and how long the pauses between them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lightship.errors import Internal, LightshipError, ResourceExhausted
from lightship.lifecycle.servable import Servable, ServableId

logger = logging.getLogger(__name__)

LoadFunction = Callable[[ServableId, Path], Servable]


class Retries(NamedTuple):
    """After a failed attempt: so many further ones, as many seconds apart, during which clients see LOADING."""

    times: int = 0
    seconds: float = 60.0


class Backoff(NamedTuple):
    """Seconds between the attempts after the version ended with an error: the first pause, doubled up to the longest.

    That a version is tried again at all after its retries is Lightship's own: what was wrong may be mended.
    """

    first: float = 1.0
    longest: float = 60.0

    def after(self, failures: int) -> float:
        return min(self.longest, self.first * 2.0 ** min(max(failures, 1) - 1, 30))


def attempt(load: LoadFunction, id: ServableId, path: Path) -> Servable | LightshipError:
    """Loads once; whatever goes wrong becomes an error of ours, and is logged."""
    try:
        return load(id, path)
    except LightshipError as error:
        failure = error
    except MemoryError:
        failure = ResourceExhausted(f"there is not enough memory to load {path}")
    except Exception as error:
        logger.exception("loading %s failed", id, extra={"model": id.name, "version": id.version})
        failure = Internal(f"loading {path} failed: {type(error).__name__}: {error}")
    logger.error("%s cannot be loaded: %s", id, failure.message, extra={"model": id.name, "version": id.version})
    return failure
