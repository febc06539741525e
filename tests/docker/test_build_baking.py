"""Images baked on a real engine: their layers, what they say of themselves, and that they answer alone."""

from __future__ import annotations

import json
import shutil
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
from tests.docker import registry
from tests.docker.own_engine import Engine

import lightship.docker
from lightship.docker import BakedImage
from lightship.docker.baking import BuildOptions
from lightship.docker.baking import bake as bake_onto
from lightship.docker.build_plan import plan_build
from lightship.docker.context import ContextEntry
from lightship.errors import FailedPrecondition, Internal, LightshipError, NotFound, ResourceExhausted

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

HARDENED: dict[str, Any] = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}


@pytest.fixture(autouse=True)
def own_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.base_url)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """`dog` with version 1, of which an engine knows no more than its files."""
    add_version(tmp_path / "dog", 1)
    return tmp_path / "dog"


def add_version(folder: Path, version: int) -> None:
    (folder / str(version) / "variables").mkdir(parents=True)
    (folder / str(version) / "saved_model.pb").write_bytes(b"graph" * version)
    (folder / str(version) / "variables" / "variables.index").write_bytes(b"index")


@pytest.fixture
def bake(docker_client: docker.DockerClient, base_image: str) -> Iterator[Any]:
    """Bakes onto Debian; the images are gone afterwards."""
    baked: list[BakedImage] = []

    def build(folder: Path, tags: Any = (), **options: Any) -> BakedImage:
        baked.append(lightship.docker.build(folder, tags, **{"image": base_image} | options))
        return baked[-1]

    yield build
    for image in dict.fromkeys(image.id for image in baked):
        docker_client.images.remove(image, force=True)


def images(client: docker.DockerClient) -> set[str]:
    return set(client.api.images(quiet=True, all=True))


def test_each_version_is_a_layer_upon_the_base(docker_client: docker.DockerClient, bake: Any, model: Path) -> None:
    base = docker_client.images.get("debian:bookworm-slim").attrs["RootFS"]["Layers"]
    add_version(model, 2)
    image = bake(model, "bake:2")
    assert list(image.layers[: len(base)]) == base
    assert len(image.layers) == len(base) + 2
    assert image.versions == (1, 2)


@pytest.mark.parametrize("cache", [True, False])
def test_a_second_version_adds_its_own_layer_alone(bake: Any, model: Path, cache: bool) -> None:
    first = bake(model, "bake:1", cache=cache)
    add_version(model, 2)
    second = bake(model, "bake:2", cache=cache)
    assert second.layers[:-1] == first.layers
    assert second.layers[-1] not in first.layers


def test_a_build_that_is_repeated_gives_the_same_image(bake: Any, model: Path) -> None:
    assert bake(model, "bake:1").id == bake(model, "bake:again").id


def test_a_build_without_cache_gives_the_same_layers(bake: Any, model: Path, tmp_path: Path) -> None:
    first = bake(model, "bake:1", cache=False)
    shutil.copytree(model, tmp_path / "copy" / "dog")
    (tmp_path / "copy" / "dog" / "1" / "saved_model.pb").chmod(0o400)
    (tmp_path / "copy" / "dog" / "1" / ".DS_Store").write_bytes(b"x")
    again = bake(tmp_path / "copy" / "dog", "bake:1", cache=False)
    assert (again.layers, again.left_out) == (first.layers, ("1/.DS_Store",))


