"""grpcio alone: a server that answers every Predict with what it was sent. `grpc_servers` calls it.

Usage: python -m benchmarks.grpc_yardstick
"""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor

import grpc


class Echo(grpc.GenericRpcHandler):
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request)


if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(2), handlers=[Echo()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(json.dumps({"grpc_port": port}), flush=True)
    signal.pause()
