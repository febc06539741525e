"""Builds a model's URL and a `curl` command that calls it."""

from __future__ import annotations

import json
import math
import os
import shlex
from typing import Any
from urllib.parse import quote

from lightship.bundle.bundle import Bundle
from lightship.saved_model.signatures import Signature, TensorSpec
from lightship.suffixes import IMAGE_SUFFIXES

MEDIA_TYPES = {".jpg": "jpeg"}
MAX_NUMBERS = 64  # longer example bodies would be unreadable
SAMPLES: dict[str, Any] = {"DT_STRING": "text", "DT_BOOL": True}


def model_url(base: str, model: str) -> str:
    return f"{base}/v1/models/{quote(model, safe='')}"


def example_call(bundle: Bundle, url: str) -> str:
    """Returns a `curl` command: with a photo if the model takes images, otherwise with JSON of the right shape.

    If the inputs are too large to print, the command asks for the model's metadata instead.
    """
    if bundle.image is not None and bundle.labels is not None:
        photo = _a_photo()
        suffix = os.path.splitext(photo)[1].lower()
        kind = f"Content-Type: image/{MEDIA_TYPES.get(suffix, suffix[1:])}"
        return f"curl --data-binary {shlex.quote('@' + photo)} -H {shlex.quote(kind)} {shlex.quote(url + ':predict')}"
    body = _example_body(bundle.saved_model.signatures.get("serving_default"))
    if body is None:
        return f"curl {shlex.quote(url + '/metadata')}"
    return f"curl -d {shlex.quote(json.dumps(body))} {shlex.quote(url + ':predict')}"


def _a_photo() -> str:
    """Returns a photo in the current folder or in `photos/`, so that the command works."""
    for folder in (".", "photos"):
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        for name in names:
            if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES:
                return name if folder == "." else os.path.join(folder, name)
    return "photo.jpg"


def _example_body(signature: Signature | None) -> dict[str, Any] | None:
    if signature is None or not signature.inputs:
        return None
    shapes = {name: tensor.shape for name, tensor in signature.inputs.items()}
    known = {name: shape for name, shape in shapes.items() if shape is not None}
    numbers = sum(math.prod(max(1, size) for size in shape) for shape in known.values())
    if len(known) < len(shapes) or numbers > MAX_NUMBERS:
        return None
    values = {name: _filled(tensor, known[name]) for name, tensor in signature.inputs.items()}
    if all(shape and shape[0] == -1 for shape in known.values()):
        rows = {name: value[0] for name, value in values.items()}
        return {"instances": [rows if len(rows) > 1 else next(iter(rows.values()))]}
    return {"inputs": values}


def _filled(tensor: TensorSpec, shape: tuple[int, ...]) -> Any:
    """Returns nested lists of ones."""
    value: Any = SAMPLES.get(tensor.dtype.name, 1.0 if _is_float(tensor) else 1)
    for size in reversed(shape):
        value = [value] * max(1, size)
    return value


def _is_float(tensor: TensorSpec) -> bool:
    return tensor.dtype.name in ("DT_FLOAT", "DT_DOUBLE", "DT_HALF", "DT_BFLOAT16")
