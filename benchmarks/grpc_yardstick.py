"""The gRPC libraries alone: a server that answers every Predict with what it was sent. `grpc_servers` asks it.

Usage: python -m benchmarks.grpc_yardstick grpcio|native
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

PREDICT = "/tensorflow.serving.PredictionService/Predict"


class Echo(grpc.GenericRpcHandler):
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request)


def grpcio() -> tuple[int, object]:
    server = grpc.server(ThreadPoolExecutor(2), handlers=[Echo()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return port, server


def native() -> tuple[int, object]:
    from pygrpc_native import NativeGrpcFront

    front = NativeGrpcFront("127.0.0.1:0", [(PREDICT, False)])
    front.start()

    def answer() -> None:
        while (events := front.recv_batch(64)) is not None:
            for _, number, _, message, _ in events:
                if message is not None:
                    front.respond(number, message)

    threading.Thread(target=answer, daemon=True).start()
    return front.bound_port, front


if __name__ == "__main__":
    port, server = {"grpcio": grpcio, "native": native}[sys.argv[1]]()  # held: it would stop without
    print(json.dumps({"grpc_port": port}), flush=True)
    signal.pause()
