"""Servers of model.tflite over REST and gRPC: its answers are TensorFlow's, and each flag has its meaning."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from benchmarks.ports import free_port
from tests.end_to_end.conftest import BIN, Serve, stop

from lightship import Client

pytest.importorskip("ai_edge_litert")
pytestmark = pytest.mark.tensorflow

X = np.linspace(-2, 2, 12, dtype=np.float32).reshape(3, 4)
FOLDER = Path(__file__).parents[1]
TOY = FOLDER / "saved_model/tflite/models/toy.tflite"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder, of which version 1 is a SavedModel with its model.tflite."""
    from tests.tflite_models import save_toy

    folder = tmp_path_factory.mktemp("models") / "both"
    save_toy(folder / "1")
    return folder


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """A model's folder, of which version 1 is a model.tflite alone."""
    folder = tmp_path / "alone"
    (folder / "1").mkdir(parents=True)
    (folder / "1/model.tflite").write_bytes(TOY.read_bytes())
    return folder


@pytest.fixture(scope="module")
def expected(both: Path) -> dict[str, np.ndarray]:
    """TensorFlow's own answer for X."""
    import tensorflow as tf

    outputs = tf.saved_model.load(str(both / "1")).signatures["serving_default"](x=tf.constant(X))
    return {name: value.numpy() for name, value in outputs.items()}


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        np.testing.assert_allclose(found[name], value, 1e-5, 1e-6)


def engines(url: str) -> str:
    return subprocess.run(
        [BIN / "lightship", "status", url, "--json"], capture_output=True, text=True, timeout=60
    ).stdout


def test_a_model_tflite_alone_is_served_over_rest_and_grpc(
    serve: Serve, alone: Path, expected: dict[str, np.ndarray]
) -> None:
    running = serve(str(alone))
    for url in (running.url, running.grpc_url):
        with Client(url) as client:
            assert_equal(dict(client.predict("alone", {"x": X}).outputs), expected)
            echoed = client.predict("alone", {"text": np.array(["a", "ü"], object)}, signature="echo").outputs["text"]
            assert [text.decode() if isinstance(text, bytes) else text for text in echoed.tolist()] == ["a", "ü"]


def test_json_and_metadata_are_as_of_a_saved_model(serve: Serve, alone: Path) -> None:
    url = f"{serve(str(alone)).url}/v1/models/alone"
    answer = httpx.post(f"{url}:predict", json={"instances": X.tolist()}, timeout=60).json()
    assert [row.keys() for row in answer["predictions"]] == [{"best", "scores"}] * 3
    definition = httpx.get(f"{url}/metadata", timeout=60).json()["metadata"]["signature_def"]["signature_def"]
    assert definition.keys() == {"echo", "serving_default"}
    inputs = definition["serving_default"]["inputs"]["x"]
    assert (inputs["name"], inputs["dtype"]) == ("serving_default_x:0", "DT_FLOAT")
    assert [dim["size"] for dim in inputs["tensor_shape"]["dim"]] == ["-1", "4"]
    assert definition["serving_default"]["method_name"] == "tensorflow/serving/predict"
    status = httpx.get(url, timeout=60).json()["model_version_status"]
    assert [one["state"] for one in status] == ["AVAILABLE"]


def test_what_the_model_does_not_take_is_a_bad_request(serve: Serve, alone: Path) -> None:
    url = f"{serve(str(alone)).url}/v1/models/alone:predict"
    refused = httpx.post(url, json={"instances": [[1.0, 2.0]]}, timeout=60)
    assert (refused.status_code, refused.json()["error"]) == (
        400,
        'input "x" has shape [1, 2], but [?, 4] is expected',
    )


def test_prefer_tflite_serves_it_instead_of_the_saved_model(
    serve: Serve, both: Path, expected: dict[str, np.ndarray]
) -> None:
    running = serve(str(both), "--prefer-tflite", "--tflite-interpreters", "3")
    with Client(running.url) as client:
        assert_equal(dict(client.predict("both", {"x": X}).outputs), expected)
    assert '"litert"' in engines(running.url)


def test_without_the_option_the_saved_model_is_served(serve: Serve, both: Path) -> None:
    running = serve(str(both))
    with Client(running.url) as client:
        client.predict("both", {"x": X})
    assert '"litert"' not in engines(running.url)


