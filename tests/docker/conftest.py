"""A real engine and real images, made once a session; and containers that are gone when their test ends."""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from tests.cli.conftest import Run as RunCommand
from tests.cli.conftest import runner
from tests.docker import built_images, own_engine
from tests.docker.containers import Running, started
from tests.docker.own_engine import Engine

Run = Callable[..., Running]


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine that only these tests use. Skips where none can be had, but for CI, where that is a failure."""
    reason = own_engine.why_not()
    if reason:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    with own_engine.running_engine() as started:
        yield started


@pytest.fixture(scope="session")
def docker_client(engine: Engine) -> Iterator[docker.DockerClient]:
    with contextlib.closing(engine.client()) as client:
        yield client


@pytest.fixture(scope="session")
def base_image(engine: Engine) -> str:
    """`debian:bookworm-slim`, as far as Debian's packages make it."""
    return built_images.import_base(engine)


@pytest.fixture(scope="session")
def image(engine: Engine) -> str:
    """`lightship:<version>`, built by what `make image` runs."""
    return built_images.build(engine)


@pytest.fixture(scope="session")
def stand_in(engine: Engine, image: str) -> str:
    """`tensorflow/serving:2.20.0`, or what can be had of it without a registry: the same contract (entry point and
    its path, MODEL_NAME, MODEL_BASE_PATH, ports, root, no health check, a first process that passes no signal on, so
    that a stop ends in SIGKILL) around Lightship's server, which has the same flags."""
    return built_images.build_stand_in(engine, image)


@pytest.fixture
def run(docker_client: docker.DockerClient, image: str) -> Iterator[Run]:
    """Starts our image with `docker run`'s further arguments; see `containers.started`."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: str, image: str = image, **options: Any) -> Running:
            return stack.enter_context(started(docker_client, image, *arguments, **options))

        yield start


@pytest.fixture
def lightship(engine: Engine, tmp_path: Path) -> RunCommand:
    """The command, on the tests' engine."""
    installed = runner(Path(sys.executable).parent / "lightship", tmp_path)

    def run(*arguments: object, env: dict[str, str] | None = None, **options: Any) -> Any:
        return installed(*arguments, env={"DOCKER_HOST": engine.base_url} | (env or {}), **options)

    return run


@pytest.fixture
def docker_host(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """`lightship.docker` in this process uses the tests' engine."""
    monkeypatch.setenv("DOCKER_HOST", engine.base_url)


@pytest.fixture
def name(docker_client: docker.DockerClient) -> Iterator[str]:
    """For a container, which is removed at the end, with those whose names begin with it."""
    chosen = f"serving-{uuid.uuid4().hex[:8]}"
    yield chosen
    for container in docker_client.containers.list(all=True, filters={"name": chosen}, ignore_removed=True):
        with contextlib.suppress(docker.errors.NotFound):
            container.remove(force=True)
