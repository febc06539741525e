"""Reads `model.tflite`, a model for LiteRT (TensorFlow Lite): its graphs, and its signatures like a SavedModel's."""

from lightship.saved_model.tflite.model import (
    MAX_TFLITE_BYTES,
    Operator,
    Subgraph,
    Tensor,
    TfliteModel,
    TfliteSignature,
    parse_tflite,
    tflite_bytes,
)
from lightship.saved_model.tflite.signatures import as_saved_model, read_tflite, signatures_of

__all__ = [
    "MAX_TFLITE_BYTES",
    "Operator",
    "Subgraph",
    "Tensor",
    "TfliteModel",
    "TfliteSignature",
    "as_saved_model",
    "parse_tflite",
    "read_tflite",
    "signatures_of",
    "tflite_bytes",
]
