"""The servers that `lightship bench` measures: those of addresses, and its own for folders."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from lightship.bench.child_server import ChildServer
from lightship.bench.measured import Target
from lightship.bench.measuring import Side
from lightship.bench.payload import made_up, of_file, of_photos
from lightship.bench.requests import Encoding, Prepared, prepare, prepare_document
from lightship.bench.served import Served, find_served
from lightship.bench.usage import UsageMeter, server_processes
from lightship.cli.advice import BENCH, check_argument
from lightship.client import Tls
from lightship.client.address import is_address
from lightship.files import read_bytes

_FORMS = {
    (False, "list"): "JSON",
    (False, "binary"): "numpy file",
    (True, "list"): "typed fields",
    (True, "binary"): "tensor_content",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent to the servers, and how."""

    grpc: bool
    encoding: Encoding | None
    signature: str | None
    rows: int
    shapes: Mapping[str, tuple[int, ...]]
    photos: str | None
    data: str | None
    timeout: float
    tls: Tls | None


def opened_side(role: str, target: str, sent: Sent, stack: ExitStack) -> Side:
    """Finds out what a target takes, and prepares its requests. A server for a folder is stopped by `stack`.

    Raises the errors of `find_served` and `prepare`, and FailedPrecondition for a folder that cannot be served.
    """
    check_argument(target, BENCH)
    if is_address(target):
        served, pids = find_served(target, sent.timeout, sent.tls), None
        pids = server_processes(served.family, served.socket_address)
    else:
        server = stack.enter_context(ChildServer(target))
        addresses = server.wait_ready()
        served = find_served(addresses.grpc if sent.grpc else addresses.rest, sent.timeout, None)
        pids = frozenset({server.pid})
    prepared, told = _prepared(served, sent)
    name = served.name if is_address(target) else f"{target} ({'gRPC' if served.grpc else 'REST'})"
    meter = UsageMeter(pids) if pids else None
    return Side(Target(role, name, f"{told}, {prepared.size:,} bytes", prepared.compared), prepared, meter)


def _prepared(served: Served, sent: Sent) -> tuple[Prepared, str]:
    """Returns the requests, and what they are in words."""
    if sent.data is not None and not sent.data.lower().endswith(".npz"):
        return prepare_document(served, read_bytes(sent.data), sent.timeout), sent.data
    if sent.photos is not None:
        payload = of_photos(sent.photos, served.metadata, sent.signature, sent.rows)
    elif sent.data is not None:
        payload = of_file(sent.data, served.metadata, sent.signature)
    else:
        payload = made_up(served.metadata, sent.signature, sent.rows, sent.shapes)
    encoding: Encoding = sent.encoding or ("binary" if served.grpc else "list")
    form = _FORMS[served.grpc, encoding]
    return prepare(served, payload, encoding, sent.timeout), f"{payload.description}, {payload.signature}, {form}"
