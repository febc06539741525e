"""Both clients offer the same, and the package hands on what it says."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from tests.client.conftest import Ask, FakeServer, ReceivedRequest, Reply

import lightship
import lightship.client
from lightship import AsyncClient, Client
from lightship.client import Tls
from lightship.errors import InvalidArgument, Unimplemented, Unknown


def surface(kind: type) -> dict[str, str]:
    public = {name: member for name, member in vars(kind).items() if callable(member) and not name.startswith("_")}
    return {name: str(inspect.signature(member)) for name, member in public.items()}


def test_the_twins_have_the_same_methods_with_the_same_arguments() -> None:
    assert surface(Client) == surface(AsyncClient)
    assert {"predict", "classify", "regress", "classify_image", "models", "status", "metadata", "ready", "live"} <= set(
        surface(Client)
    )


def test_the_twins_take_the_same_options() -> None:
    options = [list(inspect.signature(kind).parameters) for kind in (Client, AsyncClient)]
    assert options[0] == options[1]


def test_all_that_is_said_to_be_public_is_there() -> None:
    assert all(inspect.isclass(getattr(lightship.client, name)) for name in lightship.client.__all__)
    assert set(lightship.client.__all__) <= set(dir(lightship.client))
    with pytest.raises(AttributeError, match="no attribute 'Clint'"):
        _ = lightship.client.Clint


BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        for blocked in {blocked}:
            if name == blocked or name.startswith(blocked + "."):
                raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocker())
from lightship import Client, AsyncClient
import numpy as np
with Client({url!r}) as client:
    print(client.predict("m", np.ones(2, np.float32))["y"].tolist())
    print(client.classify_image("m", np.zeros((2, 2, 3), np.uint8)).label)
"""
SERVERS_OWN = (
    "openvino",
    "uvloop",
    "httptools",
    "prometheus_client",
    "google.protobuf",
    "tensorflow",
    "keras",
    "typer",
)


def toy(request: ReceivedRequest) -> Reply:
    """A server of one model, y = x, with metadata."""
    if request.headers.get("Content-Type", "").startswith("image/"):
        return Reply(body={"predictions": [{"labels": ["black"], "scores": [1.0]}]})
    if request.method == "POST":
        return Reply(body={"outputs": request.json["inputs"]}, headers={"Lightship-Model-Version": "2"})
    signature = {"inputs": {}, "outputs": {"y": {"dtype": "DT_FLOAT"}}}
    signatures = {"signature_def": {"signature_def": {"serving_default": signature}}}
    return Reply(body={"model_spec": {"name": "m", "version": "2"}, "metadata": signatures})


def test_the_client_works_without_anything_of_the_server(fake_server: FakeServer) -> None:
    fake_server.answer = toy
    code = BLOCKED.format(blocked=SERVERS_OWN, url=fake_server.url)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[1.0, 1.0]\nblack\n", "")


GRPC_ALONE = """
import sys

allowed = {{"lightship", "numpy", "google", "grpc", "typing_extensions", "ml_dtypes", "PIL", "defusedxml", "olefile"}}
standard = sys.stdlib_module_names

class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in allowed and top not in standard and top not in sys.builtin_module_names:
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocker())
import asyncio
from lightship import AsyncClient, Client
with Client({url!r}) as client:
    print(client.predict("half_plus_two", [[1.0]])["y"].tolist(), "PIL" in sys.modules)
    print(client.classify_image("dog", {photo!r}).label)

async def main():
    async with AsyncClient({url!r}) as client:
        print((await client.status("dog"))[0].state)

asyncio.run(main())
"""


def test_over_grpc_numpy_protobuf_and_grpcio_are_enough(dog_bundle: Path, half_plus_two: Path, dog_photo: Path) -> None:
    with lightship.serve(dog_bundle, half_plus_two, rest_port=0, grpc_port="auto") as server:
        assert server.wait_ready(60)
        code = GRPC_ALONE.format(url=f"grpc://127.0.0.1:{server.grpc_port}", photo=str(dog_photo))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[[2.5]] False\nbull_mastiff\nAVAILABLE\n", "")


def test_a_transport_brings_nothing_of_the_other() -> None:
    code = "import sys, lightship; lightship.Client({!r}); print('grpc' in sys.modules, 'httpx2' in sys.modules)"
    for url, brought in (("http://h:1", "False True"), ("grpc://h:1", "True False")):
        done = subprocess.run([sys.executable, "-c", code.format(url)], capture_output=True, text=True, timeout=60)
        assert (done.stdout, done.stderr) == (f"{brought}\n", "")


