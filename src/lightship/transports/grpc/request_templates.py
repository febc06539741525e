"""Reads a Predict request that differs from an earlier one in nothing but the numbers of its tensors.

Most clients send the same request again and again, with other numbers. A *template* is such a request: fixed bytes, and
between them the bytes of the tensors. What it means was read by protobuf once. Then only bytes are compared, and the
numbers are taken from where they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightship.errors import LightshipError
from lightship.protos import PredictRequest
from lightship.tensors.dtypes import DataType
from lightship.tensors.tensor_proto import array_of, declared_size
from lightship.transports.grpc.model_specs import choice_of

_MAX_LENGTHS = 64  # lengths of requests for which there are templates
_MAX_OF_A_LENGTH = 4  # templates of requests of one length
_MAX_INPUTS = 4
_MAX_PLACES = 8  # where the bytes of a tensor may be looked for
_FREE, _HITS_PER_TEMPLATE = 64, 8  # so many templates are learned at once, then one for so many uses
_PACKED = {DataType.DT_FLOAT: "float_val", DataType.DT_DOUBLE: "double_val"}  # fields with the bytes of an array


class PredictCall(NamedTuple):
    """What a Predict request says. At least one of `version` and `label` is None."""

    model: str
    version: int | None
    label: str | None
    signature: str
    outputs: tuple[str, ...]
    inputs: Mapping[str, NDArray[Any]]


class _Place(NamedTuple):
    """Where the numbers of an input are."""

    start: int
    end: int
    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A kind of requests of one length."""

    # The fixed bytes, each with its position.
    fixed: tuple[tuple[int, bytes], ...]
    places: tuple[_Place, ...]
    # The call, without inputs.
    call: PredictCall
    # Whether all inputs have the same number of rows, so that the rows of several requests can be one request.
    has_rows: bool

    def read(self, request: bytes) -> PredictCall:
        """Returns what a request of this kind says."""
        inputs = {
            name: np.ndarray(shape, dtype, request[start:end])  # a copy, so that the numbers are aligned
            for start, end, name, dtype, shape in self.places
        }
        return PredictCall._make((*self.call[:-1], inputs))  # `_replace` takes twice as long

    def read_together(self, requests: Sequence[bytes]) -> PredictCall:
        """Returns what requests of this kind say together: the rows of all below each other."""
        inputs = {}
        for start, end, name, dtype, shape in self.places:
            numbers = b"".join([request[start:end] for request in requests])
            inputs[name] = np.ndarray((len(requests) * shape[0], *shape[1:]), dtype, numbers)
        return self.call._replace(inputs=inputs)


class RequestTemplates:
    """Templates that were learned from requests. Must be used by one thread at a time."""

    def __init__(self) -> None:
        self._by_length: dict[int, list[Template]] = {}
        self._hits = self._learned = 0

    def find(self, request: bytes) -> Template | None:
        """Returns the template that fits a request, if there is one."""
        for template in self._by_length.get(len(request), ()):
            for position, fixed in template.fixed:
                if not request.startswith(fixed, position):
                    break
            else:
                self._hits += 1
                return template
        return None

    def read(self, request: bytes) -> PredictCall | None:
        """Returns what a request says if a template fits, else None."""
        template = self.find(request)
        return None if template is None else template.read(request)

    def learn(self, request: bytes, message: Any) -> None:
        """Learns from a request, which protobuf has read as `message` without error."""
        if self._learned >= _FREE + self._hits // _HITS_PER_TEMPLATE:
            return
        self._learned += 1
        template = _template_of(request, message)
        if template is None:
            return
        if len(self._by_length) >= _MAX_LENGTHS:
            self._by_length.clear()
        known = self._by_length.setdefault(len(request), [])
        known.insert(0, template)
        del known[_MAX_OF_A_LENGTH:]


def _template_of(request: bytes, message: Any) -> Template | None:
    inputs = message.inputs
    if not np.little_endian or not message.HasField("model_spec") or not 0 < len(inputs) <= _MAX_INPUTS:
        return None
    places: list[_Place] = []
    for name in inputs:
        place = _place_of(request, message, name)
        if place is None or any(place.start < other.end and other.start < place.end for other in places):
            return None
        places.append(place)
    places.sort()
    spec = message.model_spec
    call = PredictCall(spec.name, *choice_of(spec), spec.signature_name, tuple(message.output_filter), {})
    rows = {place.shape[:1] for place in places}
    return Template(tuple(_between(request, places)), tuple(places), call, rows != {()} and len(rows) == 1)


def _between(request: bytes, places: list[_Place]) -> Iterator[tuple[int, bytes]]:
    """Yields the bytes around the places, with their positions."""
    position = 0
    for place in places:
        yield position, request[position : place.start]
        position = place.end
    yield position, request[position:]


def _place_of(request: bytes, message: Any, name: str) -> _Place | None:
    """Returns where the numbers of an input are, if that is certain: protobuf must read other numbers there too."""
    tensor = message.inputs[name]
    if not tensor.tensor_content and len(tensor.float_val or tensor.double_val) != declared_size(tensor):
        return None  # to fill such a tensor could take long
    try:
        dtype, array = DataType(tensor.dtype), array_of(tensor)
    except (ValueError, LightshipError):
        return None
    if dtype in (DataType.DT_STRING, DataType.DT_BOOL) or not array.size:
        return None
    wire = array.dtype.newbyteorder("<")
    if tensor.tensor_content:
        field, content = "tensor_content", tensor.tensor_content
        other: Any = bytes(byte ^ 0xFF for byte in content)
        replacement = other
    elif dtype in _PACKED and len(getattr(tensor, _PACKED[dtype])) == math.prod(array.shape):
        field, content = _PACKED[dtype], array.astype(wire).tobytes()
        other = np.full(array.size, 2.0 if array.flat[0] == 1.0 else 1.0, wire)
        replacement = other.tobytes()
    else:
        return None
    expected = _changed(message, name, field, other)
    for start in _places_of(request, content):
        end = start + len(content)
        try:
            read = PredictRequest.FromString(request[:start] + replacement + request[end:])
        except Exception:  # these bytes are not, or not only, the numbers
            continue
        if read == expected:
            return _Place(start, end, name, wire, array.shape)
    return None


def _changed(message: Any, name: str, field: str, value: Any) -> Any:
    """Returns a copy of a request in which an input has other numbers."""
    changed = PredictRequest()
    changed.CopyFrom(message)
    tensor = changed.inputs[name]
    tensor.ClearField(field)
    if field == "tensor_content":
        tensor.tensor_content = value
    else:
        getattr(tensor, field).extend(value.tolist())
    return changed


def _places_of(request: bytes, content: bytes) -> Iterator[int]:
    start = request.find(content)
    for _ in range(_MAX_PLACES):
        if start < 0:
            return
        yield start
        start = request.find(content, start + 1)
