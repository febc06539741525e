"""The metrics of our own on `/metrics` tell what a server does."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.server.grpc_process import PREDICT, eventually, request

from lightship import protos
from lightship.errors import Cancelled, DataLoss, LightshipError
from lightship.lifecycle import Manager, Servable, ServableId
from lightship.lifecycle.attempts import LoadFunction, Retries
from lightship.server import Server, ServerOptions, parse_model_argument
from lightship.server.version_metrics import VersionMetrics

STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
CLASSIFY = "/tensorflow.serving.PredictionService/Classify"
LONG = [1.0] * 3000  # a body that a thread reads


class Page:
    """What is served, and its metrics."""

    def __init__(self, server: Server) -> None:
        self.server, self.url = server, f"http://127.0.0.1:{server.rest_port}"

    def post(self, target: str, **document: object) -> int:
        return httpx2.post(f"{self.url}/v1/models/{target}", json=document, timeout=60).status_code

    def call(self, method: str, message: bytes) -> grpc.StatusCode:
        with grpc.insecure_channel(f"127.0.0.1:{self.server.grpc_port}") as channel:
            try:
                channel.unary_unary(method)(message, timeout=60)
            except grpc.RpcError as error:
                code: grpc.StatusCode = error.code()
                return code
        return grpc.StatusCode.OK

    def text(self) -> str:
        return httpx2.get(f"{self.url}/metrics", timeout=60).text

    def value(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name that have these labels, or -1 if there are none."""
        values = [
            sample.value
            for family in text_string_to_metric_families(self.text())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(values) if values else -1.0


@pytest.fixture
def page(half_plus_two: Path, tmp_path: Path) -> Iterator[Page]:
    models = tmp_path / "m"
    shutil.copytree(half_plus_two, models)
    options = ServerOptions(
        [parse_model_argument(f"m={models}")], rest_port="auto", grpc_port="auto", metrics_path="/serving/metrics"
    )
    with Server(options) as server:
        assert server.wait_ready(60)
        yield Page(server)


def stage(page: Page, name: str) -> float:
    return page.value("lightship_request_stage_seconds_sum", model="m", stage=name)


@pytest.mark.parametrize("values", [[1.0], LONG])
def test_a_rest_request_is_counted_and_its_stages_are_measured(page: Page, values: list[float]) -> None:
    assert page.post("m:predict", instances=values) == 200
    which = {"model": "m", "method": "predict", "transport": "rest"}
    assert page.value("lightship_requests_total", **which, code="OK") == 1
    assert page.value("lightship_request_seconds_count", **which) == 1
    for name in ("decode", "run", "encode"):
        assert stage(page, name) > 0
    total = sum(stage(page, name) for name in ("wait", "decode", "run", "encode"))
    assert page.value("lightship_request_seconds_sum", **which) == pytest.approx(total)


@pytest.mark.parametrize("values", [(1.0,), LONG])
def test_a_grpc_call_is_counted_and_its_stages_are_measured(page: Page, values: list[float]) -> None:
    assert page.call(PREDICT, request(values)) is grpc.StatusCode.OK
    which = {"model": "m", "method": "predict", "transport": "grpc"}
    assert page.value("lightship_requests_total", **which, code="OK") == 1
    assert page.value("lightship_request_seconds_count", **which) == 1
    for name in ("decode", "run", "encode"):
        assert stage(page, name) > 0


def test_errors_are_counted_by_their_code(page: Page) -> None:
    assert page.post("m:predict", instances="x") == 400
    assert page.post("made-up:predict", instances=[1.0]) == 404
    assert page.call(PREDICT, request(model="made-up")) is grpc.StatusCode.NOT_FOUND
    assert page.value("lightship_requests_total", model="m", method="predict", code="INVALID_ARGUMENT") == 1
    for transport in ("rest", "grpc"):
        assert page.value("lightship_requests_total", model="", transport=transport, code="NOT_FOUND") == 1
    assert "made-up" not in "".join(line for line in page.text().splitlines() if line.startswith("lightship_"))
    assert page.value("lightship_request_seconds_count") == -1  # only what succeeded is measured


def test_questions_about_models_are_counted_apart(page: Page) -> None:
    for path in ("/v1/models/m", "/v1/models/m/metadata", "/v1/models"):
        assert httpx2.get(page.url + path).status_code == 200
    message = protos.GetModelStatusRequest()
    message.model_spec.name = "m"
    assert page.call(STATUS, message.SerializeToString()) is grpc.StatusCode.OK
    for method, transport in (("status", "rest"), ("metadata", "rest"), ("models", "rest"), ("status", "grpc")):
        assert page.value("lightship_requests_total", method=method, transport=transport, code="OK") == 1
    assert page.value("lightship_request_stage_seconds_count") == -1


def test_classify_is_counted_by_its_model(page: Page) -> None:
    message = protos.ClassificationRequest()
    message.model_spec.name = "m"
    message.model_spec.signature_name = "none such"
    assert page.call(CLASSIFY, message.SerializeToString()) is grpc.StatusCode.INVALID_ARGUMENT
    assert page.value("lightship_requests_total", model="m", method="classify", transport="grpc") == 1


def test_probes_and_pages_are_not_counted(page: Page) -> None:
    for path in ("/livez", "/readyz", "/metrics", "/docs"):
        httpx2.get(page.url + path)
    assert page.value("lightship_requests_total") == -1


def test_loads_and_versions_are_shown(page: Page, tmp_path: Path) -> None:
    assert page.value("lightship_model_ready", model="m") == 1
    assert page.value("lightship_model_version_state", model="m", version="123", state="AVAILABLE") == 1
    assert page.value("lightship_loads_total", model="m", result="loaded") == 1
    assert page.value("lightship_load_seconds_count", model="m") == 1
    assert page.value("lightship_load_seconds_sum", model="m") > 0
    version = tmp_path / "m" / "123"
    files = sum(path.stat().st_size for path in version.rglob("*") if path.is_file())
    assert 0 < page.value("lightship_model_version_bytes", model="m", version="123") <= files


def test_a_version_that_cannot_be_loaded_is_shown_as_failed(page: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tmp_path / "m" / "123", broken)
    (broken / "saved_model.pb").write_bytes(b"\xff")
    broken.rename(tmp_path / "m" / "124")
    assert eventually(lambda: page.value("lightship_model_version_state", version="124", state="FAILED") == 1, 120)
    assert page.value("lightship_loads_total", model="m", result="failed") >= 1
    assert page.value("lightship_model_ready", model="m") == 1  # by the version before
    (tmp_path / "m" / "124").rename(broken)
    assert eventually(lambda: page.value("lightship_model_version_state", version="124", state="END") == 1, 120)
    assert page.value("lightship_model_version_state", state="FAILED") == -1


def test_a_version_that_is_superseded_while_it_loads_is_not_shown_as_failed(tmp_path: Path) -> None:
    may_load = threading.Event()
    manager = Manager(_fail_after(may_load, DataLoss("broken")))
    try:
        manager.aspire("m", {1: tmp_path})
        assert manager.wait(lambda _: _states(manager) == {"1": "LOADING"}, 60)
        manager.aspire("m", {2: tmp_path})
        may_load.set()
        assert manager.wait(lambda _: _states(manager) == {"1": "END", "2": "FAILED"}, 60), manager.versions("m")
    finally:
        may_load.set()
        manager.close()


def test_a_load_that_was_cancelled_is_not_shown_as_failed(tmp_path: Path) -> None:
    may_load = threading.Event()
    may_load.set()
    manager = Manager(_fail_after(may_load, Cancelled("Loading of servable cancelled")), retries=Retries(0))
    try:
        manager.aspire("m", {1: tmp_path})
        assert manager.wait(lambda _: manager.versions("m")[0].error is not None, 60)
        assert "FAILED" not in _states(manager).values()
    finally:
        manager.close()


def _fail_after(may_load: threading.Event, error: LightshipError) -> LoadFunction:
    def load(id: ServableId, path: Path) -> Servable:
        may_load.wait(60)
        raise error

    return load


def _states(manager: Manager) -> dict[str, str]:
    families = VersionMetrics().present_families(manager)
    page = "".join(f"{line}\n" for family in families for line in family.samples)
    return {
        sample.labels["version"]: sample.labels["state"]
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "lightship_model_version_state"
    }


def test_a_version_that_is_unloaded_has_no_bytes_any_more(page: Page, tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(tmp_path / "m" / "123", newer)
    newer.rename(tmp_path / "m" / "124")
    assert eventually(lambda: page.value("lightship_model_version_bytes", version="124") > 0, 120)
    assert eventually(lambda: page.value("lightship_model_version_bytes", version="123") == -1, 120)


def test_every_family_has_a_text_and_a_type_and_a_usual_name(page: Page) -> None:
    page.post("m:predict", instances=[1.0])
    text = page.text()
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE lightship_")}
    assert len(names) > 15
    for name in names:
        assert f"# HELP {name} " in text
        (kind,) = {line.split()[3] for line in text.splitlines() if line.startswith(f"# TYPE {name} ")}
        assert (kind == "counter") == name.endswith("_total")


def test_they_are_not_on_the_page_of_tensorflow_serving(page: Page) -> None:
    assert "lightship" not in httpx2.get(f"{page.url}/serving/metrics").text
