"""`ModelSpec`: which servable a call means, and which one answered."""

from __future__ import annotations

from typing import Any

from lightship.errors import InvalidArgument
from lightship.lifecycle.handle import Handle
from lightship.lifecycle.manager import Manager
from lightship.lifecycle.servable import Servable


def spec_of(request: Any) -> Any:
    """The `model_spec` of a request. Raises InvalidArgument where it is not set."""
    if not request.HasField("model_spec"):
        raise InvalidArgument("Missing ModelSpec")
    return request.model_spec


def handle_of(manager: Manager, spec: Any) -> Handle:
    """A handle to what a spec names; release it. Raises InvalidArgument or NotFound with TensorFlow Serving's texts."""
    if not spec.name:
        raise InvalidArgument("ModelSpec has no name specified.")
    return manager.handle(spec.name, *choice_of(spec))


def choice_of(spec: Any) -> tuple[int | None, str | None]:
    """Version and label: one of them, or neither."""
    choice = spec.WhichOneof("version_choice")
    version = spec.version.value if choice == "version" else None
    return version, spec.version_label if choice == "version_label" else None


def write_spec(spec: Any, servable: Servable, name: str, signature_name: str = "") -> None:
    """Says which version answered, under the name that the client used."""
    spec.name = name
    spec.version.value = servable.id.version
    spec.signature_name = signature_name
