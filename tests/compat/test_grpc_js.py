"""gRPC's second implementation, `@grpc/grpc-js` on Node, drives every method."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.compat.answers import SIGNATURES
from tests.compat.conftest import GRPC_JS, Served
from tests.programs import program
from tests.server.certificates import make_authority

import lightship.protos

PROTOS = Path(lightship.protos.__file__).parent


def drive(modules: Path, served: Served, *keys: str) -> subprocess.CompletedProcess[str]:
    command = [program("node"), GRPC_JS / "every_method.js", modules, PROTOS, served.address, served.folder, *keys]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)


def test_every_method_is_answered(modules: Path, served: Served) -> None:
    done = drive(modules, served, *served.keys)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "Predict": [[2.5, 3.0], 123],
        "Classify": [[3.0], [4.0]],
        "Regress": [5.0],
        "MultiInference": [["classify_x_to_y", 3.0], ["regress_x_to_y", 3.0]],
        "GetModelMetadata": [SIGNATURES, "DT_FLOAT"],
        "GetModelStatus": [[123, "AVAILABLE"]],
        "HandleReloadConfigRequest": "OK",
        "Predict by label": [2.0, 2.5, 3.0],
        "a large tensor": [500_000, 1],
        "many at once": [2.0 + index for index in range(50)],
        "no model": ["NOT_FOUND", "Servable not found for request: Latest(Größe)"],
        "too late": "DEADLINE_EXCEEDED",
        "by gzip": [500_000, 1],
        "Health/Check": "SERVING",
        "Health/Watch": ["SERVING", "CANCELLED"],
        "SessionRun": "UNIMPLEMENTED",
    }


@pytest.mark.parametrize("served", ["mutual"], indirect=True)
def test_mutual_tls_refuses_who_has_no_certificate(modules: Path, served: Served) -> None:
    done = drive(modules, served, served.keys[0])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == "UNAVAILABLE"
    assert drive(modules, served, *served.keys).returncode == 0


@pytest.mark.parametrize("served", ["tls"], indirect=True)
def test_tls_refuses_who_speaks_plainly_or_trusts_another(modules: Path, served: Served, tmp_path: Path) -> None:
    for keys in ((), (str(make_authority(tmp_path, "other").certificate),)):
        done = drive(modules, served, *keys)
        assert (done.returncode, done.stderr.strip()) == (1, "UNAVAILABLE")
