"""Hints for requests that name what does not exist: the nearest name that does, and which there are.

The error texts are TensorFlow Serving's, so a hint is sent beside them. Anybody can cause one, so the work for a hint
and its length are bounded, however many models there are and whatever they are called.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable
from itertools import islice
from typing import NamedTuple

from lightship.errors import LightshipError, MissingModel, MissingName, WrongDtype, WrongShapes, error_of
from lightship.lifecycle.served_models import ServedModels
from lightship.lifecycle.state import ModelVersionStatus, State
from lightship.services.nearest_name import KnownNames

MAX_HINT_BYTES = 768

_LISTED = 10  # names
_SHOWN = 64  # characters of a name
_REASON = 240  # characters of a reason
_MAX_NAMES = 256  # of labels, signatures or inputs that are looked through
_RESTING = 20  # how much longer than listing all models took the list is kept, even if models change
_STATES = {
    State.START: "it is not loaded yet",
    State.LOADING: "it is still loading",
    State.UNLOADING: "it is being unloaded",
    State.END: "it was unloaded",
}
_node = re.compile(r"\s*(?:\[\[)?\{\{(?:function_)?node [^{}]*\}\}(?:\]\])?")  # as TensorFlow names one
_inference = re.compile(r"\s*\(Shape inference input shapes [^()]*\)")  # OpenVINO's own shapes and rule
_escape = re.compile(rb"[^ -$&-~]")  # all but the printable characters of ASCII, without %


class _Served(NamedTuple):
    """The names of all models."""

    names: KnownNames
    # The number of changes before they were listed.
    changes: int
    # Until when they are kept even if models change, by `time.monotonic`.
    kept_until: float


class Hints:
    """Makes the hints of the models that a server serves. Any thread may call its methods."""

    def __init__(self, models: ServedModels) -> None:
        self._models = models
        self._changes = 0
        self._served: _Served | None = None
        models.subscribe(self._count_change)

    def hint(self, error: LightshipError) -> str:
        """Returns a hint, or "" if there is none for this error.

        It is at most `MAX_HINT_BYTES` of printable ASCII; all other characters, and "%", are percent-encoded.
        """
        fault = error.fault
        return _encoded(self._of_model(fault)) if isinstance(fault, MissingModel) else hint_about_call(error)

    def _of_model(self, missing: MissingModel) -> str:
        models = self._names_of_models()
        if missing.name not in models:
            return _listing("Served models", models, missing.name)
        labels = self._models.labels(missing.name)
        if missing.label is not None and missing.label not in labels:
            names = KnownNames(islice(labels, _MAX_NAMES))
            return _listing(f"Labels of {_quoted(missing.name)}", names, missing.label)
        return _of_versions(missing, self._models.versions(missing.name))

    def _names_of_models(self) -> KnownNames:
        served, changes, now = self._served, self._changes, time.monotonic()
        if served is None or (served.changes != changes and now >= served.kept_until):
            names = KnownNames(self._models.models())
            end = time.monotonic()
            served = self._served = _Served(names, changes, end + _RESTING * (end - now))
        return served.names

    def _count_change(self) -> None:
        self._changes += 1


def hint_about_call(error: LightshipError) -> str:
    """Returns a hint about a signature, an input or an output, as `Hints.hint` does; "" if there is none."""
    fault = error.fault
    if isinstance(fault, MissingName):
        names = KnownNames(islice(fault.known, _MAX_NAMES))
        return _encoded(_listing(f"{fault.kind.capitalize()}s", names, fault.name))
    if isinstance(fault, WrongDtype):
        return _encoded(f"input {_quoted(fault.name)} takes {fault.expected}, not {fault.given}")
    return ""


def with_expected_shapes(error: LightshipError) -> LightshipError:
    """Returns an error whose text says which shapes were expected, if the engine's text does not.

    The names of TensorFlow's nodes are left out, because they say nothing to a client.
    """
    if not isinstance(error.fault, WrongShapes):
        return error
    return error_of(error.code, f"{error.fault.text}: {_inference.sub('', _node.sub('', error.message)).strip()}")


def _of_versions(missing: MissingModel, statuses: Collection[ModelVersionStatus]) -> str:
    name = _quoted(missing.name)
    loaded = [str(status.version) for status in statuses if status.state is State.AVAILABLE]
    asked = next((status for status in statuses if status.version == missing.version), None)
    if not loaded:
        newest = asked or next(iter(statuses), None)
        why = "none was found yet" if newest is None else f"version {newest.version}: {_reason(newest)}"
        return f"no version of {name} is loaded; {why}"
    versions = f"Loaded versions of {name}: {_joined(loaded, len(loaded))}"
    return versions if asked is None else f"version {asked.version}: {_reason(asked)}. {versions}"


def _reason(status: ModelVersionStatus) -> str:
    text = status.note if status.error is None else status.error.message
    return _cut(" ".join(text[:1000].split()), _REASON) or _STATES.get(status.state, "it is loaded")


def _listing(what: str, names: KnownNames, wrong: str) -> str:
    near = names.nearest(wrong)
    question = "" if near is None else f"did you mean {_quoted(near)}? "
    return f"{question}{what}: {_joined(names.first(_LISTED), len(names)) or 'none'}"


def _joined(names: Iterable[str], count: int) -> str:
    shown = [_cut(name, _SHOWN) for name in islice(names, _LISTED)]
    more = [f"and {count - len(shown)} more"] if count > len(shown) else []
    return ", ".join(shown + more)


def _quoted(name: str) -> str:
    return f"'{_cut(name, _SHOWN)}'"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def _encoded(text: str) -> str:
    encoded = _escape.sub(lambda found: b"%%%02X" % found[0][0], text.encode("utf-8", "replace")).decode("ascii")
    if len(encoded) <= MAX_HINT_BYTES:
        return encoded
    return re.sub(r"%.?\Z", "", encoded[: MAX_HINT_BYTES - 3]) + "..."
