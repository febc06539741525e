"""What a server and `lightship inspect` say of a version in another precision."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from lightship.cli.report import report_on
from lightship.cli.version_folder import VersionFolder
from lightship.client import Client
from lightship.engines import EngineOptions
from lightship.errors import FailedPrecondition
from lightship.server import Server, ServerOptions, parse_model_argument

pytestmark = pytest.mark.tensorflow


def started(pets: Path, **options: Any) -> Server:
    engine = EngineOptions(precision="int8", **options)
    models = [parse_model_argument(pets.parent)]
    return Server(ServerOptions(models, rest_port="auto", load_retries=0, engine=engine)).start()


def test_a_version_that_is_refused_is_never_available_and_its_status_says_why(pets: Path, photos: Path) -> None:
    server = started(pets, verify_with=photos, max_difference=1e-6, min_agreement=1.0)
    try:
        with Client(f"http://127.0.0.1:{server.rest_port}") as client:
            end = time.monotonic() + 120
            while (version := client.status("pets")[0]).state != "END" and time.monotonic() < end:
                time.sleep(0.05)
            assert version.state == "END"
            assert "is not served in int8" in version.error_message
            assert "top-1 agreement 24 of 24 (100 %)" in version.error_message
            assert "--max-difference" in version.error_message
    finally:
        server.stop()


def test_the_list_of_models_shows_the_figures(pets: Path) -> None:
    server = started(pets)
    try:
        assert server.wait_ready(120)
        with Client(f"http://127.0.0.1:{server.rest_port}") as client:
            (model,) = client.models()
            signature = next(one for one in model.versions[0].signatures if one.signature == "serving_default")
            assert signature.reason.endswith("computed in int8")
            assert "largest difference" in signature.proof
            assert "top-1 agreement 2 of 2 (100 %) on 2 rows of the golden sample" in signature.proof
    finally:
        server.stop()


def test_inspect_shows_the_check_and_what_was_measured_at_export(pets: Path, photos: Path) -> None:
    found = VersionFolder(pets, "pets", 1)
    report = report_on(found, check=True, options=EngineOptions(precision="int8", verify_with=photos))
    lines = report.to_text().splitlines()
    assert any(line.startswith("Precision: int8, ok: largest difference") for line in lines)
    assert any(line.startswith("Model of int8: calibrated with 24 photos; largest") for line in lines)
    fields = report.to_json()
    assert fields["precision"]["precision"] == "int8"
    assert [one["rows"] for one in fields["precision"]["figures"]] == [2, 24]
    assert fields["int8"]["photos"] == 24


def test_inspect_refuses_what_a_server_would_refuse(pets: Path) -> None:
    with pytest.raises(FailedPrecondition, match="is not served in int8"):
        report_on(
            VersionFolder(pets, "pets", 1), check=True, options=EngineOptions(precision="int8", max_difference=1e-6)
        )
