"""`lightship-model-server` over gRPC: its port, its socket, and the flags that touch them."""

from __future__ import annotations

import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from benchmarks.ports import free_port
from tests.end_to_end.conftest import BIN
from tests.server.certificates import issue, make_authority
from tests.server.grpc_process import eventually
from tests.transports.grpc.conftest import call, refusal
from tests.transports.grpc.test_examples import CLASSIFY, REGRESS, examples, spec, task
from tests.transports.grpc.test_predict import inputs

from lightship import protos

PREDICT = f'model_spec {{ name: "half" }} {inputs("x")}'
CALLS = {
    "Predict": PREDICT,
    "Classify": f"{spec('half', 'classify_x_to_y')} {examples(2.0)}",
    "Regress": f"{spec('half', 'regress_x_to_y')} {examples(2.0)}",
    "MultiInference": (
        f"{task('half', 'classify_x_to_y', CLASSIFY)} {task('half', 'regress_x_to_y', REGRESS)} {examples(2.0)}"
    ),
    "GetModelMetadata": 'model_spec { name: "half" } metadata_field: "signature_def"',
    "GetModelStatus": 'model_spec { name: "half" }',
    "HandleReloadConfigRequest": "",  # the models stay as they are
}


@contextmanager
def model_server(folder: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """Ready when it is given; killed at the end."""
    words = [f"--model_base_path={folder}", "--model_name=half", *flags]
    process = subprocess.Popen([str(BIN / "lightship-model-server"), *words], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if "Running gRPC ModelServer at" in line:
                break
        else:
            raise AssertionError("".join(seen))
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def places(half_plus_two: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """Port and socket of a server with what most clients' servers have."""
    port, path = free_port(), tmp_path_factory.mktemp("socket") / "s"
    flags = ["--enable_grpc_healthcheck_service", "--grpc_channel_arguments=grpc.max_connection_age_ms=100000"]
    with model_server(half_plus_two, f"--port={port}", f"--grpc_socket_path={path}", "--rest_api_port=0", *flags):
        yield port, f"unix:{path}"


@pytest.fixture(params=["port", "socket"])
def channel(request: pytest.FixtureRequest, places: tuple[int, str]) -> Iterator[grpc.Channel]:
    address = f"127.0.0.1:{places[0]}" if request.param == "port" else places[1]
    with grpc.insecure_channel(address) as opened:
        yield opened


@pytest.mark.tensorflow
@pytest.mark.parametrize("method", CALLS)
def test_every_method_is_answered_by_port_and_by_socket(
    channel: grpc.Channel, half_plus_two: Path, method: str
) -> None:
    models = f'config {{ name: "half" base_path: "{half_plus_two}" model_platform: "tensorflow" }}'
    asked = CALLS[method] or f"config {{ model_config_list {{ {models} }} }}"
    answer = call(channel, method, asked)
    assert answer.ByteSize() > 0
    if method == "Predict":
        assert list(answer.outputs["y"].float_val) == [3.0]


@pytest.mark.parametrize("service", ["", "ModelService", "PredictionService", "half"])
def test_health_is_on_by_its_flag(channel: grpc.Channel, service: str) -> None:
    assert call(channel, "Check", protos.HealthCheckRequest(service=service)).status == 1


def test_a_service_by_its_long_name_is_not_known(channel: grpc.Channel) -> None:
    long = protos.HealthCheckRequest(service="tensorflow.serving.PredictionService")
    assert refusal(channel, "Check", long)[0] == "NOT_FOUND"


def test_it_listens_on_every_address_of_ipv4(places: tuple[int, str]) -> None:
    with grpc.insecure_channel(f"127.0.0.2:{places[0]}") as channel:
        assert list(call(channel, "Predict", PREDICT).outputs["y"].float_val) == [3.0]


def quoted(file: Path) -> str:
    return '"' + file.read_text().replace("\n", "\\n") + '"'


def test_other_flags_have_their_effect_behind_tls(half_plus_two: Path, tmp_path: Path) -> None:
    authority = make_authority(tmp_path, "authority")
    keys = issue(authority, tmp_path, "server")
    config = tmp_path / "ssl.config"
    config.write_text(f"server_key: {quoted(keys.key)} server_cert: {quoted(keys.certificate)}")
    switches = ["--enable_serialization_as_tensor_content", "--enable_signature_method_name_check"]
    port = free_port()
    credentials: Any = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
    with (
        model_server(half_plus_two, f"--port={port}", f"--ssl_config_file={config}", *switches) as process,
        grpc.secure_channel(f"localhost:{port}", credentials) as channel,
    ):
        output = call(channel, "Predict", PREDICT).outputs["y"]
        assert (output.tensor_content, list(output.float_val)) == (b"\x00\x00\x40\x40", [])
        code, text = refusal(channel, "Regress", CALLS["Regress"])
        assert (code, text.startswith("Expected regression signature method_name to be ")) == ("INVALID_ARGUMENT", True)
        assert refusal(channel, "Check", "")[0] == "UNIMPLEMENTED"
        renewed = issue(authority, tmp_path, "renewed")
        config.write_text(f"server_key: {quoted(renewed.key)} server_cert: {quoted(renewed.certificate)}")
        process.send_signal(signal.SIGHUP)
        wanted = renewed.certificate.read_text().strip()
        assert eventually(lambda: ssl.get_server_certificate(("127.0.0.1", port), timeout=60).strip() == wanted)
