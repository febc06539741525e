"""CORS headers: on every answer of the API if they were asked for, and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from lightship.server import serve
from lightship.transports.http.limits import Limits

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}


@pytest.fixture(scope="module")
def http(half_plus_two: Path) -> Iterator[httpx2.Client]:
    with serve(f"m={half_plus_two}", rest_port="auto", cors=True) as server:
        assert server.wait_ready(60)
        with httpx2.Client(base_url=server.rest_url, timeout=60) as client:
            yield client


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("POST", "/v1/models/m:predict", b'{"instances": [1.0]}', 200),
        ("POST", "/v1/models/m:predict", b"{", 400),
        ("POST", "/v1/models/foo:predict", b'{"instances": [1.0]}', 404),
        ("GET", "/v1/models/m", b"", 200),
        ("DELETE", "/v1/models/m", b"", 400),
        ("OPTIONS", "/v1/models/m:predict", b"", 400),
    ],
)
def test_every_answer_of_the_api_has_them(
    http: httpx2.Client, method: str, target: str, body: bytes, status: int
) -> None:
    answer = http.request(method, target, content=body)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_an_answer_without_the_endpoint_has_them(half_plus_two: Path) -> None:
    """Without them, a web page would only learn that it may not read the answer."""
    limits = Limits(json=100)
    with serve(f"m={half_plus_two}", rest_port="auto", cors=True, limits=limits, timeout_seconds=1e-9) as server:
        assert server.wait_ready(60)
        with httpx2.Client(base_url=server.rest_url, timeout=60) as client:
            for content, status in (
                (b'{"signature_name": "regress_x_to_y", "instances": [""]}', 504),
                (bytes(101), 413),
            ):
                answer = client.post("/v1/models/m:predict", content=content)
                assert answer.status_code == status
                assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_a_preflight_is_granted(http: httpx2.Client) -> None:
    answer = http.options("/v1/models/m:predict", headers={"Origin": "http://a.example"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"] == "text/html; charset=ISO-8859-1"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("target", ["/", "/metrics", "/livez"])
def test_other_pages_do_not(http: httpx2.Client, target: str) -> None:
    assert not set(map(str.lower, HEADERS)) & set(http.get(target).headers)
