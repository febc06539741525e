"""`:predict` with binary tensors: .npy, .npz, or raw numbers with their dtype and shape in headers.

TensorFlow Serving takes every body for JSON, whatever its content type, and its clients may send JSON as
`application/octet-stream`. So a body of this type is binary only if the request has a header Lightship-Shape or
Lightship-Dtype.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from numpy.typing import NDArray

from lightship.batching import Steps
from lightship.errors import InvalidArgument
from lightship.lifecycle.servable import Servable
from lightship.lifecycle.served_models import ServedModels
from lightship.memory_budget import Reservation
from lightship.saved_model.signatures import Signature, TensorSpec
from lightship.services.predict import check_signature, prepare_prediction
from lightship.tensors.array_memory import memory_of
from lightship.tensors.dtypes import DataType
from lightship.tensors.npy import read_npy, write_npy
from lightship.tensors.npz import read_npz, write_npz
from lightship.tensors.raw import (
    check_dtype,
    check_numeric,
    dtype_name,
    read_raw,
    shape_text,
    write_raw,
)
from lightship.transports.http.messages import JSON, Headers, Request, Response
from lightship.transports.rest.endpoints.predict_response import outputs_document
from lightship.transports.rest.endpoints.prepared_predict import PreparedPredict
from lightship.transports.rest.endpoints.version_header import version_header
from lightship.transports.rest.routes import Route
from lightship.transports.rest.writing.text_memory import answer_memory

_ENCODED_COPIES = 4  # of outputs, at the peak: the arrays, in native order and not, and the files' bytes

Arrays = Mapping[str, NDArray[Any]]

NPY, NPZ, RAW = b"application/x-npy", b"application/x-npz", b"application/octet-stream"
_ANSWERS = {media.decode(): media for media in (NPY, NPZ, RAW, JSON)} | {"*/*": JSON, "application/*": JSON}


def is_binary(request: Request) -> bool:
    """Returns whether a request's body holds binary tensors instead of JSON."""
    media = _media(request)
    return media in (NPY, NPZ) or (media == RAW and (_has(request, b"shape") or _has(request, b"dtype")))


def is_array(request: Request) -> bool:
    """Returns whether a request's body is one binary tensor. To read one takes no time, unlike the files of an .npz."""
    return is_binary(request) and _media(request) != NPZ


def prepare_binary(manager: ServedModels, route: Route, request: Request) -> PreparedPredict:
    """Reads a request with binary tensors.

    It checks the wanted media type, the model, the signature, the outputs and the tensors, in this order.
    """
    media = _wanted(request)
    handle = manager.handle(route.model, route.version, route.label)
    try:
        servable = handle.servable
        signature = check_signature(servable, _name(request, b"signature"))
        wanted = _name(request, b"output")
        _check_outputs(signature, wanted, media)
        names = [wanted] if wanted else None
        inputs = binary_inputs(signature, request)
        prediction = prepare_prediction(servable, signature, inputs, names, request.memory)
    except BaseException:
        handle.release()
        raise
    return PreparedPredict(handle, prediction, partial(_written, route, servable, request.memory, media))


def answer_binary(manager: ServedModels, route: Route, request: Request) -> Steps[Response]:
    """Reads and runs a request with binary tensors."""
    return (yield from prepare_binary(manager, route, request).steps())


def _written(route: Route, servable: Servable, memory: Reservation, media: bytes, outputs: Arrays) -> Response:
    memory.grow(_answer_memory(media, outputs))
    return _response(route, servable, media, outputs)


def _answer_memory(media: bytes, outputs: Arrays) -> int:
    """Returns the bytes that outputs and their encoded form take: the arrays, their bytes, and the file of these."""
    if media == JSON:
        return answer_memory(outputs, rows=False)
    return _ENCODED_COPIES * memory_of(outputs.values())


def _media(request: Request) -> bytes:
    return request.content_type.partition(";")[0].strip().lower().encode("latin-1")


def _has(request: Request, what: bytes) -> bool:
    return any(name == b"lightship-" + what for name, _ in request.headers)


def _name(request: Request, what: bytes) -> str:
    """Returns the name in a header. Names may be percent-encoded."""
    return unquote(request.header(b"lightship-" + what).strip())


