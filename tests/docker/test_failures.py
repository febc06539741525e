"""Every mistake ends with one line that names it and what to do, a code other than 0, and no container left."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from benchmarks.ports import free_port
from tests.cli.conftest import BIN, Run, clean_environment, heed_interrupts
from tests.docker.own_engine import Engine

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

FREE_PORT = ("-p", "0:8501")


@pytest.fixture
def model(half_plus_two: Path, tmp_path: Path) -> Path:
    """A folder of the test's own."""
    shutil.copytree(half_plus_two, tmp_path / "half_plus_two")
    return tmp_path / "half_plus_two"


@pytest.fixture
def refused(lightship: Run, docker_client: docker.DockerClient, name: str) -> Any:
    """Starts, which must fail, and gives the line it says."""

    def start(*arguments: object) -> str:
        done = lightship("docker", "start", "--name", name, *arguments)
        assert done.returncode != 0
        assert (done.stdout, done.stderr.count("\n"), done.stderr[:7]) == ("", 1, "error: "), done.stderr
        assert not docker_client.containers.list(all=True, filters={"name": name})
        return str(done.stderr)

    return start


def test_a_version_is_no_models_folder(refused: Any, image: str, model: Path) -> None:
    assert f"{model / '123'} is a version, not a model's folder: give its parent, {model}" in refused(model / "123")


def test_a_saved_model_is_no_models_folder(refused: Any, image: str, model: Path) -> None:
    (model / "123").rename(model / "export")
    assert "contains a SavedModel directly" in refused(model / "export")
    assert "in a folder whose name is not a number: mv " in refused(model)


def test_a_folder_that_is_not_there(refused: Any, image: str, tmp_path: Path) -> None:
    assert "none does not exist" in refused(tmp_path / "none")


def test_a_pinned_version_that_is_not_there(refused: Any, image: str, model: Path) -> None:
    assert f"{model} has no version 7: it has 123" in refused(model, "--pin-version", 7)


@pytest.mark.parametrize("by", ["a program", "a container"])
def test_a_port_that_is_taken(
    refused: Any, docker_client: docker.DockerClient, image: str, base_image: str, model: Path, name: str, by: str
) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        if by == "a program":
            said = refused(model, "-p", f"{port}:8501")
    if by == "a container":
        ports: Any = {"8501/tcp": ("127.0.0.1", port)}
        other = docker_client.containers.run(base_image, "sleep 600", ports=ports, detach=True)
        try:
            said = refused(model, "-p", f"{port}:8501")
        finally:
            other.remove(force=True)
    assert "a port is taken on the host" in said
    assert f"127.0.0.1:{port}:8501" in said


def test_no_image_of_ours_is_to_be_built(refused: Any, model: Path) -> None:
    assert "there is no image lightship:7.7: build it in a checkout of Lightship with `make image`" in refused(
        model, "--image", "lightship:7.7"
    )


def test_an_image_that_cannot_be_pulled(refused: Any, model: Path) -> None:
    said = refused(model, "--image", "registry.invalid/serving:1")
    assert "the image registry.invalid/serving:1 cannot be pulled: " in said


def test_a_broken_model(refused: Any, image: str, model: Path) -> None:
    (model / "123" / "saved_model.pb").write_bytes(b"no SavedModel")
    said = refused(model, *FREE_PORT)
    assert "the model half_plus_two cannot be loaded; the server says: " in said
    assert "saved_model.pb in /models/half_plus_two/123 cannot be parsed" in said


def test_a_model_that_does_not_come_in_time(refused: Any, stand_in: str, model: Path, name: str) -> None:
    said = refused(model, *FREE_PORT, "--image", stand_in, "--timeout", 2, "-e", "X=1", "--", "--model_name=other")
    assert "half_plus_two did not answer within 2 seconds" in said
    assert "its log: " in said


