"""Reads the `ModelSpec` of a request, and writes the one of a response."""

from __future__ import annotations

from typing import Any

from lightship.errors import InvalidArgument
from lightship.lifecycle.handle import Handle
from lightship.lifecycle.servable import Servable
from lightship.lifecycle.served_models import ServedModels


def spec_of(request: Any) -> Any:
    """Returns the `model_spec` of a request. Raises InvalidArgument if it is not set."""
    if not request.HasField("model_spec"):
        raise InvalidArgument("Missing ModelSpec")
    return request.model_spec


def handle_of(manager: ServedModels, spec: Any) -> Handle:
    """Returns a handle to the servable that a spec names. The caller must release the handle.

    Raises InvalidArgument or NotFound with TensorFlow Serving's messages.
    """
    if not spec.name:
        raise InvalidArgument("ModelSpec has no name specified.")
    return manager.handle(spec.name, *choice_of(spec))


def choice_of(spec: Any) -> tuple[int | None, str | None]:
    """Returns the version and the label of a spec. At least one of them is None."""
    choice = spec.WhichOneof("version_choice")
    version = spec.version.value if choice == "version" else None
    return version, spec.version_label if choice == "version_label" else None


def write_spec(spec: Any, servable: Servable, name: str, signature_name: str = "") -> None:
    """Writes which version answered, with the model name that the client sent."""
    spec.name = name
    spec.version.value = servable.id.version
    spec.signature_name = signature_name
