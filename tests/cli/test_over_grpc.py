"""`lightship predict` and `lightship status` where only gRPC is spoken."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.cli.conftest import Run, Start
from tests.server.certificates import issue, make_authority


def served(process: subprocess.Popen[str]) -> str:
    """Where it is, when it is ready."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr and process.stderr.read()
    return f"127.0.0.1:{json.loads(line)['grpc_port']}"


@pytest.fixture
def address(start: Start, dog_bundle: Path, half_plus_two: Path) -> str:
    options = ["--rest-port", "0", "--grpc-port", "auto", "--json"]
    return served(start(dog_bundle, half_plus_two, *options))


def test_a_photo_is_named_and_the_models_are_shown(lightship: Run, address: str, dog_photo: Path) -> None:
    done = lightship("predict", f"grpc://{address}/dog", dog_photo, "--top", 1, "--json")
    answer = json.loads(done.stdout)
    assert (answer["labels"], answer["model"], answer["version"]) == (["bull_mastiff"], "dog", 1)
    done = lightship("predict", f"grpc://{address}", dog_photo)
    assert done.returncode == 1
    assert f"names no model: give grpc://{address}/NAME" in done.stderr
    done = lightship("status", f"grpc://{address}", "--json")
    found = json.loads(done.stdout)
    assert (found["ready"], [model["name"] for model in found["models"]]) == (True, ["dog", "half_plus_two"])
    engines = {one["signature"]: one for one in found["models"][0]["versions"][0]["signatures"]}
    assert engines["serving_default"] == {
        "signature": "serving_default",
        "engine": "openvino",
        "reason": "every operation is proven",
        "proof": "golden sample",
    }
    assert engines["image_bytes"]["engine"] == "lightship"
    done = lightship("status", f"grpc://{address}/owl")
    hint = "Served models: dog, half_plus_two"
    assert (done.returncode, done.stderr) == (1, f"error: Could not find any versions of model owl ({hint})\n")


def test_certificates_are_shown_and_checked(lightship: Run, start: Start, half_plus_two: Path, tmp_path: Path) -> None:
    authority = make_authority(tmp_path, "authority")
    server, client = issue(authority, tmp_path, "server"), issue(authority, tmp_path, "client")
    keys = ["--tls-cert", server.certificate, "--tls-key", server.key, "--tls-client-ca", authority.certificate]
    options = ["--rest-port", "0", "--grpc-port", "auto", "--json", *keys]
    url = f"grpcs://{served(start(half_plus_two, *options))}"
    trusted = ["--ca", authority.certificate]
    done = lightship("status", url, *trusted, "--cert", client.certificate, "--key", client.key)
    assert (done.returncode, done.stderr) == (0, "")
    assert "AVAILABLE" in done.stdout
    done = lightship("status", url, *trusted)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    done = lightship("status", url, "--ca", make_authority(tmp_path, "other").certificate)
    assert (done.returncode, done.stdout) == (1, "")
    assert "with TLS and a certificate that --ca can verify" in done.stderr
    assert "tls=" not in done.stderr
