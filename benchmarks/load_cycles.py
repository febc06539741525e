"""What a server keeps of models that it has unloaded: resident memory after each cycle of loading, calls and unloading.

Each cycle replaces the list of models twice over gRPC: first by the model, which then answers a call, then by nothing.
Usage: python -m benchmarks.load_cycles [--model toy=500 --model mobilenet=200 --model resnet=60] [--first 20]
    [--engine auto]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import numpy as np
from benchmarks.models import made
from fuzz.target import Target, started
from numpy.typing import NDArray

from lightship import protos
from lightship.client import Client

CYCLES = {"toy": 500, "mobilenet": 200, "resnet": 60}
SHAPES = {"toy": (1, 4), "mobilenet": (1, 160, 160, 3), "resnet": (1, 224, 224, 3)}
TIMEOUT = 300.0  # seconds of a load, a call or an unload
_NAME = "cycled"
_RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"


class Held(NamedTuple):
    """What a process has open or running."""

    threads: int
    descriptors: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", metavar="NAME=CYCLES")
    parser.add_argument("--first", type=int, default=20, help="The cycle with which the last one is compared.")
    parser.add_argument("--engine", default="auto", help="As in `lightship serve`.")
    options = parser.parse_args()
    wanted = dict(one.split("=") for one in options.model) if options.model else CYCLES
    for name, cycles in wanted.items():
        measure(name, made() / name, int(cycles), options.first, "--engine", options.engine)


def measure(name: str, folder: Path, cycles: int, first: int, *options: str) -> None:
    with started([made() / "toy"], "--allow-reload", *options) as target:
        resident = cycled(target, name, folder, cycles)
    early, late = resident[min(first, cycles) - 1], resident[-1]
    print(f"{name}: {early:.0f} MB after {min(first, cycles)} cycles, {late:.0f} MB after {cycles}: {late / early:.3f}")


def cycled(target: Target, name: str, folder: Path, cycles: int) -> list[float]:
    """Returns the resident megabytes after each cycle."""
    resident = []
    rows = np.random.default_rng(0).random(SHAPES[name], np.float32)
    with Client(f"grpc://127.0.0.1:{target.grpc_port}", timeout=TIMEOUT) as client:
        for number in range(1, cycles + 1):
            cycle(target.grpc_port, client, folder, rows)
            resident.append(target.settled_megabytes(below=0, seconds=0.7))
            if number in (1, 2, 5, 10) or number % 20 == 0:
                held = what_is_held(target.process.pid)
                print(
                    f"{name}: {resident[-1]:.0f} MB, {held.threads} threads and {held.descriptors} open files"
                    f" after {number} cycles",
                    flush=True,
                )
    return resident


def cycle(grpc_port: int, client: Client, folder: Path, rows: NDArray[Any]) -> None:
    """Loads a model into a server that has the reload call, asks it once, unloads it, and waits until that is done.

    The model is called `cycled`. What the server served before is unloaded.
    """
    replace_models(grpc_port, [(_NAME, folder)])
    client.predict(_NAME, rows)
    replace_models(grpc_port, [])
    end = time.monotonic() + TIMEOUT
    while client_sees(client, _NAME):
        if time.monotonic() > end:
            raise TimeoutError(f"the model in {folder} was not unloaded within {TIMEOUT} seconds")
        time.sleep(0.01)


def client_sees(client: Client, name: str) -> bool:
    """Returns whether a version of the model is still loaded."""
    return any(version.state != "END" for version in client.status(name))


def what_is_held(pid: int) -> Held:
    place = Path(f"/proc/{pid}")
    return Held(len(list((place / "task").iterdir())), len(list((place / "fd").iterdir())))


def replace_models(grpc_port: int, models: Sequence[tuple[str, Path]]) -> None:
    """Replaces the list of models of a server, and returns when the new ones are AVAILABLE."""
    message = protos.ReloadConfigRequest()
    message.config.model_config_list.SetInParent()
    for name, folder in models:
        message.config.model_config_list.config.add(name=name, base_path=str(folder), model_platform="tensorflow")
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        channel.unary_unary(_RELOAD, None, protos.ReloadConfigResponse.FromString)(
            message.SerializeToString(), timeout=TIMEOUT
        )


if __name__ == "__main__":
    main()
