"""Containers as a user starts them, on ports that are free, waited for by what they answer."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import httpx2
from docker.models.containers import Container

DEADLINE = 180.0
HARDENED = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}


@dataclass(frozen=True, slots=True)
class Running:
    container: Container
    rest_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.rest_port}"

    @property
    def address(self) -> str:
        """Of the container itself: the engine's proxy for published ports accepts for a server that is gone."""
        return str(self.container.attrs["NetworkSettings"]["IPAddress"])

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Until the condition holds. Fails at the deadline, or when the container ends, with its log."""
        deadline = time.monotonic() + DEADLINE
        while not condition():
            self.container.reload()
            late = time.monotonic() > deadline
            if late or self.container.status != "running":
                raise AssertionError(f"not {what}: {self.container.status}\n{self.container.logs().decode()}")

    def wait_ready(self) -> None:
        self.wait(self.is_ready, "ready")

    def is_ready(self) -> bool:
        with contextlib.suppress(httpx2.TransportError):
            return httpx2.get(f"{self.url}/readyz").status_code == 200
        return False

    def health(self) -> str:
        self.container.reload()
        return str(self.container.attrs["State"]["Health"]["Status"])

    def execute(self, *command: str) -> str:
        code, output = self.container.exec_run(list(command))
        assert code == 0, output.decode()
        return str(output.decode())


@contextlib.contextmanager
def started(
    client: docker.DockerClient, image: str, *arguments: str, models: dict[str, Path], port: int = 8501, **options: Any
) -> Iterator[Running]:
    """models: folders with versions, by the names that they have below /models; the first one is MODEL_NAME."""
    volumes = {str(folder): {"bind": f"/models/{name}", "mode": "ro"} for name, folder in models.items()}
    environment = {"MODEL_NAME": next(iter(models), "model"), **options.pop("environment", {})}
    settings = {"volumes": volumes, "environment": environment, "ports": {f"{port}/tcp": ("127.0.0.1", None)}}
    container = client.containers.run(image, list(arguments), detach=True, **settings, **options)
    try:
        container.reload()
        published = container.ports.get(f"{port}/tcp")
        yield Running(container, int(published[0]["HostPort"]) if published else 0)
    finally:
        container.remove(force=True, v=True)
