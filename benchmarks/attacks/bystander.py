"""Another client, in a process of its own: it keeps asking, on a new connection each time, and notes how long it waits.

Usage: python -m benchmarks.attacks.bystander ADDRESS [livez] [predict] [photo] [grpc]. It says "ready" once each was
answered, and then a line for each request, the JSON of [what, when, seconds, status], until its standard input ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import grpc
from benchmarks.attacks.exchange import Answer, ask
from benchmarks.attacks.grpc_connection import PREDICT
from benchmarks.attacks.grpc_kinds import small_request
from benchmarks.attacks.payloads import post
from benchmarks.attacks.target import ROOT, Address

KINDS = ("livez", "predict", "photo")
GRPC = "grpc"  # the same as "predict", on one connection
OTHER_ANSWER = "another answer"
_PAUSE = {"livez": 0.01, "predict": 0.01, "photo": 0.05, GRPC: 0.01}
_PATIENCE = 150.0  # seconds


class Seen(NamedTuple):
    """begun: on the monotonic clock, which all processes share."""

    what: str
    begun: float
    seconds: float
    status: str


class Bystander:
    """The process, as its parent sees it. `seen`: what it saw so far."""

    def __init__(self, address: Address, kinds: Sequence[str]) -> None:
        command = [sys.executable, "-m", "benchmarks.attacks.bystander", address.told(), *kinds]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
        )
        self.seen: list[Seen] = []
        assert self._process.stdout is not None
        self._output = self._process.stdout
        if self._output.readline() != "ready\n":
            self._end()
            raise RuntimeError("the other client was not answered before the attack")
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Bystander:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._reader.join()
        self._end()

    def stop(self) -> list[Seen]:
        """Waits for the answers to what it asked last."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._reader.join()
        return self.seen

    def _read(self) -> None:
        for line in self._output:
            self.seen.append(Seen(*json.loads(line)))

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._output.close()
        self._process.wait(30)


def longest(seen: Sequence[Seen], since: float) -> dict[str, float]:
    """The longest wait for each kind, of requests that were answered after a moment."""
    waits: dict[str, float] = {}
    for one in seen:
        if one.begun + one.seconds > since:
            waits[one.what] = max(waits.get(one.what, 0.0), one.seconds)
    return waits


def failures(seen: Sequence[Seen], since: float) -> Counter[str]:
    """What came instead of a good answer, after a moment."""
    return Counter(
        f"{one.what} {one.status}" for one in seen if one.status != "200" and one.begun + one.seconds > since
    )


def _requests(address: Address) -> dict[str, bytes]:
    photo = Path(address.photo).read_bytes() if address.photo else b""
    return {
        "livez": b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "predict": post(address.toy, address.small_body(), "Connection: close"),
        "photo": post(address.photos, photo, "Content-Type: image/jpeg", "Connection: close"),
    }


def _asking(address: Address) -> dict[str, Callable[[float], Answer]]:
    """What asks, given how many seconds it may take."""
    asking: dict[str, Callable[[float], Answer]] = {
        kind: partial(ask, address.port, request) for kind, request in _requests(address).items()
    }
    channel = grpc.insecure_channel(f"127.0.0.1:{address.grpc_port}", options=[("grpc.enable_retries", 0)])
    predict, request = channel.unary_unary(PREDICT), small_request(address)

    def ask_grpc(timeout: float) -> Answer:
        try:
            return Answer("200", predict(request, timeout=timeout))
        except grpc.RpcError as error:
            return Answer(error.code().name)  # type: ignore[attr-defined]

    return asking | {GRPC: ask_grpc}


def main() -> None:
    with suppress(OSError):
        os.nice(-10)  # so that little of what it waits for is its own processor
    address, kinds = Address.read(sys.argv[1]), sys.argv[2:]
    asking = {kind: ask_for for kind, ask_for in _asking(address).items() if kind in kinds}
    right = {kind: ask_for(30.0) for kind, ask_for in asking.items()}
    if any(answer.status != "200" for answer in right.values()):
        sys.exit(f"the other client was answered with {right}")
    stop = threading.Event()

    def keep_asking(kind: str) -> None:
        while not stop.is_set():
            begun = time.monotonic()
            answer = asking[kind](_PATIENCE)
            status = OTHER_ANSWER if answer.status == "200" and answer != right[kind] else answer.status
            sys.stdout.write(json.dumps([kind, begun, time.monotonic() - begun, status]) + "\n")
            sys.stdout.flush()
            stop.wait(_PAUSE[kind])

    threads = [threading.Thread(target=keep_asking, args=(kind,)) for kind in asking]
    print("ready", flush=True)
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
