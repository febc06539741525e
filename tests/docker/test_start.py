"""A model started in a container, on a real engine, by the command and from Python."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import docker
import numpy as np
import pytest
from tests.cli.conftest import Run

import lightship as library
from lightship import Client
from lightship.errors import NotFound

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

REST, GRPC = "0:8501", "0:8500"


def started(lightship: Run, *arguments: object) -> dict[str, Any]:
    done = lightship("docker", "start", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_photo_is_answered(lightship: Run, image: str, dog_bundle: Path, dog_photo: Path, name: str) -> None:
    done = lightship("docker", "start", dog_bundle, "--name", name, "-p", REST, "-p", GRPC)
    assert (done.returncode, done.stderr) == (0, "")
    url = done.stdout.split(" answers at ")[1].strip()
    with Client(url) as client:
        assert client.classify_image("dog", dog_photo).label == "bull_mastiff"


def test_our_image_gets_no_rights_it_does_not_need(
    lightship: Run, docker_client: docker.DockerClient, image: str, half_plus_two: Path, name: str
) -> None:
    started(lightship, half_plus_two, "--name", name, "-p", REST)
    attributes = docker_client.containers.get(name).attrs
    host = attributes["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"])
    assert host["SecurityOpt"] == ["no-new-privileges"]
    (mount,) = attributes["Mounts"]
    assert (mount["Source"], mount["Destination"], mount["RW"]) == (str(half_plus_two), "/models/half_plus_two", False)
    (binding,) = attributes["NetworkSettings"]["Ports"]["8501/tcp"]
    assert binding["HostIp"] == "127.0.0.1"


def test_limits_variables_and_flags_reach_the_container(
    lightship: Run, docker_client: docker.DockerClient, image: str, half_plus_two: Path, name: str
) -> None:
    options = ["--memory", "900m", "--cpus", "1.5", "-e", "TOKEN=a=b", "--restart", "no", "--model-name", "half"]
    flag = "--file_system_poll_wait_seconds=2"
    found = started(lightship, half_plus_two, "--name", name, "-p", REST, *options, "--", flag)
    attributes = docker_client.containers.get(name).attrs
    host = attributes["HostConfig"]
    assert (host["Memory"], host["NanoCpus"], host["RestartPolicy"]["Name"]) == (900 << 20, 1_500_000_000, "no")
    assert {"TOKEN=a=b", "MODEL_NAME=half"} <= set(attributes["Config"]["Env"])
    assert attributes["Config"]["Cmd"] == [flag]
    assert found["model"] == "half"


def test_the_official_image_is_started_the_classic_way(
    lightship: Run, docker_client: docker.DockerClient, stand_in: str, half_plus_two: Path, name: str
) -> None:
    found = started(lightship, half_plus_two, "--image", stand_in, "--name", name, "-p", REST)
    attributes = docker_client.containers.get(name).attrs
    host = attributes["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["SecurityOpt"]) == (False, None, None)
    assert "MODEL_NAME=half_plus_two" in attributes["Config"]["Env"]
    with Client(found["url"]) as client:
        assert client.predict("half_plus_two", np.array([[1.0]], np.float32))["y"].tolist() == [[2.5]]


def test_a_new_version_is_taken_up_and_a_pinned_one_stays(
    lightship: Run, image: str, half_plus_two: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "half_plus_two"
    shutil.copytree(half_plus_two / "123", folder / "1")
    shutil.copytree(half_plus_two / "123", folder / "2")
    found = started(lightship, folder, "--name", name, "-p", REST, "--pin-version", "1")
    with Client(found["url"]) as client:
        assert [version.version for version in client.status("half_plus_two")] == [1]
    found = started(lightship, folder, "--name", name, "-p", REST, "--replace")
    assert found["action"] == "replaced"
    with Client(found["url"]) as client:
        assert client.status("half_plus_two", version=2)[0].state == "AVAILABLE"


@pytest.mark.usefixtures("docker_host")
def test_a_handle_asks_shows_and_removes_at_its_end(
    docker_client: docker.DockerClient, image: str, half_plus_two: Path, name: str
) -> None:
    steps: list[str] = []
    with library.docker.start(half_plus_two, name=name, publish=[REST, GRPC], progress=steps.append) as container:
        with container.client() as client:
            assert client.predict("half_plus_two", np.array([[4.0]], np.float32))["y"].tolist() == [[4.0]]
        status = container.status()
        assert (status.ready, status.id, status.url, status.grpc) == (True, container.id, container.url, container.grpc)
        assert "half_plus_two" in container.logs(tail=50)
    assert steps[:2] == [f"looking for the image {image}", f"starting {name} from {image}"]
    with pytest.raises(docker.errors.NotFound):
        docker_client.containers.get(name)
    with pytest.raises(NotFound, match=f"no container {name}"):
        container.status()
    container.stop()  # once more changes nothing


@pytest.mark.usefixtures("docker_host")
def test_a_handle_does_not_end_the_container_that_took_its_name(image: str, half_plus_two: Path, name: str) -> None:
    first = library.docker.start(half_plus_two, name=name, publish=[REST])
    second = library.docker.start(half_plus_two, name=name, publish=[REST], environment={"A": "1"}, replace=True)
    first.stop()
    assert second.status().ready
