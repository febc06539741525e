"""The reference of the Python API: which names it has. mkdocstrings writes down what they are."""

from __future__ import annotations

import importlib
import importlib.util

# Classes of public arguments that no public module exports.
OPTIONS = (
    "lightship.transports.http.limits.Limits",
    "lightship.transports.http.limits.Timeouts",
    "lightship.transports.grpc.options.GrpcOptions",
    "lightship.transports.grpc.options.Tls",
    "lightship.engines.EngineOptions",
)


def names_of(module: str) -> list[str]:
    """Returns the public names of a module in the order of its `__all__`.

    Modules are left out, and names that `lightship` exports too, except for `lightship` itself.
    """
    names = importlib.import_module(module).__all__
    if module == "lightship":
        return [name for name in names if importlib.util.find_spec(f"lightship.{name}") is None]
    return [name for name in names if name not in importlib.import_module("lightship").__all__]


def public_names(module: str) -> str:
    """Returns the directives for the names of a module."""
    return "\n".join(_directive(f"{module}.{name}") for name in names_of(module))


def options_classes() -> str:
    """Returns the directives for the classes of options."""
    return "\n".join(map(_directive, OPTIONS))


def _directive(path: str) -> str:
    return f"::: {path}\n"