def test_the_time_of_the_files_is_part_of_the_layers(bake: Any, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bake(model, "bake:1")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    second = bake(model, "bake:1")
    assert second.layers[-1] != first.layers[-1]
    assert second.layers == bake(model, "bake:1", cache=False).layers


def test_everyone_may_read_the_files_and_root_alone_change_them(
    docker_client: docker.DockerClient, bake: Any, model: Path, tmp_path: Path
) -> None:
    (model / "1" / "saved_model.pb").chmod(0o600)
    container = docker_client.containers.create(bake(model, "bake:1").id)
    with (tmp_path / "models.tar").open("wb") as file:
        file.writelines(container.get_archive("/models")[0])
    container.remove()
    with tarfile.open(tmp_path / "models.tar") as tar:
        found = {member.name: (member.mode & 0o777, member.uid, int(member.mtime)) for member in tar}
    assert found["models/dog/1/saved_model.pb"] == (0o644, 0, 315532800)
    assert found["models/dog"] == found["models/dog/1/variables"] == (0o755, 0, 315532800)


def test_labels_tags_and_environment(docker_client: docker.DockerClient, bake: Any, model: Path) -> None:
    odd = "a\"b\\c $HOME 'q' `z` ä # \\"
    image = bake(model, ["bake:1", "localhost:5000/bake/dog"], model_name="hund.2", labels={"com.example.odd": odd})
    found = docker_client.images.get("localhost:5000/bake/dog:latest").attrs
    assert found["Id"] == image.id == docker_client.images.get("bake:1").id
    assert found["Config"]["Labels"] == dict(image.labels)
    assert image.labels["com.example.odd"] == odd
    assert image.labels["org.opencontainers.image.title"] == "hund.2"
    assert {"MODEL_NAME=hund.2", "MODEL_BASE_PATH=/models"} <= set(found["Config"]["Env"])
    assert image.tags == ("bake:1", "localhost:5000/bake/dog")


def test_it_tells_how_far_it_is(bake: Any, model: Path) -> None:
    reported: list[str] = []
    bake(model, "bake:1", progress=reported.append)
    assert reported[0].startswith("sending 0 of")
    assert "step 3/5, the layer of version 1" in reported


def test_a_large_model_is_sent(bake: Any, model: Path) -> None:
    with (model / "1" / "variables" / "variables.data-00000-of-00001").open("wb") as file:
        file.truncate(200 << 20)
    assert bake(model, "bake:1").size > 200 << 20


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"image": "lightship:0.0.0"}, NotFound, "there is no image lightship:0.0.0: build it .* with `make image`"),
        (
            {"image": "lightship.invalid/a:1", "pull": True},
            NotFound,
            "lightship.invalid/a:1 cannot be pulled",
        ),
        ({"platform": "linux/s390x"}, FailedPrecondition, "is for linux/.*, not for linux/s390x"),
    ],
)
def test_a_base_that_cannot_be_had(
    docker_client: docker.DockerClient,
    bake: Any,
    model: Path,
    options: dict[str, Any],
    kind: type[LightshipError],
    message: str,
) -> None:
    before = images(docker_client)
    with pytest.raises(kind, match=message):
        bake(model, "bake:1", **options)
    assert images(docker_client) == before


def test_the_image_of_ones_own_platform_is_taken(docker_client: docker.DockerClient, bake: Any, model: Path) -> None:
    found = docker_client.images.get("debian:bookworm-slim").attrs
    assert bake(model, "bake:1", platform=f"{found['Os']}/{found['Architecture']}").layers


def test_a_base_that_is_not_there_is_pulled_for_the_platform(
    docker_client: docker.DockerClient, bake: Any, model: Path
) -> None:
    with registry.serving(["linux/amd64", "linux/arm64"]) as name:
        image = bake(model, "bake:arm", image=name, platform="linux/arm64")
    found = docker_client.images.get("bake:arm").attrs
    assert (found["Architecture"], len(image.layers)) == ("arm64", 2)
    with pytest.raises(FailedPrecondition, match=f"{name} is for linux/arm64, not for linux/amd64: .*--pull"):
        bake(model, "bake:amd", image=name, platform="linux/amd64")
    docker_client.images.remove(name)


def test_a_base_is_pulled_again_when_asked_for(docker_client: docker.DockerClient, bake: Any, model: Path) -> None:
    with registry.serving(["linux/amd64", "linux/arm64"]) as name:
        first = bake(model, "bake:1", image=name, platform="linux/arm64")
        again = bake(model, "bake:1", image=name, platform="linux/amd64", pull=True)
    assert first.layers[0] != again.layers[0]
    assert first.layers[1] == again.layers[1]
    docker_client.images.remove(name)


