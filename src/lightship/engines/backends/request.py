"""What a helper process is asked to try on a backend, as a JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from lightship.engines.backends.registry import backend_version
from lightship.engines.base import EngineOptions
from lightship.engines.tensorflow import tensorflow_installed
from lightship.saved_model.signatures import Signature

# What says how to try a version, and does not change its answers.
_NOT_ASKED = {
    *("trust", "trial_seconds", "trial_memory", "cache_dir", "tensorflow_texts", "low_priority"),
    *("verify_with", "max_difference", "min_agreement", "figures", "tuned"),
}


def request_for(folder: Path, signature: Signature, options: EngineOptions) -> dict[str, Any]:
    """Returns the JSON object that is passed to `trying.work`."""
    return {
        "folder": str(folder),
        "signature": signature.name,
        "tags": list(signature.tags),
        "options": {field.name: _plain(getattr(options, field.name)) for field in _asked()},
        "version": backend_version(options.engine),
        "compare": tensorflow_installed(),
    }


def options_of(request: Mapping[str, Any]) -> EngineOptions:
    """Returns the options of a request."""
    given = request["options"]
    return EngineOptions(**{field.name: _typed(field.default, given[field.name]) for field in _asked()})


def _asked() -> list[Any]:
    return [field for field in fields(EngineOptions) if field.name not in _NOT_ASKED]


def _plain(value: Any) -> Any:
    if isinstance(value, (frozenset, tuple)):
        return sorted(value) if isinstance(value, frozenset) else list(value)
    return str(value) if isinstance(value, Path) else value


def _typed(default: Any, value: Any) -> Any:
    return type(default)(value) if isinstance(default, (frozenset, tuple)) else value
