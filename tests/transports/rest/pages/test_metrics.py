"""The page that a monitoring configuration asks for, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from lightship.server import Server, serve

PATH = "/monitoring/prometheus/metrics"
LIMITS = "10 18 32.4 58.32 104.976 188.957 340.122 612.22 1102 1983.59 3570.47 6426.84 11568.3 20823 37481.3 67466.4"


@pytest.fixture(scope="module")
def monitored(half_plus_two: Path) -> Iterator[Server]:
    with serve(f"m={half_plus_two}", rest_port="auto", metrics_path=PATH) as running:
        assert running.wait_ready(60)
        yield running


@pytest.fixture(scope="module")
def http(monitored: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=monitored.rest_url, timeout=60) as client:
        yield client


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_any_verb_gets_the_page(http: httpx2.Client, method: str) -> None:
    answer = http.request(method, PATH, content=b"{}" if method == "POST" else None)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain")
    assert answer.text.endswith("\n")
    assert "# TYPE :tensorflow:serving:request_count counter\n" in answer.text


def test_a_query_is_refused(http: httpx2.Client) -> None:
    answer = http.get(f"{PATH}?a=1")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/plain")
    assert answer.text == f"Unexpected path: {PATH}?a=1. Should be {PATH}"


@pytest.mark.parametrize("path", [f"{PATH}/", PATH.upper(), "/monitoring", f"/{PATH}"])
def test_the_path_is_exact(http: httpx2.Client, path: str) -> None:
    assert http.get(path).status_code == 404


def test_every_line_is_of_a_metric_of_tensorflow(http: httpx2.Client) -> None:
    lines = http.get(PATH).text.splitlines()
    assert all(line.startswith((":tensorflow:", "# TYPE :tensorflow:")) for line in lines)


def test_requests_are_counted_by_decoded_name_and_status(http: httpx2.Client) -> None:
    http.post("/v1/models/m:predict", json={"instances": [1.0]})
    http.post("/v1/models/%6d:predict", json={"instances": "no"})
    http.put("/v1/models/m:predict")
    http.get("/v1/models/m/metadata")
    lines = http.get(PATH).text.splitlines()
    count = ":tensorflow:serving:request_count"
    assert f'{count}{{model_name="m",status="OK"}} 2' in lines
    assert f'{count}{{model_name="m",status="INVALID_ARGUMENT"}} 1' in lines
    assert f'{count}{{model_name="",status="INVALID_ARGUMENT"}} 1' in lines
    latency = ":tensorflow:serving:request_latency"
    for api in ("predict", ""):
        labels = f'model_name="m",API="{api}",entrypoint="REST"'
        buckets = [line for line in lines if line.startswith(f"{latency}_bucket{{{labels},")]
        assert [line.split('le="')[1].split('"')[0] for line in buckets][:16] == LIMITS.split()
        assert (len(buckets), buckets[-1]) == (34, f'{latency}_bucket{{{labels},le="+Inf"}} 1')
        assert f"{latency}_count{{{labels}}} 1" in lines


def test_loads_are_counted(http: httpx2.Client, half_plus_two: Path) -> None:
    text = http.get(PATH).text
    loads = ":tensorflow:cc:saved_model:load"
    assert f'{loads}_attempt_count{{model_path="{half_plus_two}/123",status="success"}} 1\n' in text
    spent = text.split(f'{loads}_latency{{model_path="{half_plus_two}/123"}} ')[1].splitlines()[0]
    assert int(spent) > 0


def test_our_own_page_has_the_same_and_the_process(http: httpx2.Client) -> None:
    own = http.get("/metrics").text
    assert "# TYPE :tensorflow:serving:request_latency histogram\n" in own
    assert "process_resident_memory_bytes " in own


@pytest.mark.parametrize("path", [PATH, "/metrics"])
def test_prometheus_can_read_it(http: httpx2.Client, path: str) -> None:
    http.post("/v1/models/m:predict", json={"instances": [1.0]})
    families = {family.name: family for family in text_string_to_metric_families(http.get(path).text)}
    latency = families[":tensorflow:serving:request_latency"]
    assert latency.type == "histogram"
    counts = [sample for sample in latency.samples if sample.name.endswith("_count")]
    assert sum(sample.value for sample in counts if sample.labels["API"] == "predict") >= 1
