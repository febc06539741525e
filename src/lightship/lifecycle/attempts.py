"""Attempts to load a version: how one is made, how many are made, and how long the pauses between them are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lightship.errors import Cancelled, Internal, LightshipError, NotFound, ResourceExhausted
from lightship.lifecycle.servable import Servable, ServableId
from lightship.repeated import RepeatedFailure, exception_text
from lightship.saved_model.versions import explain_version_folder
from lightship.threads import NO_THREAD, RAISE_LIMITS

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


def attempt(load: LoadFunction, id: ServableId, path: Path, failing: RepeatedFailure) -> Servable | LightshipError:
    """Loads a version once. Returns an error as a LightshipError instead of raising it.

    The error is logged, unless the attempt before failed for the same reason, or the attempt was cancelled because the
    server stops. `failing` belongs to the version.
    """
    loaded, cause = _attempt(load, id, path, failing)
    if isinstance(loaded, LightshipError) and not isinstance(loaded, Cancelled) and failing.is_new(loaded.message):
        _log_unexpected(id, cause)
        logger.error("%s cannot be loaded: %s", id, _explained(loaded, path), extra=_fields(id))
    return loaded


def _explained(error: LightshipError, path: Path) -> str:
    """Returns why a version cannot be loaded; if it has no SavedModel, also what it has and what to do."""
    explanation = explain_version_folder(path) if isinstance(error, NotFound) else None
    return f"{error.message}; {explanation}" if explanation else error.message


def attempt_quietly(
    load: LoadFunction, id: ServableId, path: Path, failing: RepeatedFailure
) -> Servable | LightshipError:
    """Does the same, but logs only unexpected errors."""
    loaded, cause = _attempt(load, id, path, failing)
    if isinstance(loaded, LightshipError) and failing.is_new(loaded.message):
        _log_unexpected(id, cause)
    return loaded


def _attempt(
    load: LoadFunction, id: ServableId, path: Path, failing: RepeatedFailure
) -> tuple[Servable | LightshipError, Exception | None]:
    """Returns the servable or the error, and the exception if it was an unexpected one."""
    try:
        with failing.attempt():
            return load(id, path), None
    except LightshipError as error:
        return error, None
    except MemoryError:
        text = f"there is not enough memory to load {path}: free memory or serve fewer models"
        return ResourceExhausted(text), None
    except Exception as error:
        if str(error) == NO_THREAD:
            return ResourceExhausted(f"loading {path} failed: {NO_THREAD}: {RAISE_LIMITS}"), None
        return Internal(f"loading {path} failed: {exception_text(error)}"), error


def _log_unexpected(id: ServableId, cause: Exception | None) -> None:
    if cause is not None:
        logger.error("loading %s failed", id, exc_info=cause, extra=_fields(id))


def _fields(id: ServableId) -> dict[str, object]:
    return {"model": id.name, "version": id.version}
