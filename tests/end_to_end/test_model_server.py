"""`lightship-model-server` with a configuration file: models, versions, labels, and a file that changes."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from benchmarks.ports import free_port
from tests.end_to_end.conftest import BIN
from tests.text_models import save_as_text

pytestmark = pytest.mark.tensorflow

Write = Callable[..., Path]
COMMAND = str(BIN / "lightship-model-server")


@pytest.fixture(scope="session")
def plus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder with versions 1, 2 and 3, whose answer is y = x + VERSION, by predict, classify and regress."""
    import tensorflow as tf

    class Plus(tf.Module):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = tf.Variable(float(number))

        def parse(self, examples: tf.Tensor) -> tf.Tensor:
            return tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def predict(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"y": x + self.number}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"scores": self.parse(inputs) + self.number}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def regress(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"outputs": self.parse(inputs) + self.number}

    folder = tmp_path_factory.mktemp("models") / "plus"
    for number in (1, 2, 3):
        module = Plus(number)
        signatures = {"serving_default": module.predict, "classes": module.classify, "values": module.regress}
        tf.saved_model.save(module, str(folder / str(number)), signatures=signatures)
        _name_methods(folder / str(number) / "saved_model.pb")
    return folder


def _name_methods(file: Path) -> None:
    """Keras and TensorFlow 2 call every signature's method predict; older exports name what it is."""
    from lightship import protos

    model = protos.SavedModel.FromString(file.read_bytes())
    for name, method in (("classes", "classify"), ("values", "regress")):
        model.meta_graphs[0].signature_def[name].method_name = f"tensorflow/serving/{method}"
    file.write_bytes(model.SerializeToString())


def config(name: str, path: Path | str, policy: str = "", **labels: int) -> str:
    labelled = " ".join(f"version_labels {{ key: '{label}' value: {number} }}" for label, number in labels.items())
    chosen = f"model_version_policy {{ {policy} }}" if policy else ""
    return f"config {{ name: '{name}' base_path: '{path}' model_platform: 'tensorflow' {chosen} {labelled} }}"


def write(place: Path, *configs: str) -> Path:
    """Puts a list of models in place as a whole."""
    return put(place, f"model_config_list {{ {' '.join(configs)} }}")


def put(place: Path, text: str) -> Path:
    place.with_suffix(".new").write_text(text)
    return place.with_suffix(".new").replace(place)


@dataclass(slots=True)
class Running:
    process: subprocess.Popen[str]
    http: httpx2.Client
    log: list[str] = field(default_factory=list)
    logged: threading.Condition = field(default_factory=threading.Condition)

    def read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.logged:
                self.log.append(line)
                self.logged.notify_all()

    def wait_for(self, text: str) -> None:
        with self.logged:
            assert self.logged.wait_for(lambda: any(text in line for line in self.log), 60), "".join(self.log)

    def get(self, path: str) -> Any:
        return self.http.get(path).json()

    def post(self, path: str, body: object) -> Any:
        return self.http.post(path, json=body).json()

    def until(self, condition: Callable[[], bool]) -> None:
        pause = threading.Event()
        for _ in range(1200):
            if condition():
                return
            pause.wait(0.05)
        raise AssertionError("".join(self.log))


@contextmanager
def running(*flags: str) -> Iterator[Running]:
    """With both ports chosen free, and ended by SIGTERM, on which it must end well."""
    port = free_port()
    ports = [f"--rest_api_port={port}", f"--port={free_port()}"]
    process = subprocess.Popen([COMMAND, *ports, *flags], stderr=subprocess.PIPE, text=True)
    with process, httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
        server = Running(process, http)
        reading = threading.Thread(target=server.read)
        reading.start()
        try:
            server.wait_for(f"Exporting HTTP/REST API at:localhost:{port} ...")
            yield server
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
            reading.join()


