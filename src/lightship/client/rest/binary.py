"""Tensors as numpy files instead of JSON, in requests and responses. Only Lightship takes them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from lightship.client.inputs import Inputs, array_of, by_name, fitted
from lightship.client.reading import reading
from lightship.client.rest.exchange import HttpRequest, HttpResponse
from lightship.client.rest.tensors import numpy_type
from lightship.client.results import ModelMetadata, SignatureInfo, TensorInfo
from lightship.errors import InvalidArgument
from lightship.tensors.npy import write_npy
from lightship.tensors.npz import write_npz

_NPY, _NPZ = "application/x-npy", "application/x-npz"


def binary_request(path: str, inputs: Inputs, signature: str, described: ModelMetadata) -> HttpRequest:
    """A request whose arrays have the dtypes of the model's inputs. Wider floats are rounded, as in JSON.

    Raises InvalidArgument for inputs that only JSON can carry (strings, bfloat16), and for values that do not fit their
    dtype.
    """
    known = described.signatures.get(signature)
    if known is None:
        raise InvalidArgument(
            f"model {described.model} has no signature {signature} in version {described.version}: it has "
            f"{', '.join(described.signatures) or 'none'}"
        )
    arrays = _arrays(inputs, known)
    if len(arrays) == 1:
        body, content_type = write_npy(next(iter(arrays.values()))), _NPY
    else:
        body, content_type = write_npz(arrays), _NPZ
    headers = {"Lightship-Signature": quote(signature)}
    if _fit_numpy_files(known.outputs.values()):
        headers["Accept"] = _NPZ
    return HttpRequest("POST", path, body, content_type, headers)


def is_binary(response: HttpResponse) -> bool:
    return response.status == 200 and response.headers.get("content-type", "") == _NPZ


def read_outputs(response: HttpResponse) -> dict[str, NDArray[Any]]:
    """The outputs by name. Raises Unknown for an invalid file."""
    with reading("the .npz file in the response"), np.load(io.BytesIO(response.body), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def rows_of(outputs: Mapping[str, NDArray[Any]]) -> list[Any]:
    """The outputs as the `predictions` of a JSON response."""
    columns = [array.tolist() for array in outputs.values()]
    if len(columns) == 1:
        rows: list[Any] = columns[0]
        return rows
    with reading("the rows of the outputs"):
        return [dict(zip(outputs, row, strict=True)) for row in zip(*columns, strict=True)]


def _arrays(inputs: Inputs, known: SignatureInfo) -> dict[str, NDArray[Any]]:
    given = by_name(inputs, known)
    if given.keys() != known.inputs.keys():
        wanted = ", ".join(known.inputs)
        raise InvalidArgument(
            f"the inputs {', '.join(given)} were given, but the signature takes {wanted}: give exactly these"
        )
    return {name: _typed(given[name], name, known.inputs[name]) for name in known.inputs}


def _fit_numpy_files(tensors: Iterable[TensorInfo]) -> bool:
    """Whether a .npz file can hold tensors of these dtypes."""
    return all(_dtype(tensor) is not None for tensor in tensors)


def _dtype(tensor: TensorInfo) -> np.dtype[Any] | None:
    return None if tensor.dtype == "DT_BFLOAT16" else numpy_type(tensor.dtype)


def _typed(value: Any, name: str, info: TensorInfo) -> NDArray[Any]:
    dtype = _dtype(info)
    if dtype is None:
        raise InvalidArgument(f"input {name} is {info.dtype}, which cannot be sent as bytes: use encoding='json'")
    return fitted(array_of(value, name), name, dtype)
