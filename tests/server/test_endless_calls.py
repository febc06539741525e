"""A call that never ends does not keep a server from ending in time."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import pytest
from tests.server.conftest import Process
from tests.server.grpc_process import PREDICT, request

PROGRAM = """
import sys, threading
from dataclasses import replace
from lightship.batching import Direct
from lightship.cli.failures import run_command
from lightship.server import Server, ServerOptions, parse_model_argument

class Endless:
    def __init__(self, engine):
        self.engine = engine
    def run(self, *arguments):
        print("begun", file=sys.stderr, flush=True)
        threading.Event().wait()
    def try_run(self, *arguments):
        return None
    def __getattr__(self, name):
        return getattr(self.engine, name)

def run():
    models = [parse_model_argument("m=" + sys.argv[1])]
    server = Server(ServerOptions(models, rest_port="auto", grpc_port="auto", log_format="text", drain_seconds=1.0))
    server.start()
    assert server.wait_ready(60)
    lease = server.manager._serving._models["m"].latest
    engine = Endless(lease.servable.engine)
    lease.servable = replace(lease.servable, engine=engine, scheduler=Direct(engine))
    server.handle_signals()  # the call may come before run() does so
    print("calls do not end from now on", file=sys.stderr, flush=True)
    server.run()

run_command(run, failure=7)
"""


def ask_rest(process: Process) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=60)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("POST", "/v1/models/m:predict", b'{"instances": [1.0]}')
        connection.getresponse()


def ask_grpc(process: Process) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{process.grpc_port}") as channel, contextlib.suppress(grpc.RpcError):
        channel.unary_unary(PREDICT)(request(), timeout=60)


@pytest.mark.parametrize("ask", [ask_rest, ask_grpc], ids=["rest", "grpc"])
def test_the_drain_ends_in_time_with_a_call_that_never_ends(half_plus_two: Path, ask: object) -> None:
    command = [sys.executable, "-c", PROGRAM, str(half_plus_two)]
    process = Process(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    assert callable(ask)
    try:
        process.port = int(process.read_until(r"http://[^ \"]+:(\d+)")[1])
        process.grpc_port = int(process.read_until(r"gRPC on [^ ]+:(\d+)")[1])
        process.read_until("calls do not end from now on")
        threading.Thread(target=ask, args=(process,), daemon=True).start()
        process.read_until("begun")
        signalled = time.monotonic()
        process.signal()
        code, log = process.ended()
        assert time.monotonic() - signalled < 25, log  # it takes 1.5 s on an idle machine; once, it took 32 s
    finally:
        process.popen.kill()
        process.popen.communicate()
    assert code == 7, log
    assert "1 calls had not finished after 1 seconds" in log
