"""What gRPC costs at least: an HTTP/2 server of one asyncio protocol on uvloop that checks nothing.

It reads no headers, ignores the client's windows, and answers every message as a Predict whose one input is sent as
`tensor_content` of floats. Calls that arrive together are answered together, each with a run of its own.
MODEL: a version folder with one input and one output, whose rows have a fixed shape.
Usage: python -m benchmarks.grpc_yardstick MODEL
"""

from __future__ import annotations

import asyncio
import json
import signal
import struct
import sys

import numpy as np
import openvino as ov
import uvloop

from lightship import protos

_PREFACE_BYTES = 24
_DATA, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 4, 6, 8
_ACK = _END = 1
_MAX_FRAME = 16384
_WINDOW = 1 << 30
_HEAD = b"\x88\x0f\x10\x10application/grpc"
_TRAILERS = b"\x00\x0bgrpc-status\x010"
_read_head = struct.Struct(">IBI").unpack_from
_write_head = struct.Struct(">IBI").pack


class Model:
    """Answers the bytes of a request with the bytes of a response."""

    def __init__(self, folder: str) -> None:
        core = ov.Core()
        compiled = core.compile_model(core.read_model(folder), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        self._row = [size.get_length() for size in list(compiled.inputs[0].partial_shape)[1:]]
        self._output = next(iter(compiled.outputs[0].names))
        self._request = compiled.create_infer_request()
        self._input = self._request.get_input_tensor(0)

    def predict(self, body: bytes) -> bytes:
        request = protos.PredictRequest.FromString(body)
        ((_, tensor),) = request.inputs.items()
        rows = np.frombuffer(tensor.tensor_content, np.float32).reshape(-1, *self._row)
        if tuple(self._input.shape) != rows.shape:
            self._input.shape = rows.shape
        self._input.data[:] = rows
        self._request.infer(None)
        result = self._request.get_output_tensor(0).data
        response = protos.PredictResponse()
        response.model_spec.name, response.model_spec.signature_name = request.model_spec.name, "serving_default"
        output = response.outputs[self._output]
        output.dtype = 1
        for size in result.shape:
            output.tensor_shape.dim.add().size = size
        output.float_val.extend(result.ravel().tolist())
        answer: bytes = response.SerializeToString()
        return answer


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return _write_head(len(payload) << 8 | kind, flags, stream) + payload


class Calls:
    """The calls that have arrived in this turn of the event loop."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._waiting: list[tuple[Connection, int, bytes]] = []

    def add(self, connection: Connection, stream: int, message: bytes) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._answer)
        self._waiting.append((connection, stream, message))

    def _answer(self) -> None:
        calls, self._waiting = self._waiting, []
        answers = [self._model.predict(message[5:]) for _, _, message in calls]
        written: dict[Connection, list[bytes]] = {}
        for (connection, stream, _), answer in zip(calls, answers, strict=True):
            body = b"\0" + len(answer).to_bytes(4, "big") + answer
            frames = written.setdefault(connection, [])
            frames.append(frame(1, 4, stream, _HEAD))
            frames += (frame(_DATA, 0, stream, body[at : at + _MAX_FRAME]) for at in range(0, len(body), _MAX_FRAME))
            frames.append(frame(1, 5, stream, _TRAILERS))
        for connection, frames in written.items():
            connection.transport.write(b"".join(frames))


class Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._rest = b""
        self._begun = False
        self._received = 0
        self._bodies: dict[int, bytearray] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        position, out = 0, []
        if not self._begun:
            if len(data) < _PREFACE_BYTES:
                self._rest = data
                return
            position, self._begun = _PREFACE_BYTES, True
            settings = struct.pack(">HI", 4, _WINDOW)
            out.append(frame(_SETTINGS, 0, 0, settings) + frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", _WINDOW)))
        while len(data) - position >= 9:
            start, flags, stream = _read_head(data, position)
            end = position + 9 + (start >> 8)
            if end > len(data):
                break
            payload, kind = data[position + 9 : end], start & 0xFF
            position = end
            if kind == _DATA:
                self._take(stream, payload, flags, out)
            elif kind in (_SETTINGS, _PING) and not flags & _ACK:
                out.append(frame(kind, _ACK, 0, payload if kind == _PING else b""))
        self._rest = data[position:]
        if out:
            self.transport.write(b"".join(out))

    def _take(self, stream: int, payload: bytes, flags: int, out: list[bytes]) -> None:
        self._received += len(payload)
        if self._received > _WINDOW >> 10:
            out.append(frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", self._received)))
            self._received = 0
        begun = self._bodies.pop(stream, None)
        if flags & _END:
            self._calls.add(self, stream, payload if begun is None else bytes(begun + payload))
        else:
            self._bodies[stream] = bytearray(payload) if begun is None else begun + payload


async def serve(folder: str) -> None:
    """Prints its port as JSON, and serves until the process receives SIGTERM or SIGINT."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    calls = Calls(Model(folder))
    server = await loop.create_server(lambda: Connection(calls), "127.0.0.1", 0)
    print(json.dumps({"grpc_port": server.sockets[0].getsockname()[1]}), flush=True)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
