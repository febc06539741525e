"""What GET answers."""

from __future__ import annotations

import httpx2
import pytest
from tests.transports.rest.conftest import Ask

from lightship.server import Server

STATUS = """{
 "model_version_status": [
  {
   "version": "123",
   "state": "AVAILABLE",
   "status": {
    "error_code": "OK",
    "error_message": ""
   }
  }
 ]
}
"""


def test_status_is_written_byte_for_byte(ask: Ask) -> None:
    for target in ("/v1/models/m", "/v1/models/m/versions/123"):
        assert ask("GET", target).body.decode() == STATUS


@pytest.mark.parametrize(
    ("target", "status", "text"),
    [
        ("/v1/models/foo", 404, "Could not find any versions of model foo"),
        ("/v1/models/foo/versions/1", 404, "Could not find version 1 of model foo"),
        ("/v1/models/m/versions/5", 404, "Could not find version 5 of model m"),
        ("/v1/models/m/labels/stable", 400, "Unrecognized servable version label: stable"),
        ("/v1/models/versions/5", 400, "Missing model name in request."),
        ("/v1/models/foo/metadata", 404, "Servable not found for request: Latest(foo)"),
        ("/v1/models/m/versions/5/metadata", 404, "Servable not found for request: Specific(m, 5)"),
    ],
)
def test_what_is_not_there_is_named(ask: Ask, target: str, status: int, text: str) -> None:
    answer = ask("GET", target)
    assert (answer.status, answer.error) == (status, text)


def test_metadata_has_every_signature_and_default(ask: Ask) -> None:
    document = ask("GET", "/v1/models/m/metadata").json
    assert document["model_spec"] == {"name": "m", "signature_name": "", "version": "123"}
    signatures = document["metadata"]["signature_def"]["signature_def"]
    assert {"serving_default", "classify_x_to_y", "regress_x_to_y"} <= set(signatures)
    (entry,) = signatures["serving_default"]["inputs"].values()
    assert entry["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}, {"size": "1", "name": ""}]
    assert entry["tensor_shape"]["unknown_rank"] is False
    assert signatures["serving_default"]["defaults"] == {}


def test_the_list_of_models(ask: Ask) -> None:
    (model,) = ask("GET", "/v1/models").json["models"]
    (version,) = model.pop("versions")
    assert model == {"name": "m", "ready": True, "reason": None, "notice": "", "labels": {}}
    signatures = version.pop("signatures")
    assert version == {"version": "123", "state": "AVAILABLE", "note": ""}
    assert all(one.keys() == {"engine", "reason", "proof"} for one in signatures.values())
    assert signatures["serving_default"]["engine"] == "openvino"


def test_probes(ask: Ask) -> None:
    assert ask("GET", "/livez").status == 200
    assert ask("GET", "/readyz").json == {"status": "ready"}
    assert ask("HEAD", "/readyz").status == 200


def test_metrics_have_tensorflow_servings_names(ask: Ask) -> None:
    ask("POST", "/v1/models/m:predict", '{"instances": [1]}')
    ask("POST", "/v1/models/foo:predict", '{"instances": [1]}')
    text = ask("GET", "/metrics").body.decode()
    assert "# TYPE :tensorflow:serving:request_count counter\n" in text
    assert ':tensorflow:serving:request_count{model_name="foo",status="NOT_FOUND"} ' in text
    latency = ':tensorflow:serving:request_latency_bucket{model_name="m",API="predict",entrypoint="REST",le='
    assert latency + '"32.4"} ' in text
    assert latency + '"1.27482e+06"} ' in text
    assert latency + '"+Inf"} ' in text
    assert "process_resident_memory_bytes " in text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("target", ["/", "/?from=somewhere"])
def test_the_front_page_leads_to_the_docs(ask: Ask, method: str, target: str) -> None:
    answer = ask(method, target)
    assert (answer.status, answer.headers["Location"]) == (302, "./docs")
    assert int(answer.headers["Content-Length"]) > 0
    assert answer.body == (
        b"" if method == "HEAD" else b"Lightship: see ./docs and ./ui in a browser, ./openapi.json and ./v1/models\n"
    )


def test_a_browser_that_asks_for_the_front_page_gets_the_docs(server: Server) -> None:
    answer = httpx2.get(server.rest_url, follow_redirects=True)
    assert (answer.url.path, answer.headers["Content-Type"]) == ("/docs", "text/html; charset=utf-8")


def test_nothing_is_posted_to_the_front_page(ask: Ask) -> None:
    assert ask("POST", "/").status == 404
