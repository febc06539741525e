"""Writes the response of `:predict`: `predictions` with a row per instance, or `outputs` with a tensor per output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lightship.errors import InvalidArgument
from lightship.services.images import Ranking
from lightship.transports.rest.reading.values import encoded
from lightship.transports.rest.writing.number_text import float_texts
from lightship.transports.rest.writing.tensor_text import row_texts, rows_text, tensor_text
from lightship.transports.rest.writing.text import quoted

Tensors = Mapping[str, np.ndarray[Any, Any]]

_PREDICTIONS, _OUTPUTS, _END = b'{\n    "predictions": ', b'{\n    "outputs": ', b"\n}"
_ROWS = _PREDICTIONS + b"[%b\n    ]" + _END


def predictions(outputs: Tensors) -> bytes:
    """Writes outputs in row format. The name of a single output is left out.

    Raises InvalidArgument if there is no output, if an output is a scalar, or if outputs differ in dimension 0.
    """
    _check_rows(outputs)
    if len(outputs) == 1:
        ((name, tensor),) = outputs.items()
        return _ROWS % rows_text(name, tensor, 8) if len(tensor) else _PREDICTIONS + b"[]" + _END
    columns = [[f"{quoted(name)}: {text}" for text in row_texts(name, tensor, 12)] for name, tensor in outputs.items()]
    return _PREDICTIONS + encoded(objects(list(zip(*columns, strict=True)))) + _END


def predictions_of_each(outputs: Tensors, count: int) -> list[bytes]:
    """Writes `count` documents in row format, each with its share of the rows, as `predictions` does.

    The outputs must have the same number of rows, a multiple of `count`.
    """
    rows = len(next(iter(outputs.values()))) // count
    starts = range(0, rows * count, rows)
    if len(outputs) > 1:
        return [
            predictions({name: tensor[start : start + rows] for name, tensor in outputs.items()}) for start in starts
        ]
    ((name, tensor),) = outputs.items()
    texts = row_texts(name, tensor, 8)
    if rows > 1:
        texts = [", ".join(texts[start : start + rows]) for start in starts]
    return [_ROWS % encoded(text) for text in texts]


def rankings(rows: Iterable[Ranking]) -> bytes:
    """Writes the `predictions` for images: the best labels and their scores."""
    members = [
        (f'"labels": [{", ".join(map(quoted, row.labels))}]', f'"scores": [{", ".join(float_texts(row.scores))}]')
        for row in rows
    ]
    return _PREDICTIONS + encoded(objects(members)) + _END


def objects(rows: Sequence[tuple[str, ...]]) -> str:
    """Writes a list of objects. Each row holds the texts of one object's members."""
    if not rows:
        return "[]"
    texts = ("        {\n            " + ",\n            ".join(members) + "\n        }" for members in rows)
    return "[\n" + ",\n".join(texts) + "\n    ]"


def outputs_document(outputs: Tensors) -> bytes:
    """Writes outputs in columnar format. The name of a single output is left out."""
    if not outputs:
        raise InvalidArgument("Cannot convert empty tensor map to JSON")
    if len(outputs) == 1:
        ((name, tensor),) = outputs.items()
        return _OUTPUTS + tensor_text(name, tensor, 4) + _END
    members = (encoded(f"        {quoted(name)}: ") + tensor_text(name, tensor, 8) for name, tensor in outputs.items())
    return _OUTPUTS + b"{\n" + b",\n".join(members) + b"\n    }" + _END


def _check_rows(outputs: Tensors) -> None:
    if not outputs:
        raise InvalidArgument("Cannot convert empty tensor map to JSON")
    batch: int | None = None
    for name, tensor in outputs.items():
        if tensor.ndim == 0:
            raise InvalidArgument(f"Tensor name: {name} has no shape information ")
        if batch is not None and tensor.shape[0] != batch:
            sizes = f"{tensor.shape[0]} expecting: {batch}"
            raise InvalidArgument(f"Tensor name: {name} has inconsistent batch size: {sizes}")
        batch = tensor.shape[0]
