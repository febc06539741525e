"""What a start does is decided by what is there; seen on a real engine, whatever state it was brought into."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container
from tests.cli.conftest import Run, clean_environment
from tests.docker.own_engine import Engine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900), pytest.mark.usefixtures("image")]

FREE_PORT = ("-p", "0:8501")


@pytest.fixture
def first(lightship: Run, docker_client: docker.DockerClient, half_plus_two: Path, name: str) -> Container:
    """A container that was started and answers."""
    begin(lightship, half_plus_two, name)
    return docker_client.containers.get(name)


def begin(lightship: Run, model: Path, name: str, *arguments: object) -> dict[str, Any]:
    done = lightship("docker", "start", model, "--name", name, *FREE_PORT, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_second_start_changes_nothing(lightship: Run, half_plus_two: Path, first: Container) -> None:
    done = lightship("docker", "start", half_plus_two, "--name", first.name, *FREE_PORT)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{first.name} runs already with these settings and is unchanged ({first.id[:12]}" in done.stdout


def test_what_was_killed_is_started_anew(lightship: Run, half_plus_two: Path, first: Container) -> None:
    first.kill()
    again = begin(lightship, half_plus_two, str(first.name))
    assert (again["action"], again["id"] == first.id) == ("started", False)


def test_what_was_killed_is_started_with_other_settings(lightship: Run, half_plus_two: Path, first: Container) -> None:
    first.kill()
    assert begin(lightship, half_plus_two, str(first.name), "--memory", "1g")["action"] == "started"


def test_what_was_created_and_never_started_is_started_anew(
    lightship: Run, docker_client: docker.DockerClient, half_plus_two: Path, first: Container
) -> None:
    first.remove(force=True)
    labels = first.labels
    left_over = docker_client.containers.create(first.attrs["Config"]["Image"], name=first.name, labels=labels)
    assert begin(lightship, half_plus_two, str(first.name))["id"] != left_over.id


def test_what_is_paused_goes_on(lightship: Run, half_plus_two: Path, first: Container) -> None:
    first.pause()
    again = begin(lightship, half_plus_two, str(first.name))
    assert (again["action"], again["id"]) == ("resumed", first.id)
    first.reload()
    assert first.status == "running"


def test_what_ends_again_and_again_is_started_anew(
    lightship: Run, docker_client: docker.DockerClient, half_plus_two: Path, first: Container, base_image: str
) -> None:
    first.remove(force=True)
    restart: Any = {"Name": "always"}
    looping = docker_client.containers.run(
        base_image, "false", name=first.name, labels=first.labels, restart_policy=restart, detach=True
    )
    while looping.status != "restarting":
        looping.reload()
    assert begin(lightship, half_plus_two, str(first.name))["action"] == "started"


def test_other_settings_are_refused_with_the_difference(lightship: Run, half_plus_two: Path, first: Container) -> None:
    ports = ("-p", "127.0.0.1:0:8501", "-p", "0:8500")
    done = lightship("docker", "start", half_plus_two, "--name", first.name, *ports, "-e", "A=1", "--memory", "1g")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "ports: 127.0.0.1:0:8501 -> 127.0.0.1:0:8501, 127.0.0.1:0:8500" in done.stderr
    assert "environment: MODEL_NAME=half_plus_two -> A=1, MODEL_NAME=half_plus_two" in done.stderr
    assert "memory: no limit -> 1073741824 bytes" in done.stderr
    assert "--replace" in done.stderr
    first.reload()
    assert first.status == "running"


def test_a_folder_that_was_replaced_is_a_difference(
    lightship: Run, half_plus_two: Path, tmp_path: Path, name: str, docker_client: docker.DockerClient
) -> None:
    model = tmp_path / "half"
    shutil.copytree(half_plus_two, model)
    begin(lightship, model, name)
    model.rename(tmp_path / "old")
    shutil.copytree(half_plus_two, model)

    done = lightship("docker", "start", model, "--name", name, *FREE_PORT)
    assert f"mount: another folder is at {model} since the container was started" in done.stderr
    docker_client.containers.get(name).restart()  # the engine mounts what is there now
    assert begin(lightship, model, name)["action"] == "left alone"
    shutil.rmtree(model)
    shutil.copytree(half_plus_two, model)
    assert begin(lightship, model, name, "--replace")["action"] == "replaced"


def test_an_image_built_anew_under_the_same_name_is_a_difference(
    lightship: Run, docker_client: docker.DockerClient, half_plus_two: Path, image: str, name: str
) -> None:
    original = docker_client.images.get(image)
    original.tag("lightship", "again")
    begin(lightship, half_plus_two, name, "--image", "lightship:again")
    running = docker_client.containers.get(name)
    running.commit("lightship", "again")
    done = lightship("docker", "start", half_plus_two, "--name", name, *FREE_PORT, "--image", "lightship:again")
    assert done.returncode == 1
    assert f"image: lightship:again ({original.id.removeprefix('sha256:')[:12]}) -> lightship:again (" in done.stderr
    running.remove(force=True)
    docker_client.images.remove("lightship:again", force=True)


def test_replace_replaces(
    lightship: Run, docker_client: docker.DockerClient, half_plus_two: Path, first: Container
) -> None:
    again = begin(lightship, half_plus_two, str(first.name), "--memory", "1g", "--replace")
    assert (again["action"], again["id"] == first.id) == ("replaced", False)
    assert docker_client.containers.get(first.name).attrs["HostConfig"]["Memory"] == 1 << 30


@pytest.mark.parametrize("running", [True, False])
def test_what_is_not_ours_is_left_alone(
    lightship: Run,
    docker_client: docker.DockerClient,
    half_plus_two: Path,
    base_image: str,
    name: str,
    running: bool,
) -> None:
    foreign = docker_client.containers.run(base_image, "sleep 600" if running else "true", name=name, detach=True)
    if not running:
        foreign.wait()
    done = lightship("docker", "start", half_plus_two, "--name", name, *FREE_PORT)
    assert done.returncode == 1
    assert f"error: the container {name} exists, and Lightship did not start it" in done.stderr
    foreign.reload()
    assert foreign.status == ("running" if running else "exited")
    assert begin(lightship, half_plus_two, name, "--replace")["id"] != foreign.id


def test_neighbours_whose_names_begin_alike_are_not_touched(
    lightship: Run, docker_client: docker.DockerClient, half_plus_two: Path, base_image: str, name: str
) -> None:
    old = docker_client.containers.run(base_image, "sleep 600", name=f"{name}_old", detach=True)
    ours = begin(lightship, half_plus_two, name, "--replace")
    assert ours["action"] == "started"
    assert lightship("docker", "stop", "--name", name).returncode == 0
    old.reload()
    assert old.status == "running"


def test_the_beginning_of_an_id_is_no_name(lightship: Run, first: Container) -> None:
    done = lightship("docker", "stop", "--name", str(first.id)[:12])
    assert (done.returncode, "there is no container" in done.stdout) == (0, True)
    first.reload()
    assert first.status == "running"


@pytest.mark.parametrize("before", ["nothing", "killed"])
def test_two_starts_at_once_make_one_container(
    lightship: Run,
    engine: Engine,
    docker_client: docker.DockerClient,
    half_plus_two: Path,
    name: str,
    before: str,
) -> None:
    if before == "killed":
        begin(lightship, half_plus_two, name)
        docker_client.containers.get(name).kill()
    command = [Path(sys.executable).parent / "lightship", "docker", "start", half_plus_two, "--name", name, *FREE_PORT]
    environment = clean_environment(DOCKER_HOST=engine.base_url)
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    both = [subprocess.Popen([*map(str, command), "--json"], **pipes) for _ in range(2)]
    answers = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    printed = [json.loads(output) for output, _ in answers]
    assert sorted(one["action"] for one in printed) == ["left alone", "started"]
    assert {one["id"] for one in printed} == {docker_client.containers.get(name).id}
