"""What nobody should send: it is refused, and the memory it took comes back."""

from __future__ import annotations

import contextlib
import io
import socket
from pathlib import Path

import httpx2
import pytest
from PIL import Image
from tests.end_to_end.conftest import Running, Serve


@pytest.fixture
def server(serve: Serve, dog_bundle: Path) -> Running:
    return serve(str(dog_bundle))


def post(server: Running, body: bytes, content_type: str) -> httpx2.Response:
    url = f"{server.url}/v1/models/dog:predict"
    return httpx2.post(url, content=body, headers={"Content-Type": content_type}, timeout=120)


def test_an_image_bomb_is_refused(server: Running, dog_photo: Path) -> None:
    post(server, dog_photo.read_bytes(), "image/jpeg")
    before = server.resident_megabytes()
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    answer = post(server, bomb.getvalue(), "image/png")
    assert answer.status_code == 413
    assert "30000" in answer.json()["error"]
    assert server.settled_megabytes(before + 30) < before + 30


def test_a_hundred_megabytes_of_image_are_refused(server: Running) -> None:
    before = server.resident_megabytes()
    with contextlib.suppress(httpx2.WriteError):  # the connection may be closed before all is sent
        assert post(server, bytes(100_000_000), "image/jpeg").status_code == 413
    assert server.settled_megabytes(before + 30) < before + 30


def test_a_hundred_megabytes_of_json_leave_no_memory_behind(server: Running) -> None:
    body = b'{"instances": [' + b"[1.25, 2.5]," * 8_333_333 + b"[1.25, 2.5]]}"
    small = b'{"instances": [[1.25, 2.5]]}'
    post(server, small, "application/json")
    before = server.resident_megabytes()
    answer = post(server, body, "application/json")
    assert answer.status_code == 400
    assert "error" in answer.json()
    assert server.settled_megabytes(before + 60) < before + 60


def test_a_truncated_jpeg_is_named(server: Running, dog_photo: Path) -> None:
    answer = post(server, dog_photo.read_bytes()[:20_000], "image/jpeg")
    assert answer.status_code == 400
    assert "truncated" in answer.json()["error"]


def test_clients_that_hang_up_leave_nothing(server: Running, dog_photo: Path) -> None:
    post(server, dog_photo.read_bytes(), "image/jpeg")
    before = server.resident_megabytes()
    head = b"POST /v1/models/dog:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n\r\n"
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head + bytes(20_000_000))
    assert post(server, dog_photo.read_bytes(), "image/jpeg").status_code == 200
    assert server.settled_megabytes(before + 60) < before + 60
