"""What REST costs at least: an HTTP server of one asyncio protocol on uvloop that checks nothing.

httptools parses each request, pysimdjson reads its float list, OpenVINO makes its cheapest call, and orjson writes the
answer. MODEL: a version folder with one input and one output, whose rows have a fixed shape.
Usage: MODEL=models/toy/1 python -m benchmarks.yardstick --port 8501
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal

import httptools
import numpy as np
import openvino as ov
import orjson
import simdjson
import uvloop


class Model:
    """Predicts one row, given and returned as JSON."""

    def __init__(self, folder: str) -> None:
        core = ov.Core()
        model = core.read_model(folder)
        row = [dimension.get_length() for dimension in list(model.inputs[0].partial_shape)[1:]]
        model.reshape([1, *row])
        compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        self._request = compiled.create_infer_request()
        self._input, self._output = self._request.get_input_tensor(0).data, self._request.get_output_tensor(0)
        self._parser = simdjson.Parser()

    def predict(self, body: bytes) -> bytes:
        document = self._parser.parse(body)
        self._input[...] = np.frombuffer(document["instances"].as_buffer(of_type="d")).reshape(self._input.shape)
        del document  # the parser can be used again only when its last document is freed
        self._request.infer(None, share_inputs=True, share_outputs=True)
        return orjson.dumps({"predictions": self._output.data}, option=orjson.OPT_SERIALIZE_NUMPY)


class Connection(asyncio.Protocol):
    """Answers each request of a connection with the model's prediction, whatever its path and headers."""

    transport: asyncio.Transport

    def __init__(self, model: Model) -> None:
        self._model = model
        self._parser = httptools.HttpRequestParser(self)
        self._chunks: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        body = self._model.predict(b"".join(self._chunks))
        self._chunks.clear()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)


async def serve(port: int, model: Model) -> None:
    """Serves until the process receives SIGTERM or SIGINT."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(lambda: Connection(model), "127.0.0.1", port)
    await stopped.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port, Model(os.environ["MODEL"])))


if __name__ == "__main__":
    main()
