"""The files that flags of `lightship-model-server` name: read before anything is loaded, errors as the original's."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Run

BASE = "--model_base_path=/models/m"
REST = "--rest_api_port=8501"
FILES = {
    "model_config_file": "ModelServerConfig",
    "batching_parameters_file": "BatchingParameters",
    "monitoring_config_file": "MonitoringConfig",
    "ssl_config_file": "SSLConfig",
    "platform_config_file": "PlatformConfigMap",
    "thread_pool_factory_config_file": "ThreadPoolFactoryConfig",
}


def words(flag: str, file: object) -> list[str]:
    batching = ["--enable_batching"] if flag == "batching_parameters_file" else []
    return [REST, BASE, *batching, f"--{flag}={file}"]


@pytest.mark.parametrize("flag", FILES)
def test_a_file_that_cannot_be_parsed(model_server: Run, tmp_path: Path, flag: str) -> None:
    file = tmp_path / "file"
    file.write_text("nonsense }")
    done = model_server(*words(flag, file))
    assert done.returncode == 255
    assert done.stdout == f"Failed to start server. Error: INVALID_ARGUMENT: Invalid protobuf file: '{file}'\n"
    assert done.stderr.startswith(f"Error parsing text-format tensorflow.serving.{FILES[flag]}: 1:")


def test_a_session_configuration_is_tensorflows_own(model_server: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("gpu_options {\n allow_growth true")
    done = model_server(*words("tensorflow_session_config_file", file))
    assert done.returncode == 255
    assert done.stderr.startswith("Error parsing text-format tensorflow.ConfigProto: 2:15: ")


@pytest.mark.parametrize("flag", [*FILES, "tensorflow_session_config_file"])
def test_a_file_that_is_not_there(model_server: Run, flag: str) -> None:
    done = model_server(*words(flag, "/none/file"))
    assert (done.returncode, done.stderr) == (255, "")
    assert done.stdout == "Failed to start server. Error: NOT_FOUND: /none/file; No such file or directory\n"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("model_platform: 'caffe'", "Model m requests unsupported platform caffe"),
        (
            "model_platform: 'tensorflow' logging_config { sampling_config { sampling_rate: 0.1 } }",
            "No request-logger-creator provided.",
        ),
    ],
)
def test_models_that_cannot_be(model_server: Run, tmp_path: Path, fields: str, message: str) -> None:
    file = tmp_path / "models.config"
    file.write_text(f"model_config_list {{ config {{ name: 'm' base_path: '/m' {fields} }} }}")
    done = model_server(REST, f"--model_config_file={file}")
    assert done.returncode == 255
    assert done.stdout == f"Failed to start server. Error: INVALID_ARGUMENT: {message}\n"


def test_batching_parameters_that_cannot_be(model_server: Run, tmp_path: Path) -> None:
    file = tmp_path / "batching.config"
    file.write_text("num_batch_threads { value: 0 }")
    done = model_server(*words("batching_parameters_file", file))
    assert done.stdout == "Failed to start server. Error: INVALID_ARGUMENT: num_batch_threads must be positive; was 0\n"


def test_a_versions_own_batching_parameters_fail_its_load(
    model_server: Run, half_plus_two: Path, tmp_path: Path
) -> None:
    version = tmp_path / "m" / "1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").symlink_to(half_plus_two / "123" / "saved_model.pb")
    (version / "variables").symlink_to(half_plus_two / "123" / "variables")
    (version / "batching_params.pbtxt").write_text("max_batch_size { value: 4 } allowed_batch_sizes: 2")
    flags = ["--enable_batching", "--enable_per_model_batching_parameters", "--max_num_load_retries=0"]
    done = model_server(REST, f"--model_base_path={tmp_path}/m", *flags)
    reason = "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 2; expected 4"
    assert done.stdout == (
        "Failed to start server. Error: UNKNOWN: 1 servable(s) did not become available: "
        f"{{{{name: default version: 1}} due to error: INVALID_ARGUMENT: {reason}}}, }}\n"
    )


def test_a_monitoring_page_in_place_of_the_api_is_refused(model_server: Run, tmp_path: Path) -> None:
    file = tmp_path / "monitoring.config"
    file.write_text("prometheus_config { enable: true path: '/v1/metrics' }")
    done = model_server(*words("monitoring_config_file", file))
    assert done.returncode == 255
    assert "metrics_path=/v1/metrics: /v1/ belongs to the API" in done.stdout
