"""With a memory budget of 512 MB, no request takes much more, and what it took comes back."""

from __future__ import annotations

import io
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from PIL import Image
from tests.end_to_end.conftest import Running, Serve

JSON, PNG, JPEG = "application/json", "image/png", "image/jpeg"
BUDGET = 512  # MB


@pytest.fixture
def server(serve: Serve, dog_bundle: Path, half_plus_two: Path, dog_photo: Path) -> Running:
    server = serve(str(dog_bundle), f"half={half_plus_two}", "--memory-budget", f"{BUDGET}MB")
    for _ in range(3):
        assert post(server, dog_photo.read_bytes(), JPEG).status_code == 200
    return server


def post(server: Running, body: bytes, content_type: str, encoding: str = "identity") -> httpx2.Response:
    """Sends an image to the model that takes one, and anything else to the one that takes any list of numbers."""
    model = "half" if content_type == JSON else "dog"
    headers = {"Content-Type": content_type, "Content-Encoding": encoding}
    return httpx2.post(f"{server.url}/v1/models/{model}:predict", content=body, headers=headers, timeout=300)


def bomb() -> bytes:
    """64 million pixels in 8 KB."""
    file = io.BytesIO()
    Image.new("1", (8000, 8000)).save(file, "PNG", compress_level=9)
    return file.getvalue()


def spaces() -> bytes:
    """1 MB of gzip that inflates to 1 GB."""
    deflater = zlib.compressobj(9, wbits=31)
    return b"".join(deflater.compress(b" " * (1 << 20)) for _ in range(1 << 10)) + deflater.flush()


def scans() -> bytes:
    """A progressive JPEG with 5,000 empty scans."""
    file = io.BytesIO()
    Image.effect_noise((1000, 1000), 50).save(file, "JPEG", progressive=True)
    return file.getvalue()[:-2] + b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00" * 5000 + b"\xff\xd9"


def nested() -> bytes:
    return (b'[{"":1},' * (2 << 20))[: 16 << 20]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "content_type", "encoding", "count", "stays"),
    [
        (bomb, PNG, "identity", 8, 100),
        (spaces, JSON, "gzip", 2, 100),
        (nested, JSON, "identity", 4, 100),
        (scans, JPEG, "identity", 4, 100),
        # OpenVINO keeps about twice the largest tensors of each of its requests, and so many run at once.
        (lambda: b'{"instances": [' + b"1.25," * 1_000_000 + b"1.25]}", JSON, "identity", 16, 250),
    ],
    ids=["pixels", "gzip", "nested JSON", "scans", "numbers"],
)
def test_what_is_attacked_keeps_within_its_budget(
    server: Running, body: Callable[[], bytes], content_type: str, encoding: str, count: int, stays: int
) -> None:
    content, before = body(), server.resident_megabytes()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(post(server, content, content_type, encoding).status_code))
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    peak = before
    while any(thread.is_alive() for thread in threads):
        peak = max(peak, server.resident_megabytes())
        threading.Event().wait(0.01)
    assert set(statuses) <= {200, 400, 413, 503}
    assert peak < before + BUDGET + 300
    assert server.settled_megabytes(before + stays) < before + stays