def test_a_flag_that_the_server_does_not_know(refused: Any, image: str, model: Path) -> None:
    said = refused(model, *FREE_PORT, "--", "--no_such_flag=1")
    assert "because the server refuses one of the additional arguments" in said
    assert "no_such_flag" in said


def test_an_image_of_another_processor(
    refused: Any, docker_client: docker.DockerClient, base_image: str, model: Path, tmp_path: Path
) -> None:
    """An ELF file for a processor that no machine here has."""
    program = bytearray(Path(sys.executable).resolve().read_bytes()[:64])
    program[18:20] = (0x16).to_bytes(2, "little")  # e_machine: IBM S/390
    (tmp_path / "serve").write_bytes(bytes(program))
    (tmp_path / "serve").chmod(0o755)
    (tmp_path / "Dockerfile").write_text(f'FROM {base_image}\nCOPY serve /serve\nENTRYPOINT ["/serve"]\n')
    built, _ = docker_client.images.build(path=str(tmp_path), tag="lightship-tests-other-processor", rm=True)
    try:
        assert "the image is for another processor" in refused(model, *FREE_PORT, "--image", built.tags[0])
    finally:
        docker_client.images.remove(built.tags[0], force=True)


def test_a_model_that_the_servers_user_cannot_read(refused: Any, image: str, model: Path) -> None:
    weights = next(path for path in (model / "123" / "variables").iterdir())
    weights.chmod(0o600)
    said = refused(model, *FREE_PORT)
    assert f"{weights} cannot be read by the server's user in the container (10001): chmod -R o+rX {model}" in said


def test_a_version_that_is_a_link_out_of_the_folder(refused: Any, image: str, model: Path, tmp_path: Path) -> None:
    (model / "123").rename(tmp_path / "elsewhere")
    (model / "123").symlink_to(tmp_path / "elsewhere")
    assert "is a link to" in refused(model, *FREE_PORT)


def test_ctrl_c_leaves_nothing(
    engine: Engine, docker_client: docker.DockerClient, stand_in: str, model: Path, name: str
) -> None:
    words = ["docker", "start", model, "--name", name, *FREE_PORT, "--image", stand_in, "--", "--model_name=other"]
    environment = clean_environment(DOCKER_HOST=engine.base_url)
    command = [BIN / "lightship", *map(str, words)]
    with subprocess.Popen(command, env=environment, preexec_fn=heed_interrupts) as process:
        deadline = time.monotonic() + 60
        while not docker_client.containers.list(filters={"name": name}):
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert not docker_client.containers.list(all=True, filters={"name": name})


@pytest.mark.parametrize("command", ["start", "stop", "status", "logs"])
@pytest.mark.parametrize("where", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:9"])
def test_an_engine_that_does_not_run(lightship: Run, model: Path, command: str, where: str) -> None:
    words = [model] if command == "start" else []
    done = lightship("docker", command, *words, env={"DOCKER_HOST": where})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: no Docker Engine answers at {where} (")
    assert "systemctl start docker" in done.stderr


@pytest.fixture
def closed_socket(engine: Engine) -> Iterator[str]:
    """The engine's socket, closed to everybody but those to whom no permission matters."""
    where = Path(engine.base_url.removeprefix("unix://"))
    mode = where.stat().st_mode
    where.chmod(0)
    yield engine.base_url
    where.chmod(mode)


def test_a_socket_that_this_user_may_not_use(closed_socket: str) -> None:
    """Root, but bound to permissions as everybody else."""
    words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", BIN / "lightship", "docker", "status"]
    done = subprocess.run(words, env=clean_environment(DOCKER_HOST=closed_socket), capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: no permission for Docker's socket ({closed_socket}): add this user")


def test_without_the_package_the_command_to_install_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "docker.py").write_text("raise ModuleNotFoundError('not there', name='docker')\n")
    environment = clean_environment(PYTHONPATH=f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    words = [BIN / "lightship", "docker", "status"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert (
        done.stderr
        == "error: lightship docker needs the package docker, which is not installed: pip install 'lightship[docker]'\n"
    )