def test_metadata_is_asked_for_once_a_version(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.answer = toy
    with Client(fake_server.url) as client:
        for _ in range(3):
            answer = client.predict("m", np.ones(2, np.float32))
    assert (answer.version, answer["y"].dtype, answer["y"].tolist()) == (2, np.float32, [1.0, 1.0])
    assert [request.path for request in fake_server.received if request.method == "GET"] == [
        "/v1/models/m/versions/2/metadata"
    ]


def test_outputs_of_a_new_version_are_understood_where_no_version_is_reported(fake_server: FakeServer) -> None:
    outputs: dict[str, Any] = {"y": [1.0]}

    def tensorflow_serving(request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            return Reply(body={"outputs": outputs if len(outputs) > 1 else outputs["y"]})
        signature = {"outputs": {name: {"dtype": "DT_FLOAT"} for name in outputs}}
        signatures = {"signature_def": {"signature_def": {"serving_default": signature}}}
        return Reply(body={"model_spec": {"name": "m", "version": "1"}, "metadata": signatures})

    fake_server.answer = tensorflow_serving
    with Client(fake_server.url) as client:
        assert set(client.predict("m", [1.0]).outputs) == {"y"}
        outputs["z"] = [2.0]
        assert set(client.predict("m", [1.0]).outputs) == {"y", "z"}


def test_names_are_percent_encoded(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.reply_with(Reply(body={"model_version_status": []}))
    ask(fake_server.url + "/behind", "status", "my model/ü", label="a/b")
    assert fake_server.received[0].path == "/behind/v1/models/my%20model%2F%C3%BC/labels/a%2Fb"


def test_names_that_mean_folders_are_percent_encoded(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.reply_with(Reply(body={"model_version_status": []}))
    ask(fake_server.url, "status", "..", label=".")
    ask(fake_server.url, "status", ".well-known")
    assert [request.path for request in fake_server.received] == [
        "/v1/models/%2E%2E/labels/%2E",
        "/v1/models/.well-known",
    ]


def test_headers_are_sent(ask: Ask, fake_server: FakeServer) -> None:
    ask(fake_server.url, "ready", options={"headers": {"Authorization": "Bearer x"}})
    assert fake_server.received[0].headers["Authorization"] == "Bearer x"
    assert fake_server.received[0].headers["User-Agent"].startswith("lightship/")


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False), (404, True), (502, False)])
def test_readiness_is_reported_without_an_error(ask: Ask, fake_server: FakeServer, status: int, ready: bool) -> None:
    fake_server.reply_with(Reply(status))
    assert ask(fake_server.url, "ready") is ready
    assert [request.path for request in fake_server.received] == ["/readyz"]


def test_a_server_that_is_not_there_is_neither_ready_nor_live(ask: Ask) -> None:
    assert ask("http://127.0.0.1:9", "ready") is False
    assert ask("http://127.0.0.1:9", "live") is False


def test_tensorflow_serving_does_not_list_its_models(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.reply_with(Reply(400, {"error": "Missing model name in request."}))
    with pytest.raises(Unimplemented, match="status"):
        ask(fake_server.url, "models")


@pytest.mark.parametrize(
    ("method", "keywords"),
    [
        ("status", {"model": ""}),
        ("status", {"model": "m", "version": 1, "label": "stable"}),
        ("metadata", {"model": "m", "version": -1}),
        ("metadata", {"model": "m", "version": "1"}),
    ],
)
def test_arguments_are_checked(ask: Ask, fake_server: FakeServer, method: str, keywords: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        ask(fake_server.url, method, **keywords)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8501", "grpc://127.0.0.1:8500"])
@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": -1}, {"retries": -1}, {"tls": Tls()}])
def test_options_are_checked(url: str, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        Client(url, **options)


def test_a_transport_is_not_for_grpc() -> None:
    with pytest.raises(InvalidArgument, match="transport"):
        Client("grpc://h:1", transport=httpx2.MockTransport(lambda request: httpx2.Response(200)))


def test_a_transport_of_ones_own_is_used() -> None:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, text=str(request.url)))
    with Client("http://nowhere.example", transport=transport) as client:
        assert client.ready() is True


def test_an_answer_without_outputs_is_an_error(ask: Ask, fake_server: FakeServer) -> None:
    fake_server.reply_with(Reply(body={"something": 1}))
    with pytest.raises(Unknown, match="no outputs, only something"):
        ask(fake_server.url, "predict", "m", [1.0])
