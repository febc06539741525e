"""A classifier that was exported without preprocessing: what the document for `/docs` and the answer to a photo say."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

import lightship
from lightship.bundle.manifest import Manifest, write_manifest
from lightship.bundle.missing_image import INTENDED, MISSING
from lightship.errors import LightshipError
from lightship.server import Server, serve


@pytest.fixture(scope="module")
def server(half_plus_two: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("models")
    for name in (MISSING, INTENDED):
        shutil.copytree(half_plus_two, folder / name)
        (folder / name / "123" / "assets.extra").mkdir(exist_ok=True)
        write_manifest(folder / name / "123", Manifest("2026-01-01T00:00:00+00:00", {}, {}, no_image=name))
    with serve(folder / MISSING, folder / INTENDED, half_plus_two, rest_port="auto") as running:
        assert running.wait_ready(60)
        yield running


def test_the_document_repeats_the_warning_unless_it_is_intended(server: Server) -> None:
    models = httpx2.get(f"{server.rest_url}/openapi.json").json()["x-lightship-models"]
    advice = {model["name"]: model["versions"][0]["advice"] for model in models}
    assert advice[MISSING].startswith("takes only tensors and refuses photos, because it was exported without")
    assert "--classes FILE and --preprocess NAME" in advice[MISSING]
    assert advice[INTENDED] == advice["half_plus_two"] == ""


def test_the_page_shows_it(server: Server) -> None:
    assert "version.advice" in httpx2.get(f"{server.rest_url}/docs").text


@pytest.mark.parametrize("model", [MISSING, INTENDED, "half_plus_two"])
def test_a_photo_is_refused_with_what_to_do(server: Server, model: str) -> None:
    url = f"{server.rest_url}/v1/models/{model}:predict"
    answer = httpx2.post(url, content=b"\xff\xd8\xff\xe0", headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 400
    assert "cannot classify encoded images" in answer.json()["error"]
    assert "send tensors" in answer.json()["error"]


def test_the_client_raises_what_the_server_says(server: Server) -> None:
    with lightship.Client(server.rest_url) as client, pytest.raises(LightshipError, match="send tensors"):
        client.classify_image(INTENDED, b"\xff\xd8\xff\xe0" + b"\0" * 60)
