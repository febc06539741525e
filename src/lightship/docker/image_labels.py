"""The labels of a baked image.

Their keys are those of the Open Containers Initiative, and our own where it defines none:
https://github.com/opencontainers/image-spec/blob/main/annotations.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime

from lightship import __version__
from lightship.docker.model_folder import ModelFolder

OCI = "org.opencontainers.image"
OURS = "dev.lightship"


def image_labels(model: ModelFolder, base: str) -> dict[str, str]:
    """The labels for this model. Labels of the base image that describe only the server are replaced or emptied."""
    versions = ", ".join(map(str, model.numbers))
    plural = "s" if len(model.numbers) > 1 else ""
    labels = {
        f"{OCI}.title": model.name,
        f"{OCI}.description": f"The model {model.name}, version{plural} {versions}, behind TensorFlow Serving's API",
        f"{OCI}.version": str(model.numbers[-1]),
        f"{OCI}.created": _created(os.environ),
        f"{OCI}.revision": "",
        f"{OCI}.licenses": "",
        f"{OCI}.base.name": base,
        f"{OURS}.version": __version__,
        f"{OURS}.model.name": model.name,
        f"{OURS}.model.versions": versions.replace(" ", ""),
    }
    for version in model.versions:
        if version.digest is not None:
            labels[f"{OURS}.model.{version.number}.digest"] = version.digest
        if version.classes is not None:
            labels[f"{OURS}.model.{version.number}.classes"] = str(version.classes)
    return labels


def _created(environment: Mapping[str, str]) -> str:
    """The time of SOURCE_DATE_EPOCH, or empty: with the current time every build would give another image."""
    text = environment.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(text), UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if text else ""