@pytest.fixture(scope="module")
def server(plus: Path, half_plus_two: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("config")
    models = write(
        folder / "models.config",
        config("two", plus, "specific { versions: 1 versions: 3 }", stable=1, canary=3),
        config("all", plus, "all {}", old=2),
        config("latest", plus),
        config("half", f"file://{half_plus_two}", "latest { num_versions: 2 }"),
    )
    (folder / "monitoring.config").write_text("prometheus_config: { enable: true, path: '/figures' }")
    flags = [f"--model_config_file={models}", "--allow_version_labels_for_unavailable_models"]
    with running(*flags, f"--monitoring_config_file={folder}/monitoring.config") as started:
        for model in ("two", "all"):
            started.until(lambda model=model: all(state == "AVAILABLE" for state in states(started, model).values()))
        yield started


def states(server: Running, model: str) -> dict[int, str]:
    statuses = server.get(f"/v1/models/{model}").get("model_version_status", [])
    return {int(one["version"]): one["state"] for one in statuses}


WHICH = [
    ("two", "", 3),
    ("two", "/versions/1", 1),
    ("two", "/versions/3", 3),
    ("two", "/labels/stable", 1),
    ("two", "/labels/canary", 3),
    ("all", "", 3),
    ("all", "/versions/1", 1),
    ("all", "/versions/2", 2),
    ("all", "/labels/old", 2),
    ("latest", "", 3),
    ("latest", "/versions/3", 3),
]


@pytest.mark.parametrize(("model", "which", "version"), WHICH)
def test_predict_is_answered_by_the_version_asked_for(server: Running, model: str, which: str, version: int) -> None:
    answer = server.post(f"/v1/models/{model}{which}:predict", {"instances": [1.0, 2.5]})
    assert answer == {"predictions": [1.0 + version, 2.5 + version]}


@pytest.mark.parametrize(("model", "which", "version"), WHICH)
def test_classify_and_regress_are_answered_by_it(server: Running, model: str, which: str, version: int) -> None:
    examples = [{"x": 1.0}, {"x": 2.5}]
    asked = {"signature_name": "classes", "examples": examples}
    classes = server.post(f"/v1/models/{model}{which}:classify", asked)
    assert classes == {"results": [[["", 1.0 + version]], [["", 2.5 + version]]]}
    asked = {"signature_name": "values", "examples": examples}
    values = server.post(f"/v1/models/{model}{which}:regress", asked)
    assert values == {"results": [1.0 + version, 2.5 + version]}


@pytest.mark.parametrize(("model", "which", "version"), WHICH)
def test_metadata_and_status_name_it(server: Running, model: str, which: str, version: int) -> None:
    spec = server.get(f"/v1/models/{model}{which}/metadata")["model_spec"]
    assert spec == {"name": model, "signature_name": "", "version": str(version)}
    if which:
        (status,) = server.get(f"/v1/models/{model}{which}")["model_version_status"]
        assert (status["version"], status["state"]) == (str(version), "AVAILABLE")


def test_only_what_the_policies_want_is_there(server: Running) -> None:
    assert {model: set(states(server, model)) for model in ("two", "all", "latest", "half")} == {
        "two": {1, 3},
        "all": {1, 2, 3},
        "latest": {3},
        "half": {123},
    }
    answer = server.http.post("/v1/models/two/versions/2:predict", json={"instances": [1.0]})
    assert answer.status_code == 404
    assert answer.json() == {"error": "Servable not found for request: Specific(two, 2)"}
    answer = server.http.post("/v1/models/two/labels/none:predict", json={"instances": [1.0]})
    assert answer.status_code == 400
    assert answer.json() == {"error": "Unrecognized servable version label: none"}


def test_the_monitoring_page_counts(server: Running) -> None:
    server.post("/v1/models/half:predict", {"instances": [1.0]})
    answer = server.http.request("PUT", "/figures")
    assert answer.headers["content-type"] == "text/plain"
    assert ':tensorflow:serving:request_count{model_name="half",status="OK"} ' in answer.text
    assert server.http.get("/monitoring/prometheus/metrics").status_code == 404


def test_a_changed_file_changes_the_models(plus: Path, half_plus_two: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "models.config", config("a", plus, "specific { versions: 1 versions: 2 }", stable=1))
    flags = [f"--model_config_file={file}", "--model_config_file_poll_wait_seconds=1"]
    with running(*flags, "--rest_api_enable_cors_support") as server:

        def stable() -> object:
            return server.post("/v1/models/a/labels/stable:predict", {"instances": [0.0]}).get("predictions")

        server.until(lambda: states(server, "a") == {1: "AVAILABLE", 2: "AVAILABLE"})
        server.until(lambda: stable() == [1.0])
        both = "specific { versions: 1 versions: 2 }"
        write(file, config("a", plus, both, stable=2), config("b", half_plus_two))
        server.until(lambda: stable() == [2.0] and states(server, "b") == {123: "AVAILABLE"})

        write(file, config("a", plus, both, stable=3), config("b", half_plus_two))
        text = "Request to assign label to version 3 of model a, which is not currently available for inference"
        server.wait_for(text)
        assert stable() == [2.0]

        put(file, "model_config_list {")  # in one step: an empty file would take the models away
        server.wait_for("Error parsing text-format tensorflow.serving.ModelServerConfig: 1:19: ")
        assert stable() == [2.0]

        write(file, config("b", half_plus_two))
        server.until(lambda: server.http.post("/v1/models/a:predict", json={"instances": [0.0]}).status_code == 404)
        answer = server.http.get("/v1/models/b", headers={"Origin": "http://page"})
        assert answer.headers["access-control-allow-origin"] == "*"


def test_a_version_that_fails_does_not_hold_up_another_model(plus: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    (broken / "1").mkdir(parents=True)
    file = write(tmp_path / "models.config", config("good", plus))
    flags = [f"--model_config_file={file}", "--model_config_file_poll_wait_seconds=1", "--max_num_load_retries=0"]
    with running(*flags) as server:
        write(file, config("good", plus), config("bad", broken), config("missing", tmp_path / "none"))
        server.until(lambda: states(server, "bad") == {1: "END"})
        write(file, config("good", plus), config("bad", plus))
        server.until(lambda: states(server, "bad").get(3) == "AVAILABLE")
        assert server.post("/v1/models/good:predict", {"instances": [0.0]}) == {"predictions": [3.0]}


def test_no_model_at_all_is_a_server(tmp_path: Path, half_plus_two: Path) -> None:
    file = tmp_path / "models.config"
    file.write_text("")
    with running(f"--model_config_file={file}", "--model_config_file_poll_wait_seconds=1") as server:
        assert server.http.get("/v1/models/half").status_code == 404
        write(file, config("half", half_plus_two))
        server.until(lambda: states(server, "half") == {123: "AVAILABLE"})


def test_a_base_path_may_be_a_file_uri_and_a_version_text(half_plus_two: Path, tmp_path: Path) -> None:
    save_as_text(half_plus_two / "123", tmp_path / "half plus two" / "7")
    with running(f"--model_base_path=file://{tmp_path}/half plus two", "--model_name=half") as server:
        assert server.post("/v1/models/half/versions/7:predict", {"instances": [[2.0]]}) == {"predictions": [[3.0]]}
