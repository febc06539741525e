"""What a servable takes and gives."""

from __future__ import annotations

from typing import Any

from lightship.lifecycle.servable import Servable
from lightship.protos import SignatureDefMap


def model_metadata(servable: Servable) -> Any:
    """All signatures, `__saved_model_init_op` too, as a `tensorflow.serving.SignatureDefMap`."""
    metadata = SignatureDefMap()
    for name, signature in servable.bundle.saved_model.signatures.items():
        metadata.signature_def[name].CopyFrom(signature.definition)
    return metadata