def test_several_workers_serve_it(serve: Serve, alone: Path, expected: dict[str, np.ndarray]) -> None:
    running = serve(str(alone), "--workers", "2")
    for _ in range(6):
        with Client(running.url) as client:
            assert_equal(dict(client.predict("alone", {"x": X}).outputs), expected)


def test_a_damaged_file_is_the_versions_failure_and_the_older_one_answers(serve: Serve, alone: Path) -> None:
    running = serve(str(alone))
    whole = TOY.read_bytes()
    (alone / "2").mkdir()
    (alone / "2/model.tflite").write_bytes(whole[: len(whole) // 2])
    url = f"{running.url}/v1/models/alone"
    for _ in range(600):
        failed = [one for one in httpx.get(url, timeout=60).json()["model_version_status"] if one["version"] == "2"]
        if failed and failed[0]["status"]["error_code"] != "OK":
            break
        threading.Event().wait(0.1)
    assert failed[0]["status"]["error_code"] == "DATA_LOSS"
    assert "is truncated or not a LiteRT model" in failed[0]["status"]["error_message"]
    assert httpx.post(f"{url}:predict", json={"instances": X.tolist()}, timeout=60).status_code == 200


def test_inspect_shows_it(alone: Path) -> None:
    done = subprocess.run([BIN / "lightship", "inspect", alone], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert "serving_default: litert, table only: model.tflite is served" in done.stdout
    assert "inputs['x'] tensor_info" in done.stdout


def test_verify_has_nothing_to_compare_with(alone: Path) -> None:
    done = subprocess.run([BIN / "lightship", "verify", alone], capture_output=True, text=True, timeout=120)
    assert done.returncode not in (0, 1)
    assert "TensorFlow cannot run it" in " ".join(done.stderr.split())


@contextmanager
def model_server(folder: Path, *flags: str) -> Iterator[str]:
    """Starts the drop-in command and returns the model's REST address."""
    grpc, rest = free_port(), free_port()
    command = [BIN / "lightship-model-server", f"--port={grpc}", f"--rest_api_port={rest}", "--model_name=m"]
    process = subprocess.Popen(
        [*command, f"--model_base_path={folder}", *flags], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line)
            if "Exporting HTTP/REST API" in line:
                break
        else:
            pytest.fail("".join(lines))
        yield f"http://127.0.0.1:{rest}/v1/models/m\n{''.join(lines)}"
    finally:
        stop(process)


@pytest.mark.parametrize(
    ("flags", "engine"),
    [
        (["--prefer_tflite_model"], "litert"),
        (["--prefer_tflite_model=true", "--num_tflite_pools=2", "--num_tflite_interpreters_per_pool=3"], "litert"),
        (["--prefer_tflite_model=false"], "openvino"),
        ([], "openvino"),
    ],
)
def test_the_flags_of_tensorflow_serving_have_their_meaning(
    both: Path, expected: dict[str, np.ndarray], flags: list[str], engine: str
) -> None:
    with model_server(both, *flags) as started:
        url, _, log = started.partition("\n")
        body = {"signature_name": "serving_default", "inputs": {"x": X.tolist()}}
        answer = httpx.post(f"{url}:predict", json=body, timeout=60).json()["outputs"]
        np.testing.assert_allclose(answer["scores"], expected["scores"], 1e-5, 1e-6)
        assert answer["best"] == expected["best"].tolist()
    assert f'signature "serving_default" runs on {engine}' in log
    assert "has no effect" not in log


@pytest.mark.parametrize("flag", ["num_tflite_pools", "num_tflite_interpreters_per_pool"])
def test_no_interpreters_at_all_are_refused(both: Path, flag: str) -> None:
    done = subprocess.run(
        [BIN / "lightship-model-server", f"--model_base_path={both}", "--rest_api_port=0", f"--{flag}=0"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert f"--{flag} is 0; give 1 or more" in done.stdout + done.stderr


def test_a_folder_is_explained_where_the_file_has_another_name(tmp_path: Path) -> None:
    (tmp_path / "m/1").mkdir(parents=True)
    (tmp_path / "m/1/mobilenet.tflite").write_bytes(TOY.read_bytes())
    done = subprocess.run([BIN / "lightship", "inspect", tmp_path / "m"], capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "has a model for LiteRT under another name: mv" in " ".join(done.stderr.split())


def test_the_status_in_json_names_the_engine(serve: Serve, alone: Path) -> None:
    found = json.loads(engines(serve(str(alone)).url))
    assert "model.tflite is served" in json.dumps(found)