def test_a_pull_that_breaks_off_is_an_error(docker_client: docker.DockerClient, bake: Any, model: Path) -> None:
    before = images(docker_client)
    with registry.serving(["linux/amd64"], broken=True) as name, pytest.raises(NotFound, match="cannot be pulled: .+;"):
        bake(model, "bake:1", image=name, platform="linux/amd64")
    assert images(docker_client) == before


def test_a_folder_without_a_version_asks_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    (tmp_path / "dog").mkdir()
    with pytest.raises(NotFound, match="dog is empty"):
        lightship.docker.build(tmp_path / "dog", "bake:1")


def test_more_versions_than_an_image_has_layers(bake: Any, model: Path) -> None:
    for version in range(2, 127):
        add_version(model, version)
    with pytest.raises(ResourceExhausted, match="126 versions are too many: .* leaves room for 124"):
        bake(model, "bake:1")


def test_a_file_that_grows_meanwhile_leaves_nothing(docker_client: docker.DockerClient, bake: Any, model: Path) -> None:
    before = images(docker_client)
    growing = model / "1" / "saved_model.pb"
    with pytest.raises(FailedPrecondition, match="saved_model.pb changed while the image was built"):
        bake(model, "bake:1", progress=lambda step: growing.write_bytes(b"more"))
    assert images(docker_client) == before


def test_a_build_that_fails_late_leaves_nothing(
    docker_client: docker.DockerClient, base_image: str, model: Path
) -> None:
    plan = plan_build(model, "bake:1", image=base_image)
    text = f"{plan.dockerfile}COPY nothing /\n".encode()
    plan = replace(plan, entries=(ContextEntry("Dockerfile", len(text), text), *plan.entries[1:]))
    before = images(docker_client)
    reported: list[str] = []
    with pytest.raises(Internal, match="the Docker Engine could not build the image: COPY failed"):
        bake_onto(docker_client, plan, BuildOptions(), reported.append)
    assert reported[-1] == "step 6/6, COPY"
    assert images(docker_client) == before


def test_our_image_answers_a_photo_with_nothing_mounted(
    docker_client: docker.DockerClient, image: str, bake: Any, dog_bundle: Path, dog_photo: Path
) -> None:
    baked = bake(dog_bundle, "bake-dog:1", image=image)
    assert baked.labels["dev.lightship.model.1.classes"] == "19"
    assert baked.labels["org.opencontainers.image.licenses"] == ""
    with running(docker_client, "bake-dog:1", "/v1/models/dog", **HARDENED) as (container, url):
        assert container.exec_run("id -u").output.strip() != b"0"
        assert container.exec_run("touch /models/dog/1/x").exit_code != 0
        answer = post(f"{url}/v1/models/dog:predict", dog_photo.read_bytes(), "image/jpeg")
    assert answer["predictions"][0]["labels"][0] == "bull_mastiff"


def test_the_official_image_answers_too(
    docker_client: docker.DockerClient, stand_in: str, bake: Any, half_plus_two: Path
) -> None:
    bake(half_plus_two, "bake-half:1", image=stand_in)
    with running(docker_client, "bake-half:1", "/v1/models/half_plus_two") as (_, url):
        body = json.dumps({"instances": [1.0, 2.0, 5.0]}).encode()
        answer = post(f"{url}/v1/models/half_plus_two:predict", body, "application/json")
    assert answer == {"predictions": [2.5, 3.0, 4.5]}


@contextmanager
def running(client: docker.DockerClient, image: str, path: str, **options: Any) -> Iterator[tuple[Any, str]]:
    container = client.containers.run(image, detach=True, ports={"8501/tcp": ("127.0.0.1", 0)}, **options)
    try:
        container.reload()
        url = f"http://127.0.0.1:{container.ports['8501/tcp'][0]['HostPort']}"
        deadline = time.monotonic() + 120
        while not answers(url + path):
            container.reload()
            assert container.status == "running", container.logs().decode()
            assert time.monotonic() < deadline, container.logs().decode()
        yield container, url
    finally:
        container.remove(force=True, v=True)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return b"AVAILABLE" in answer.read()
    except OSError:
        return False


def post(url: str, body: bytes, kind: str) -> Any:
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
