"""What is done with a container that was started: stopped, shown, its log read."""

from __future__ import annotations

import json
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container
from tests.cli.conftest import Run

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]


@pytest.fixture
def serving(
    lightship: Run, docker_client: docker.DockerClient, image: str, half_plus_two: Path, name: str
) -> Container:
    done = lightship("docker", "start", half_plus_two, "--name", name, "-p", "0:8501")
    assert done.returncode == 0, done.stderr
    return docker_client.containers.get(name)


@pytest.fixture
def foreign(docker_client: docker.DockerClient, base_image: str, name: str) -> Container:
    return docker_client.containers.run(base_image, "sleep 600", name=name, detach=True)


@pytest.mark.parametrize("state", ["running", "paused", "exited"])
def test_it_is_stopped_and_removed(
    lightship: Run, docker_client: docker.DockerClient, serving: Container, state: str
) -> None:
    if state == "paused":
        serving.pause()
    elif state == "exited":
        serving.kill()
    done = lightship("docker", "stop", "--name", serving.name)
    assert (done.returncode, done.stdout) == (0, f"{serving.name} is stopped and removed\n")
    assert not docker_client.containers.list(all=True, filters={"name": serving.name})


def test_what_is_not_there_need_not_be_stopped(lightship: Run, name: str) -> None:
    done = lightship("docker", "stop", "--name", name)
    assert (done.returncode, done.stdout) == (0, f"there is no container {name}: nothing to stop\n")
    assert json.loads(lightship("docker", "stop", "--name", name, "--json").stdout) == {"name": name, "stopped": False}


def test_what_is_not_ours_is_not_stopped(lightship: Run, foreign: Container) -> None:
    done = lightship("docker", "stop", "--name", foreign.name)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: the container {foreign.name} was not started by Lightship")
    foreign.reload()
    assert foreign.status == "running"


def test_status_tells_by_its_code_whether_the_model_answers(lightship: Run, serving: Container) -> None:
    done = lightship("docker", "status", "--name", serving.name)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{serving.name} is running ({serving.id[:12]}" in done.stdout
    assert "half_plus_two version 123: AVAILABLE" in done.stdout
    serving.pause()
    done = lightship("docker", "status", "--name", serving.name)
    assert (done.returncode, f"{serving.name} is paused" in done.stdout) == (1, True)


def test_status_in_json(lightship: Run, serving: Container) -> None:
    found = json.loads(lightship("docker", "status", "--name", serving.name, "--json").stdout)
    assert (found["id"], found["state"], found["model"], found["ready"]) == (
        serving.id,
        "running",
        "half_plus_two",
        True,
    )
    assert found["versions"][0]["version"] == 123
    assert found["settings"]["ports"] == "127.0.0.1:0:8501"


def test_status_and_log_of_nothing_fail(lightship: Run, name: str) -> None:
    for command in ("status", "logs"):
        done = lightship("docker", command, "--name", name)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"error: there is no container {name}: start one with lightship docker start" in done.stderr


def test_the_log_or_its_end_is_printed(lightship: Run, docker_client: docker.DockerClient, serving: Container) -> None:
    whole = lightship("docker", "logs", "--name", serving.name)
    assert whole.returncode == 0
    assert whole.stdout
    assert serving.logs().startswith(whole.stdout.encode())  # the server may write more meanwhile
    end = lightship("docker", "logs", "--name", serving.name, "--tail", 1)
    assert end.stdout in lightship("docker", "logs", "--name", serving.name).stdout.splitlines(keepends=True)


def test_a_followed_log_ends_with_its_container(lightship: Run, serving: Container) -> None:
    serving.update(restart_policy={"Name": "no"})
    serving.stop()
    assert lightship("docker", "logs", "--name", serving.name, "--follow").returncode == 0
