"""What a server keeps of models that it has unloaded: resident memory after each cycle of loading, calls and unloading.

Each cycle replaces the list of models twice over gRPC: first by the model, which then answers a call, then by nothing.
Usage: python -m benchmarks.load_cycles [--model toy=500 --model mobilenet=200 --model resnet=60] [--first 20]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import grpc
import numpy as np
from benchmarks.models import made
from fuzz.target import Target, started

from lightship import protos
from lightship.client import Client

CYCLES = {"toy": 500, "mobilenet": 200, "resnet": 60}
SHAPES = {"toy": (1, 4), "mobilenet": (1, 160, 160, 3), "resnet": (1, 224, 224, 3)}
_RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", metavar="NAME=CYCLES")
    parser.add_argument("--first", type=int, default=20, help="The cycle with which the last one is compared.")
    options = parser.parse_args()
    wanted = dict(one.split("=") for one in options.model) if options.model else CYCLES
    for name, cycles in wanted.items():
        measure(name, made() / name, int(cycles), options.first)


def measure(name: str, folder: Path, cycles: int, first: int) -> None:
    with started([made() / "toy"], "--allow-reload") as target:
        resident = cycled(target, name, folder, cycles)
    early, late = resident[min(first, cycles) - 1], resident[-1]
    print(f"{name}: {early:.0f} MB after {min(first, cycles)} cycles, {late:.0f} MB after {cycles}: {late / early:.3f}")


def cycled(target: Target, name: str, folder: Path, cycles: int) -> list[float]:
    """Returns the resident megabytes after each cycle."""
    resident = []
    rows = np.random.default_rng(0).random(SHAPES[name], np.float32)
    with Client(f"grpc://127.0.0.1:{target.grpc_port}") as client:
        for cycle in range(1, cycles + 1):
            replace_models(target, [(name, folder)])
            client.predict(name, rows)
            replace_models(target, [])
            while client_sees(client, name):
                time.sleep(0.01)
            resident.append(target.settled_megabytes(below=0, seconds=0.7))
            if cycle in (1, 2, 5, 10) or cycle % 20 == 0:
                print(f"{name}: {resident[-1]:.0f} MB after {cycle} cycles", flush=True)
    return resident


def client_sees(client: Client, name: str) -> bool:
    """Returns whether a version of the model is still loaded."""
    return any(version.state != "END" for version in client.status(name))


def replace_models(target: Target, models: Sequence[tuple[str, Path]]) -> None:
    """Replaces the list of models of a server, and returns when the new ones are AVAILABLE."""
    message = protos.ReloadConfigRequest()
    message.config.model_config_list.SetInParent()
    for name, folder in models:
        message.config.model_config_list.config.add(name=name, base_path=str(folder), model_platform="tensorflow")
    with grpc.insecure_channel(f"127.0.0.1:{target.grpc_port}") as channel:
        channel.unary_unary(_RELOAD, None, protos.ReloadConfigResponse.FromString)(
            message.SerializeToString(), timeout=120
        )


if __name__ == "__main__":
    main()
