"""Metadata: the signatures of a servable."""

from __future__ import annotations

from typing import Any

from lightship.lifecycle.servable import Servable
from lightship.protos import SignatureDefMap


def model_metadata(servable: Servable) -> Any:
    """Returns all signatures, including `__saved_model_init_op`, as a `tensorflow.serving.SignatureDefMap`."""
    metadata = SignatureDefMap()
    for name, signature in servable.bundle.saved_model.signatures.items():
        metadata.signature_def[name].CopyFrom(signature.definition)
    return metadata
