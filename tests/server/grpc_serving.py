"""A gRPC server in this process, whose runs can be made to wait."""

from __future__ import annotations

import socket
import threading
from typing import Any

import grpc
from tests.server.grpc_process import PREDICT, request, values_of

from lightship.lifecycle.servable import Servable
from lightship.server import Server


def predict(channel: grpc.Channel, **options: Any) -> list[float]:
    return values_of(channel.unary_unary(PREDICT)(request(), **{"timeout": 60} | options))


class Slow:
    """An engine that waits until it may go on."""

    def __init__(self, servable: Servable) -> None:
        self.engine, self.begun, self.go_on = servable.engine, threading.Semaphore(0), threading.Event()
        self.runs = 0

    def run(self, *arguments: Any, **options: Any) -> Any:
        self.runs += 1
        self.begun.release()
        assert self.go_on.wait(60)
        return self.engine.run(*arguments, **options)

    def try_run(self, *arguments: Any, **options: Any) -> None:
        """Never quick: the run is to be done on a thread."""

    def ready(self, *arguments: Any) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


def handles(server: Server) -> int:
    lease = server.manager._serving._models["m"].latest
    assert lease is not None
    return lease._handles


def closed(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=60).close()
    except ConnectionError:  # refused, or reset where it was still in the queue
        return True
    return False
