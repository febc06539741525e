"""What a baked image says about itself.

Keys of the Open Containers Initiative (https://github.com/opencontainers/image-spec/blob/main/annotations.md), and ours
for what these have no key for.
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
    """Those of the base that speak of the server alone are replaced, or emptied where nothing is known."""
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
    """Said only where SOURCE_DATE_EPOCH says it: the time of day would make another image of each build."""
    text = environment.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(text), UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if text else ""
