"""Attempts to load a version: how one is made, how many are made, and how long the pauses between them are."""

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
    """Further attempts after the first one failed. Clients see the version as LOADING during them."""

    # The number of further attempts.
    times: int = 0
    # The seconds between two attempts.
    seconds: float = 60.0


class Backoff(NamedTuple):
    """Pauses between the attempts after the retries are used up and the version ended with an error.

    TensorFlow Serving gives such a version up. Lightship tries it again, because somebody may repair its files.
    """

    # The first pause in seconds; each further one is twice as long.
    initial: float = 1.0
    # The longest pause in seconds.
    maximum: float = 60.0

    def after(self, failures: int) -> float:
        """Returns the seconds to wait after this many failed attempts."""
        return min(self.maximum, self.initial * 2.0 ** min(max(failures, 1) - 1, 30))


def attempt(load: LoadFunction, id: ServableId, path: Path) -> Servable | LightshipError:
    """Loads a version once. Logs an error and returns it as a LightshipError instead of raising it."""
    loaded = attempt_quietly(load, id, path)
    if isinstance(loaded, LightshipError):
        fields = {"model": id.name, "version": id.version}
        logger.error("%s cannot be loaded: %s", id, loaded.message, extra=fields)
    return loaded


def attempt_quietly(load: LoadFunction, id: ServableId, path: Path) -> Servable | LightshipError:
    """Does the same, but logs only unexpected errors."""
    try:
        return load(id, path)
    except LightshipError as error:
        return error
    except MemoryError:
        return ResourceExhausted(f"there is not enough memory to load {path}: free memory or serve fewer models")
    except Exception as error:
        logger.exception("loading %s failed", id, extra={"model": id.name, "version": id.version})
        return Internal(f"loading {path} failed: {type(error).__name__}: {error}")
