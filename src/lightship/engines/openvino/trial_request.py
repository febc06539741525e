"""What a helper process is asked to compile, as a JSON object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightship.engines.base import EngineOptions
from lightship.engines.tensorflow import tensorflow_installed
from lightship.saved_model.signatures import Signature


def request_for(
    folder: Path, signature: Signature, options: EngineOptions, variant: Sequence[Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Returns the JSON object that is passed to `trying.work`.

    `variant` is a pair: the shapes to compile for, and the shapes of a sample. None compiles for the declared shapes.
    """
    return {
        "folder": str(folder),
        "signature": signature.name,
        "tags": list(signature.tags),
        "threads": options.threads,
        "precision": options.precision,
        "allow_unproven": sorted(options.allow_unproven),
        "one_row": options.one_row,
        "compare": tensorflow_installed(),
        "variant": variant,
    }
