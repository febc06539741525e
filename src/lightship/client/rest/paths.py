"""The URL paths of models."""

from __future__ import annotations

from urllib.parse import quote

from lightship.client.target import Target


def model_path(target: Target) -> str:
    """The URL path of the model, or of its version or label, percent-encoded."""
    path = f"/v1/models/{_segment(target.model)}"
    if target.version is not None:
        return f"{path}/versions/{target.version}"
    return path if target.label is None else f"{path}/labels/{_segment(target.label)}"


def _segment(name: str) -> str:
    """Returns a name as one part of a path. HTTP clients remove `.` and `..` from a path unless they are encoded."""
    return name.replace(".", "%2E") if name in (".", "..") else quote(name, safe="")
