"""Writes a file in half precision from that of float32."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx

# The allowed difference of two numbers: relative to the number itself, and to the largest of its output. Half precision
# has 11 bits; errors add up over the layers.
TOLERANCE = 0.01


def write_half(file: Path, target: Path) -> None:
    """Writes the graph of `file` with weights and arithmetic of float16. Inputs and outputs keep their types."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    whole = onnx.load(str(file))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about each weight that half precision cannot hold; the answers are compared
        half = convert_float_to_float16(whole, keep_io_types=True)
    onnx.save(half, str(target))
