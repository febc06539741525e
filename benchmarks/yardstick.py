"""What REST costs at least: a bare ASGI callable with pysimdjson, OpenVINO's cheapest call and orjson, and no checks.

Run by uvicorn. MODEL: a version folder with one input and one output, whose rows have a fixed shape.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import openvino as ov
import orjson
import simdjson

_core = ov.Core()
_model = _core.read_model(os.environ["MODEL"])
_row = [dimension.get_length() for dimension in list(_model.inputs[0].partial_shape)[1:]]
_model.reshape([1, *_row])
_request = _core.compile_model(_model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
_input, _output = _request.get_input_tensor(0).data, _request.get_output_tensor(0)
_parser = simdjson.Parser()
_start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    chunks = []
    more = True
    while more:
        message = await receive()
        chunks.append(message["body"])
        more = message["more_body"]
    document = _parser.parse(b"".join(chunks))
    _input[...] = np.frombuffer(document["instances"].as_buffer(of_type="d")).reshape(_input.shape)
    del document
    _request.infer(None, share_inputs=True, share_outputs=True)
    body = orjson.dumps({"predictions": _output.data}, option=orjson.OPT_SERIALIZE_NUMPY)
    length = (b"content-length", b"%d" % len(body))
    await send({**_start, "headers": [*_start["headers"], length]})  # type: ignore[misc]
    await send({"type": "http.response.body", "body": body})