def _wanted(request: Request) -> bytes:
    """Returns the first supported media type of the `Accept` header, or JSON if there is none."""
    for part in request.header(b"accept").split(","):
        media, _, parameters = part.partition(";")
        refused = "".join(parameters.split()) in ("q=0", "q=0.0", "q=0.00", "q=0.000")
        if media.strip().lower() in _ANSWERS and not refused:
            return _ANSWERS[media.strip().lower()]
    return JSON


def binary_inputs(signature: Signature, request: Request) -> Arrays:
    """Returns the arrays of a request, by the names of a signature's inputs.

    They are views of its body, unless its bytes must be reordered or aligned.
    """
    if not signature.inputs:  # the signature exists, but has no inputs
        raise InvalidArgument(f"Failed to get input map for signature: {signature.name}")
    for spec in signature.inputs.values():
        check_numeric(spec.name, spec.dtype, "input")
    if _media(request) == NPZ:
        arrays: Arrays = read_npz(request.body, len(signature.inputs), request.memory)
        for name in arrays.keys() & signature.inputs.keys():
            _check_array(arrays[name], signature.inputs[name])
        return arrays  # predict refuses missing or unknown names with TensorFlow Serving's message
    spec = _only_input(signature)
    if _media(request) == RAW:
        return {spec.name: _raw(request, spec)}
    array = read_npy(memoryview(request.body), request.memory)
    _check_array(array, spec)
    return {spec.name: array}


def _check_array(array: NDArray[Any], spec: TensorSpec) -> None:
    check_dtype(array.dtype.name, spec.name, spec.dtype)


def _only_input(signature: Signature) -> TensorSpec:
    if len(signature.inputs) > 1:
        raise InvalidArgument(
            f"signature {signature.name} has {len(signature.inputs)} inputs ({', '.join(signature.inputs)}): send them "
            f"together as {NPZ.decode()}, or as JSON"
        )
    return next(iter(signature.inputs.values()))


def _raw(request: Request, spec: TensorSpec) -> NDArray[Any]:
    for what, example in ((b"dtype", dtype_name(spec.dtype)), (b"shape", "1,160,160,3")):
        if not _has(request, what):
            raise InvalidArgument(
                f"{RAW.decode()} needs the header Lightship-{what.decode().title()}, such as {example}"
            )
    dtype, shape = _name(request, b"dtype"), request.header(b"lightship-shape")
    return read_raw(request.body, dtype, shape, spec.name, spec.dtype, request.memory)


def _check_outputs(signature: Signature, wanted: str, media: bytes) -> None:
    """Raises InvalidArgument if the media type cannot represent the wanted output, or all if none is named."""
    if wanted and wanted not in signature.outputs:
        raise InvalidArgument(f'the signature has no output "{wanted}": name one of {", ".join(signature.outputs)}')
    names = [wanted] if wanted else list(signature.outputs)
    if media == JSON:
        return
    if media != NPZ and len(names) > 1:
        raise InvalidArgument(
            f"signature {signature.name} has {len(names)} outputs ({', '.join(names)}) and {media.decode()} holds one: "
            f"name it in the header Lightship-Output, or accept {NPZ.decode()}"
        )
    for name in names:
        spec = signature.outputs[name]
        check_numeric(spec.name, spec.dtype, "output")
        if media != RAW and spec.dtype.numpy.kind not in "biufc":
            raise InvalidArgument(
                f'output "{name}" is {dtype_name(spec.dtype)}, which numpy files lack: accept {RAW.decode()}'
            )


def _response(route: Route, servable: Servable, media: bytes, outputs: Arrays) -> Response:
    version = servable.id.version
    headers = version_header(version)
    if media == JSON:
        body = outputs_document(outputs)
    elif media == NPZ:
        body = write_npz(outputs)
    else:
        ((name, array),) = outputs.items()
        headers += _described(name, array)
        body = write_raw(array) if media == RAW else write_npy(array)
    return Response(200, body, media, headers, model=route.model, api=route.action, version=version)


def _described(name: str, array: NDArray[Any]) -> Headers:
    return (
        (b"Lightship-Output", quote(name).encode()),
        (b"Lightship-Dtype", dtype_name(DataType.of(array.dtype)).encode()),
        (b"Lightship-Shape", shape_text(array.shape).encode()),
    )
