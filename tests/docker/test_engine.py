"""The test bed itself: an engine of its own, Debian in it, and images that start."""

from __future__ import annotations

import docker
import pytest
from tests.docker.own_engine import Engine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]


def test_the_engine_is_not_the_machines_own(engine: Engine, docker_client: docker.DockerClient) -> None:
    assert docker_client.info()["DockerRootDir"] == f"{engine.folder}/data"
    assert len(engine.base_url) < 100


def test_the_base_is_a_small_debian(docker_client: docker.DockerClient, base_image: str) -> None:
    assert docker_client.containers.run(base_image, "cat /etc/debian_version", remove=True).startswith(b"12.")
    assert docker_client.images.get(base_image).attrs["Size"] < 120e6


def test_the_stand_in_keeps_the_official_contract(docker_client: docker.DockerClient, stand_in: str) -> None:
    config = docker_client.images.get(stand_in).attrs["Config"]
    assert config["Entrypoint"] == ["/usr/bin/tf_serving_entrypoint.sh"]
    assert {"MODEL_NAME=model", "MODEL_BASE_PATH=/models"} <= set(config["Env"])
    assert set(config["ExposedPorts"]) == {"8500/tcp", "8501/tcp"}
    assert docker_client.containers.run(stand_in, "-c 'id -u'", entrypoint="sh", remove=True) == b"0\n"
