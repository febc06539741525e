"""Our image, started as its users do: what it answers, what it is allowed, and what is in it."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import docker
import httpx2
import pytest
from scripts import build_image
from tests.docker.built_images import LABELLED
from tests.docker.conftest import Run
from tests.docker.containers import HARDENED

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

HALF = b'{"instances": [1.0, 2.0]}'


def predictions(url: str, model: str = "half_plus_two") -> object:
    answer = httpx2.post(f"{url}/v1/models/{model}:predict", content=HALF)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def readable(folder: Path) -> Path:
    """Made anew; pytest's own folders are closed to the image's user."""
    folder.mkdir()
    return folder


def test_it_answers_with_no_rights_at_all(run: Run, half_plus_two: Path) -> None:
    running = run(models={"half_plus_two": half_plus_two}, **HARDENED)
    running.wait_ready()
    assert predictions(running.url) == [2.5, 3.0]
    assert running.execute("id", "-u") == "10001\n"
    assert "CapEff:\t0000000000000000" in running.execute("cat", "/proc/1/status")


def test_it_names_the_dog(run: Run, dog_bundle: Path, dog_photo: Path) -> None:
    running = run(models={"dog": dog_bundle}, **HARDENED)
    running.wait_ready()
    headers = {"Content-Type": "image/jpeg"}
    answer = httpx2.post(f"{running.url}/v1/models/dog:predict", content=dog_photo.read_bytes(), headers=headers)
    best = answer.json()["predictions"][0]
    assert best["labels"][0] == "bull_mastiff"
    assert best["scores"][0] == pytest.approx(0.997, abs=0.001)


def test_the_default_model_is_the_official_images(run: Run, half_plus_two: Path) -> None:
    running = run(models={"model": half_plus_two}, environment={})
    running.wait_ready()
    assert predictions(running.url, "model") == [2.5, 3.0]


def test_further_arguments_come_last(run: Run, half_plus_two: Path) -> None:
    arguments = ("--model_name=half", "--model_base_path=/models/folder", "--rest_api_port=9000")
    running = run(*arguments, models={"folder": half_plus_two}, port=9000)
    running.wait_ready()
    assert predictions(running.url, "half") == [2.5, 3.0]


def test_a_config_file_of_ones_own(run: Run, half_plus_two: Path, tmp_path: Path) -> None:
    config = 'model_config_list { config { name: "a" base_path: "/models/m" model_platform: "tensorflow" } }'
    etc = readable(tmp_path / "etc")
    (etc / "models.config").write_text(config)
    running = run("--model_config_file=/models/etc/models.config", models={"m": half_plus_two, "etc": etc})
    running.wait_ready()
    assert predictions(running.url, "a") == [2.5, 3.0]


def test_it_becomes_healthy_wherever_its_port_is(run: Run, half_plus_two: Path) -> None:
    models = {"half_plus_two": half_plus_two}
    usual, moved = run(models=models), run("--rest_api_port=9000", models=models, port=9000, init=True)
    for running in (usual, moved):
        running.wait(lambda running=running: running.health() == "healthy", "healthy")


def test_an_init_is_its_first_process_and_a_stop_at_any_moment_is_heeded(run: Run, half_plus_two: Path) -> None:
    running = run(models={"half_plus_two": half_plus_two}, **HARDENED)
    running.wait_ready()
    assert running.execute("cat", "/proc/1/comm") == "tini\n"
    running.container.stop(timeout=60)
    assert running.container.wait()["StatusCode"] == 0
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2, 0.4):  # from exec on
        started = run(models={"half_plus_two": half_plus_two}, **HARDENED)
        threading.Event().wait(delay)
        started.container.kill("SIGTERM")
        assert started.container.wait(timeout=60)["StatusCode"] in (0, 143)


def test_it_is_not_healthy_before_it_serves(run: Run, tmp_path: Path) -> None:
    running = run(models={"empty": readable(tmp_path / "empty")})
    running.wait(lambda: b"No versions of servable empty" in running.container.logs(), "waiting for a version")
    command = ["/opt/lightship/bin/python", "-I", "-m", "lightship.cli.container_health"]
    code, output = running.container.exec_run(command)
    assert code == 1
    assert b"refused" in output
    running.container.stop(timeout=60)
    assert running.container.wait()["StatusCode"] == 0  # while it waits for its first version too


def test_a_container_asks_another_by_name(run: Run, docker_client: docker.DockerClient, half_plus_two: Path) -> None:
    network = docker_client.networks.create("lightship-test", driver="bridge")
    models = {"half_plus_two": half_plus_two}
    server = run(models=models, network=network.name, name="server")
    server.wait_ready()
    asking = run(models=models, network=network.name)
    script = "import lightship; print(lightship.Client('http://server:8501').predict('half_plus_two', [1.0]))"
    assert "2.5" in asking.execute("/opt/lightship/bin/python", "-c", script)


@pytest.mark.parametrize("program", ["tensorflow_model_server", "lightship-model-server", "/usr/bin/lightship"])
def test_the_programs_are_there(docker_client: docker.DockerClient, image: str, program: str) -> None:
    output = docker_client.containers.run(image, ["--version"], entrypoint=program, remove=True).decode()
    assert build_image.version() in output


def test_it_says_what_it_is(docker_client: docker.DockerClient, image: str) -> None:
    config = docker_client.images.get(image).attrs["Config"]
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items()}
    assert (labels["title"], labels["licenses"]) == ("Lightship", "Apache-2.0")
    assert (labels["version"], labels["revision"]) == (build_image.version(), LABELLED["REVISION"])
    assert labels["created"] == "2026-01-01T00:00:00Z"
    assert config["User"] == "10001:10001"
    assert set(config["ExposedPorts"]) == {"8500/tcp", "8501/tcp"}


def inside(client: docker.DockerClient, image: str, *command: str) -> str:
    return client.containers.run(image, list(command), entrypoint="", remove=True).decode()


def test_nothing_that_builds_is_left(docker_client: docker.DockerClient, image: str) -> None:
    names = "pip pip3 gcc cc g++ make ld as python3-config easy_install"
    found = inside(docker_client, image, "sh", "-c", f"for name in {names}; do command -v $name; done; true")
    assert found == ""
    folders = "/opt /usr /etc /models"
    wanted = "-name pip -o -name setuptools -o -name ensurepip -o -name '*.pyi' -o -name ca.crt"
    assert inside(docker_client, image, "sh", "-c", f"find {folders} {wanted}") == ""


def test_its_parts_list_is_what_is_in_it(docker_client: docker.DockerClient, image: str) -> None:
    parts = json.loads(inside(docker_client, image, "cat", "/usr/share/sbom/lightship.cdx.json"))
    listed = {(part["name"], part["version"]) for part in parts["components"]}
    script = (
        "from importlib.metadata import distributions as d; print(*(f'{x.name} {x.version}' for x in d()), sep='\\n')"
    )
    python = inside(docker_client, image, "/opt/lightship/bin/python", "-c", script)
    debian = inside(docker_client, image, "dpkg-query", "-W", "-f", "${Package} ${Version}\\n")
    assert listed == {tuple(line.split()) for line in (python + debian).splitlines()}
    assert ("lightship", build_image.version()) in listed


def test_what_we_add_is_small(docker_client: docker.DockerClient, image: str, base_image: str) -> None:
    """Debian's Python and the dependencies, unpacked."""
    sizes = [docker_client.images.get(name).attrs["Size"] for name in (image, base_image)]
    assert sizes[0] - sizes[1] < 310e6
    assert sizes[0] < 400e6


def test_the_index_of_the_build_is_not_in_its_history(docker_client: docker.DockerClient, image: str) -> None:
    history = json.dumps(docker_client.images.get(image).history())
    assert not [name for name in (*build_image.INDEX, "PIP_CERT", "ca.crt") if name in history]
