"""Reading of serialized `tf.Example`, and sparse tensors, which features of any length become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from lightship import protos
from lightship.engines.base import CannotRun, Refused
from lightship.engines.host.kernels.kernel import ANY, INTEGERS, Attributes, Kernel, Run, check_size, strings_like
from lightship.errors import InvalidArgument
from lightship.tensors.dtypes import DataType

_LISTS = {
    DataType.DT_FLOAT: "float_list",
    DataType.DT_INT64: "int64_list",
    DataType.DT_STRING: "bytes_list",
}
_NAMES = {"float_list": "float", "int64_list": "int64", "bytes_list": "string"}


def _parse(attributes: Attributes) -> Run:
    sparse_types, dense_types = attributes.types("sparse_types"), attributes.types("Tdense")
    shapes = attributes.shapes("dense_shapes")
    if attributes.types("ragged_value_types"):
        raise attributes.refuse("of ragged features")
    if not {*sparse_types, *dense_types} <= _LISTS.keys():
        raise attributes.refuse("of other types than float, int64 and string")
    if any(shape is None or -1 in shape[1:] for shape in shapes):
        raise attributes.refuse("of features with free dimensions")

    def run(
        serialized: NDArray[Any],
        names: NDArray[Any],
        sparse_keys: NDArray[Any],
        dense_keys: NDArray[Any],
        ragged_keys: NDArray[Any],
        *defaults: NDArray[Any],
    ) -> tuple[Any, ...]:
        if serialized.ndim != 1:
            raise attributes.refuse("of a single example")
        features = [_features(text) for text in serialized.tolist()]
        sparse = [
            _sparse([_values(one, key.decode(), dtype, row) for row, one in enumerate(features)], dtype)
            for key, dtype in zip(sparse_keys.tolist(), sparse_types, strict=True)
        ]
        dense = [
            _dense(
                [_values(one, key.decode(), dtype, row) for row, one in enumerate(features)], key, dtype, shape, other
            )
            for key, dtype, shape, other in zip(dense_keys.tolist(), dense_types, shapes, defaults, strict=True)
        ]
        return (*(one[0] for one in sparse), *(one[1] for one in sparse), *(one[2] for one in sparse), *dense)

    return run


def _features(text: bytes) -> Any:
    try:
        return protos.Example.FromString(text).features.feature
    except DecodeError as error:
        raise Refused(InvalidArgument("Could not parse example input"), doubtful=True) from error


def _values(features: Any, key: str, dtype: DataType, row: int) -> Sequence[Any] | None:
    """Returns the values of a feature, or None if the example has none."""
    if key not in features:
        return None
    feature, wanted = features[key], _LISTS[dtype]
    kind = feature.WhichOneof("kind")
    if kind is None:
        raise CannotRun(f'the feature "{key}" has no kind')
    if kind != wanted:
        raise InvalidArgument(
            f"Name: <unknown>, Key: {key}, Index: {row}.  Data types don't match. "
            f"Data type: {_NAMES[kind]} but expected type: {_NAMES[wanted]}"
        )
    found: Sequence[Any] = getattr(feature, kind).value
    return found


def _array(values: Sequence[Any], dtype: DataType) -> NDArray[Any]:
    if dtype is DataType.DT_STRING:
        return strings_like(list(values), (len(values),))
    return np.array(values, dtype.numpy)


def _sparse(rows: Sequence[Sequence[Any] | None], dtype: DataType) -> tuple[Any, Any, Any]:
    """Returns the indices, the values and the shape of a sparse tensor."""
    lists = [row or () for row in rows]
    total = sum(map(len, lists))
    indices = np.empty((total, 2), np.int64)
    indices[:, 0] = [row for row, values in enumerate(lists) for _ in values]
    indices[:, 1] = [column for values in lists for column in range(len(values))]
    values = _array([value for one in lists for value in one], dtype)
    return indices, values, np.array([len(lists), max(map(len, lists), default=0)], np.int64)


def _dense(
    rows: Sequence[Sequence[Any] | None], key: bytes, dtype: DataType, shape: Any, default: NDArray[Any]
) -> NDArray[Any]:
    name = key.decode()
    if shape and shape[0] == -1:
        return _of_any_length(rows, name, dtype, shape, default)
    size = int(np.prod(shape))
    found = np.empty((len(rows), size), object if dtype is DataType.DT_STRING else dtype.numpy)
    for row, values in enumerate(rows):
        if values is None:
            if default.size != size or (not default.size and size):
                raise InvalidArgument(
                    f"Name: <unknown>, Feature: {name} (data type: {_NAMES[_LISTS[dtype]]}) is required but could not "
                    "be found."
                )
            found[row] = default.ravel()
        elif len(values) != size:
            raise InvalidArgument(
                f"Name: <unknown>, Key: {name}, Index: {row}.  Number of {_NAMES[_LISTS[dtype]]} values != expected.  "
                f"Values size: {len(values)} but output shape: [{','.join(map(str, shape))}]"
            )
        else:
            found[row] = _array(values, dtype)
    return found.reshape(len(rows), *shape)


def _of_any_length(
    rows: Sequence[Sequence[Any] | None], name: str, dtype: DataType, shape: Any, default: NDArray[Any]
) -> NDArray[Any]:
    """Returns rows that are filled up to the length of the longest one."""
    lists, step = [row or () for row in rows], int(np.prod(shape[1:]))
    wrong = next((row for row, values in enumerate(lists) if not step or len(values) % step), None)
    if wrong is not None:
        raise InvalidArgument(
            f"Name: <unknown>, Key: {name}, Index: {wrong}.  Number of {_NAMES[_LISTS[dtype]]} values is not a "
            f"multiple of stride length. Saw {len(lists[wrong])} values but output shape is: "
            f"[{','.join(map(str, shape))}]"
        )
    longest = max(map(len, lists), default=0)
    check_size((len(lists), longest))
    found = np.empty((len(lists), longest), object if dtype is DataType.DT_STRING else dtype.numpy)
    if default.size != 1:
        raise CannotRun(f'the feature "{name}" has no single default value')
    found.fill(default.item())
    for row, values in zip(found, lists, strict=True):
        row[: len(values)] = _array(values, dtype)
    return found.reshape(len(lists), longest // step, *shape[1:])


def _sparse_to_dense(attributes: Attributes) -> Run:
    attributes.type("T", ANY)
    attributes.type("Tindices", INTEGERS)

    def run(indices: NDArray[Any], shape: NDArray[Any], values: NDArray[Any], default: NDArray[Any]) -> tuple[Any, ...]:
        sizes = tuple(shape.tolist())
        if indices.ndim != 2 or indices.shape[1] != len(sizes) or default.ndim or values.ndim > 1:
            raise CannotRun("SparseToDense of indices that are no matrix")
        if (indices < 0).any() or (indices >= shape).any():
            raise InvalidArgument(f"indices is out of bounds: need 0 <= index < [{','.join(map(str, sizes))}]")
        places = np.ravel_multi_index(tuple(indices.T), sizes) if len(indices) else np.empty(0, np.int64)
        if (places[1:] <= places[:-1]).any():
            raise CannotRun("SparseToDense of indices that do not ascend")
        check_size(sizes)
        found = np.empty(sizes, values.dtype)
        found.fill(default.item() if values.dtype == object else default)
        found.reshape(-1)[places] = values
        return (found,)

    return run


def example_with(attributes: Attributes, sparse_keys: NDArray[Any], dense_keys: NDArray[Any], length: int) -> bytes:
    """Returns an example that has every feature, with `length` values where any number is allowed."""
    made = protos.Example()
    sizes = [
        int(np.prod([length if size < 0 else size for size in shape or ()]))
        for shape in attributes.shapes("dense_shapes")
    ]
    dense = zip(dense_keys.tolist(), attributes.types("Tdense"), sizes, strict=True)
    sparse = (
        (key, dtype, length) for key, dtype in zip(sparse_keys.tolist(), attributes.types("sparse_types"), strict=True)
    )
    for key, dtype, size in (*dense, *sparse):
        value: Any = b"a" if dtype is DataType.DT_STRING else 0
        getattr(made.features.feature[key.decode()], _LISTS[dtype]).value.extend([value] * size)
    return bytes(made.SerializeToString())


KERNELS: Mapping[str, Kernel] = {"ParseExampleV2": _parse, "SparseToDense": _sparse_to_dense}
