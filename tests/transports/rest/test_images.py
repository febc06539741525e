"""Images as they are, by the real dog model."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from lightship.server import Server, serve

Post = Callable[..., httpx2.Response]


@pytest.fixture(scope="module")
def server(dog_bundle: Path) -> Iterator[Server]:
    with serve(dog_bundle, rest_port="auto") as running:
        assert running.wait_ready(120)
        yield running


@pytest.fixture(scope="module")
def post(server: Server) -> Iterator[Post]:
    with httpx2.Client(base_url=server.rest_url, timeout=60) as http:

        def posted(target: str, body: bytes | Any, kind: str = "image/jpeg") -> httpx2.Response:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            return http.post(f"/v1/models/dog{target}", content=content, headers={"Content-Type": kind})

        yield posted


@pytest.fixture
def photo(dog_photo: Path) -> bytes:
    return dog_photo.read_bytes()


def encoded(photo: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(photo).decode()}


def test_a_photo_gets_its_five_best_labels(post: Post, photo: bytes) -> None:
    answer = post(":predict", photo)
    (best,) = answer.json()["predictions"]
    assert best["labels"][0] == "bull_mastiff"
    assert best["scores"][0] == pytest.approx(0.997, abs=0.001)
    assert len(best["labels"]) == len(best["scores"]) == 5
    assert answer.headers["Lightship-Model-Version"] == "1"


def test_top_says_how_many(post: Post, photo: bytes) -> None:
    assert len(post(":predict?top=1", photo).json()["predictions"][0]["labels"]) == 1
    assert len(post("/versions/1:predict?top=100", photo).json()["predictions"][0]["scores"]) == 19


@pytest.mark.parametrize("query", ["top=0", "top=-1", "top=x", "top=", "top=1.5", "n=3", "top=1&top=2", "top=1&n=3"])
def test_another_query_is_refused(post: Post, photo: bytes, query: str) -> None:
    answer = post(f":predict?{query}", photo)
    assert answer.status_code == 400
    assert "top" in answer.json()["error"]


def test_an_image_is_no_business_of_the_other_verbs(post: Post, photo: bytes) -> None:
    answer = post(":classify?top=1", photo)
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        "Malformed request: POST /v1/models/dog:classify?top=1",
    )
    assert post(":classify", photo).json()["error"].startswith("JSON Parse error")


def test_what_is_no_image_is_named(post: Post, photo: bytes) -> None:
    for body in (b"not an image", b"", photo[:20_000]):
        answer = post(":predict", body)
        assert answer.status_code == 400
        assert answer.json()["error"]


@pytest.mark.parametrize("kind", ["image/png", "image/x-anything", "IMAGE/JPEG; q=1"])
def test_the_bytes_say_what_an_image_is_and_not_its_type(post: Post, photo: bytes, kind: str) -> None:
    assert post(":predict", photo, kind).json()["predictions"][0]["labels"][0] == "bull_mastiff"


@pytest.mark.parametrize("options", [("-F", "file=@{}"), ("-F", "any name=@{}"), ("--data-binary", "@{}")])
def test_curl_sends_a_photo_without_saying_what_it_is(
    server: Server, dog_photo: Path, options: tuple[str, str]
) -> None:
    command = ["curl", "-s", options[0], options[1].format(dog_photo), f"{server.rest_url}/v1/models/dog:predict?top=1"]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    assert answer["predictions"][0]["labels"] == ["bull_mastiff"]


def test_a_file_in_a_form_that_is_no_image_is_named(server: Server, dog_photo: Path) -> None:
    url = f"{server.rest_url}/v1/models/dog:predict"
    for content in (b"not an image", b"", dog_photo.read_bytes()[:20_000]):
        answer = httpx2.post(url, files={"file": ("dog.jpg", content)}, timeout=60)
        assert (answer.status_code, "image" in answer.json()["error"]) == (400, True)


def test_an_image_of_a_kind_that_is_not_read_is_named(post: Post) -> None:
    answer = post(":predict", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml")
    assert (answer.status_code, "JPEG" in answer.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    ("target", "status", "text"),
    [
        ("/versions/9:predict", 404, "Servable not found for request: Specific(dog, 9)"),
        ("/labels/no:predict?top=1", 400, "Unrecognized servable version label: no"),
    ],
)
def test_versions_and_labels_are_those_of_json(post: Post, photo: bytes, target: str, status: int, text: str) -> None:
    answer = post(target, photo)
    assert (answer.status_code, answer.json()["error"]) == (status, text)


def test_images_in_json_get_all_labels(post: Post, photo: bytes) -> None:
    body = {"signature_name": "image_bytes", "instances": [encoded(photo), encoded(photo)]}
    first, second = post(":predict", body, "application/json").json()["predictions"]
    assert first == second
    assert first["labels"][0] == "bull_mastiff"
    assert len(first["scores"]) == 19


def test_classify_gives_pairs(post: Post, photo: bytes) -> None:
    body = {"examples": [{"image/encoded": encoded(photo)}]}
    (pairs,) = post(":classify", body, "application/json").json()["results"]
    assert pairs[0] == ["bull_mastiff", pytest.approx(0.997, abs=0.001)]
    assert len(pairs) == 19


def test_the_image_may_stand_in_the_context(post: Post, photo: bytes) -> None:
    body = {"signature_name": "classify", "context": {"image/encoded": encoded(photo)}, "examples": [{}, {"x": 1}]}
    first, second = post(":classify", body, "application/json").json()["results"]
    assert first[0][0] == second[0][0] == "bull_mastiff"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "When method is classify, key 'examples' is expected and was not found"),
        ({"examples": 1}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [[]]}, "Example must be JSON object but got JSON Array"),
        ({"examples": [{"image/encoded": {"b64": "*"}}]}, "Unable to base64 decode"),
        ({"examples": [{"x": 1}]}, "example 0 must have one image in the bytes feature image/encoded"),
    ],
)
def test_examples_that_are_none_are_named(post: Post, body: dict[str, Any], text: str) -> None:
    answer = post(":classify", body, "application/json")
    assert answer.status_code == 400
    assert text in answer.json()["error"]


def test_a_call_that_takes_too_long_is_given_up(dog_bundle: Path, photo: bytes) -> None:
    with serve(dog_bundle, rest_port="auto", timeout_seconds=0.0005) as server:
        assert server.wait_ready(120)
        url = f"{server.rest_url}/v1/models/dog:predict"
        answer = httpx2.post(url, content=photo, headers={"Content-Type": "image/jpeg"}, timeout=60)
    assert answer.status_code == 504
    assert answer.json() == {"error": "Timed out waiting for notification"}


def test_an_image_is_one_call_in_the_metrics(server: Server, post: Post, photo: bytes) -> None:
    def runs(api: str) -> int:
        sample = f':tensorflow:serving:runtime_latency_count{{model_name="dog",API="{api}",runtime="TF1"}} '
        lines = httpx2.get(f"{server.rest_url}/metrics", timeout=60).text.splitlines()
        return sum(int(line.removeprefix(sample)) for line in lines if line.startswith(sample))

    before = runs("Predict"), runs("Classify")
    assert post(":predict", photo).status_code == 200
    assert (runs("Predict"), runs("Classify")) == (before[0] + 1, before[1])
    body = {"examples": [{"image/encoded": encoded(photo)}]}
    assert post(":classify", body, "application/json").status_code == 200
    assert (runs("Predict"), runs("Classify")) == (before[0] + 1, before[1] + 1)


def test_the_openapi_document_says_how_images_are_sent_and_what_they_become(server: Server) -> None:
    document = httpx2.get(f"{server.rest_url}/openapi.json", timeout=60).json()
    content = document["paths"]["/v1/models/dog:predict"]["post"]["requestBody"]["content"]
    assert {"image/jpeg", "multipart/form-data", "application/json"} <= content.keys()
    (version,) = document["x-lightship-models"][0]["versions"]
    assert version["classes"][:2] == ["Chihuahua", "Maltese_dog"]
    assert (version["image"]["width"], version["image"]["preprocessing"]) == (160, "mobilenet_v2")
