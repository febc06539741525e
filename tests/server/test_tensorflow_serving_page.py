"""Every metric of TensorFlow Serving's page has its type, its labels and its buckets, and moves as there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.server.batched_serving import PATIENCE, Asking
from tests.server.grpc_process import eventually

from lightship import protos
from lightship.bundle.manifest import WARM_UP_FILE
from lightship.server import BatchingParameters, Server, serve

pytestmark = pytest.mark.tensorflow  # half_plus_two's classify and regress parse examples

PATH = "/monitoring/prometheus/metrics"
SERVING, CORE, LOADED = ":tensorflow:serving:", ":tensorflow:core:", ":tensorflow:cc:saved_model:"
BATCHES = f"{SERVING}batching_session:"
TYPES = {
    f"{SERVING}request_count": "counter",
    f"{SERVING}request_latency": "histogram",
    f"{SERVING}runtime_latency": "histogram",
    f"{SERVING}request_example_counts": "histogram",
    f"{SERVING}request_example_count_total": "counter",
    f"{SERVING}model_warmup_latency": "histogram",
    f"{SERVING}model_warmup_records_read": "counter",
    f"{SERVING}request_log_count": "counter",
    f"{SERVING}mlmd_map": "gauge",
    f"{BATCHES}queuing_latency": "histogram",
    f"{BATCHES}wrapped_run_count": "counter",
    f"{LOADED}load_attempt_count": "counter",
    f"{LOADED}load_latency": "counter",
    f"{CORE}graph_build_calls": "counter",
    f"{CORE}graph_build_time_usecs": "counter",
    f"{CORE}graph_run_time_usecs": "counter",
    f"{CORE}graph_run_time_usecs_histogram": "histogram",
    f"{CORE}graph_runs": "counter",
    f"{CORE}saved_model:read:count": "counter",
    f"{CORE}session_created": "gauge",
}
# They are there from the first batch on.
OF_BATCHES = {f"{BATCHES}{name}": "histogram" for name in ("padding_size", "input_batch_size", "processed_batch_size")}
LATENCIES = (
    "10 18 32.4 58.32 104.976 188.957 340.122 612.22 1102 1983.59 3570.47 6426.84 11568.3 20823 37481.3 67466.4 121440 "
    "218591 393464 708235 1.27482e+06 2.29468e+06 4.13043e+06 7.43477e+06 1.33826e+07 2.40887e+07 4.33596e+07 "
    "7.80473e+07 1.40485e+08 2.52873e+08 4.55172e+08 8.19309e+08 1.47476e+09 +Inf"
)
EXAMPLES = ({"x": 1.0}, {"x": 2.0}, {"x": 3.0})
CLASSIFY, REGRESS = ("classify", "classify_x_to_y"), ("regress", "regress_x_to_y")


class Page:
    """The page of a server at one moment."""

    def __init__(self, url: str) -> None:
        lines = httpx2.get(f"{url}{PATH}", timeout=60).text.splitlines()
        self.types = dict(line.removeprefix("# TYPE ").split() for line in lines if line.startswith("#"))
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        self.samples = {sample: float(value) for sample, _, value in pairs}

    def buckets(self, name: str, labels: str) -> dict[str, float]:
        """Returns the histogram's cumulative buckets by their limits."""
        start = f'{name}_bucket{{{labels}{"," if labels else ""}le="'
        return {
            sample.removeprefix(start).removesuffix('"}'): value
            for sample, value in self.samples.items()
            if sample.startswith(start)
        }


class Served:
    """A server, and who asks it over REST and gRPC."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.rest, self.grpc = Asking(server, "rest"), Asking(server, "grpc")

    def page(self) -> Page:
        return Page(self.server.rest_url)

    def increases(self, action: Callable[[], object]) -> Mapping[str, float]:
        """Returns by how much samples have grown while something was done, those alone that have."""
        before = self.page().samples
        action()
        after = self.page().samples
        return {sample: more for sample, value in after.items() if (more := value - before.get(sample, 0))}

    def close(self) -> None:
        self.rest.close()
        self.grpc.close()
        self.server.stop()


def warm(version: Path) -> None:
    """Gives a version a warm-up file with one record."""
    import tensorflow as tf

    log = protos.message("tensorflow.serving.PredictionLog")()
    log.regress_log.request.model_spec.signature_name = REGRESS[1]
    feature = log.regress_log.request.input.example_list.examples.add().features.feature
    feature["x"].float_list.value.append(1.0)
    path = version / WARM_UP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as file:
        file.write(log.SerializeToString())


@pytest.fixture(scope="module")
def folder(half_plus_two: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copied = Path(shutil.copytree(half_plus_two, tmp_path_factory.mktemp("models") / "m"))
    warm(copied / "123")
    return copied


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    running = serve(f"m={folder}", rest_port="auto", grpc_port="auto", metrics_path=PATH, timeout_seconds=PATIENCE)
    assert running.wait_ready(120)
    one = Served(running)
    for ask in (one.rest, one.grpc):  # the first run of a signature may load TensorFlow
        assert ask.examples(*REGRESS[:1], "m", REGRESS[1], EXAMPLES).status == 200
    yield one
    one.close()


@pytest.fixture(scope="module")
def batched(half_plus_two: Path) -> Iterator[Served]:
    parameters = BatchingParameters(max_batch_size=8, allowed_batch_sizes=(4, 8))
    options: dict[str, Any] = {"rest_port": "auto", "grpc_port": "auto", "timeout_seconds": PATIENCE}
    running = serve(f"m={half_plus_two}", batching=parameters, metrics_path=PATH, **options)
    assert running.wait_ready(120)
    one = Served(running)
    yield one
    one.close()


def test_all_types_are_on_the_page_of_a_server_without_batching(served: Served) -> None:
    assert served.page().types == TYPES


def test_metrics_of_batches_come_with_the_first_one(batched: Served) -> None:
    assert batched.page().types.keys() >= TYPES.keys()
    batched.rest.predict("m", x=[1.0])
    assert batched.page().types == TYPES | OF_BATCHES


@pytest.mark.parametrize(("entrypoint", "api"), [("REST", "predict"), ("GRPC", "Predict")])
def test_requests_and_their_latencies(served: Served, entrypoint: str, api: str) -> None:
    ask = served.rest if entrypoint == "REST" else served.grpc
    seen = served.increases(lambda: ask.predict("m", x=[1.0]))
    labels = f'model_name="m",API="{api}",entrypoint="{entrypoint}"'
    assert seen[f'{SERVING}request_count{{model_name="m",status="OK"}}'] == 1
    assert seen[f"{SERVING}request_latency_count{{{labels}}}"] == 1
    assert seen[f"{SERVING}request_latency_sum{{{labels}}}"] > 0
    assert list(served.page().buckets(f"{SERVING}request_latency", labels)) == LATENCIES.split()


def test_a_request_that_fails_has_a_status_and_no_latency(served: Served) -> None:
    for ask in (served.rest, served.grpc):
        seen = served.increases(lambda ask=ask: ask.predict("nobody", x=[1.0]))
        assert seen == {f'{SERVING}request_count{{model_name="nobody",status="NOT_FOUND"}}': 1}


def predict(ask: Asking) -> None:
    assert ask.predict("m", x=[1.0, 2.0]).status == 200


def classify(ask: Asking) -> None:
    assert ask.examples(CLASSIFY[0], "m", CLASSIFY[1], EXAMPLES).status == 200


def regress(ask: Asking) -> None:
    assert ask.examples(REGRESS[0], "m", REGRESS[1], EXAMPLES).status == 200


def infer(ask: Asking) -> None:
    assert ask.multi_inference("m", [CLASSIFY, REGRESS], EXAMPLES).status == 200


@pytest.mark.parametrize("transport", ["rest", "grpc"])
@pytest.mark.parametrize(("api", "act"), [("Predict", predict), ("Classify", classify), ("Regress", regress)])
def test_the_time_in_the_engine(served: Served, transport: str, api: str, act: Callable[[Asking], None]) -> None:
    name, labels = f"{SERVING}runtime_latency", f'model_name="m",API="{api}",runtime="TF1"'
    ask: Asking = getattr(served, transport)
    seen = served.increases(lambda: act(ask))
    entrypoint, verb = ("REST", api.lower()) if transport == "rest" else ("GRPC", api)
    request = f'{SERVING}request_latency_sum{{model_name="m",API="{verb}",entrypoint="{entrypoint}"}}'
    assert seen[f"{name}_count{{{labels}}}"] == 1
    assert [sample for sample in seen if sample.startswith(f"{name}_count")] == [f"{name}_count{{{labels}}}"]
    assert 0 < seen[f"{name}_sum{{{labels}}}"] < seen[request] * 1.001 + 1
    assert list(served.page().buckets(name, labels)) == LATENCIES.split()


def test_a_run_that_fails_has_no_latency(served: Served) -> None:
    seen = served.increases(lambda: served.rest.predict("m", x=["text"]))
    assert not [sample for sample in seen if "runtime_latency" in sample or "graph_run" in sample]


def test_multi_inference_counts_its_examples_and_is_no_request(served: Served) -> None:
    name = f"{SERVING}request_example_counts"
    seen = served.increases(lambda: infer(served.grpc))
    assert seen[f'{SERVING}request_example_count_total{{model="m"}}'] == len(EXAMPLES)
    assert seen[f'{name}_count{{model="m"}}'] == 1
    assert seen[f'{name}_sum{{model="m"}}'] == len(EXAMPLES)
    assert seen[f'{name}_bucket{{model="m",le="4"}}'] == 1
    assert f'{name}_bucket{{model="m",le="2"}}' not in seen
    assert seen[f'{SERVING}runtime_latency_count{{model_name="m",API="MultiInference",runtime="TF1"}}'] == 1
    assert not [sample for sample in seen if "request_count" in sample or "request_latency" in sample]
    limits = [*(f"{2**power}" for power in range(15)), "+Inf"]
    assert list(served.page().buckets(name, 'model="m"')) == limits


def test_the_warm_up_of_a_version(served: Served, folder: Path) -> None:
    samples, labels = served.page().samples, f'model_path="{folder / "123"}",status="OK"'
    assert samples[f"{SERVING}model_warmup_latency_count{{{labels}}}"] == 1
    assert samples[f"{SERVING}model_warmup_latency_sum{{{labels}}}"] > 0
    assert samples[f"{SERVING}model_warmup_records_read{{{labels}}}"] == 1
    assert list(served.page().buckets(f"{SERVING}model_warmup_latency", labels)) == LATENCIES.split()


def test_the_warm_up_counts_as_no_call(folder: Path) -> None:
    with serve(f"m={folder}", rest_port="auto", metrics_path=PATH) as running:
        assert running.wait_ready(120)
        assert not [sample for sample in Page(running.rest_url).samples if "runtime_latency" in sample]


def test_what_tensorflow_serving_never_counts_has_no_samples(served: Served) -> None:
    for act in (predict, classify, regress):
        act(served.rest)
    infer(served.grpc)
    assert not [sample for sample in served.page().samples if "request_log_count" in sample or "mlmd_map" in sample]


def test_loads_and_their_failures(served: Served, folder: Path) -> None:
    def add(version: str) -> None:
        shutil.copytree(folder / "123", folder / f".{version}")
        (folder / f".{version}").rename(folder / version)
        loaded = f'{LOADED}load_attempt_count{{model_path="{folder / version}",status="success"}}'
        assert eventually(lambda: loaded in served.page().samples)  # the last of its samples

    seen = served.increases(lambda: add("124"))
    assert seen[f'{LOADED}load_attempt_count{{model_path="{folder / "124"}",status="success"}}'] == 1
    assert seen[f'{LOADED}load_latency{{model_path="{folder / "124"}"}}'] > 0
    assert sum(value for sample, value in seen.items() if sample.startswith(f"{CORE}saved_model:read:count{{")) == 1
    assert seen[f"{CORE}graph_build_calls{{}}"] == 1
    assert seen[f"{CORE}graph_build_time_usecs{{}}"] > 0
    assert served.page().samples[f"{CORE}session_created{{}}"] == 0  # a truth value, which TensorFlow Serving shows so

    (folder / ".125" / "variables").mkdir(parents=True)
    (folder / ".125" / "saved_model.pb").write_bytes(b"no model")
    (folder / ".125").rename(folder / "125")
    failed = f'{LOADED}load_attempt_count{{model_path="{folder / "125"}",status="fail"}}'
    assert eventually(lambda: served.page().samples.get(failed, 0) > 0)


@pytest.mark.parametrize(
    ("transport", "runs", "act"),
    [("rest", 1, predict), ("rest", 1, classify), ("grpc", 1, predict), ("grpc", 1, regress), ("grpc", 2, infer)],
)
def test_runs_of_graphs(served: Served, transport: str, runs: int, act: Callable[[Asking], None]) -> None:
    ask: Asking = getattr(served, transport)
    seen = served.increases(lambda: act(ask))
    assert seen[f"{CORE}graph_runs{{}}"] == runs
    assert seen[f"{CORE}graph_run_time_usecs{{}}"] > 0
    assert seen[f"{CORE}graph_run_time_usecs_histogram_count{{}}"] == runs
    limits = list(served.page().buckets(f"{CORE}graph_run_time_usecs_histogram", ""))
    assert limits == [*(f"{1000.0 * 2**power:g}" for power in range(20)), "+Inf"]


def test_batches(batched: Served) -> None:
    def ask_on(ask: Asking, values: list[float]) -> None:
        """Returns when the call is counted, which may be after its answer."""
        count = f"{BATCHES}input_batch_size_count{{}}"
        before = batched.page().samples.get(count, 0)
        assert ask.predict("m", x=values).status == 200
        assert eventually(lambda: batched.page().samples[count] > before)

    ask_on(batched.rest, [1.0])  # the metrics are there then
    for ask in (batched.rest, batched.grpc):
        seen = batched.increases(lambda ask=ask: ask_on(ask, [1.0, 2.0, 3.0]))
        assert seen[f"{BATCHES}wrapped_run_count{{}}"] == 1
        assert seen[f'{BATCHES}queuing_latency_count{{thread_pool_name=""}}'] == 1
        assert seen[f'{BATCHES}queuing_latency_sum{{thread_pool_name=""}}'] > 0
        assert seen[f'{BATCHES}padding_size_sum{{execution_batch_size="4"}}'] == 1
        assert seen[f'{BATCHES}padding_size_bucket{{execution_batch_size="4",le="2"}}'] == 1
        assert seen[f"{BATCHES}input_batch_size_sum{{}}"] == 3
        assert seen[f"{BATCHES}processed_batch_size_sum{{}}"] == 4
        assert seen[f"{CORE}graph_runs{{}}"] == 1
        waited = seen[f'{BATCHES}queuing_latency_sum{{thread_pool_name=""}}']
        assert seen[f'{SERVING}runtime_latency_sum{{model_name="m",API="Predict",runtime="TF1"}}'] >= waited * 0.99
    page = batched.page()
    waits = [*(f"{100 * 1.2**power:g}" for power in range(52)), "+Inf"]
    assert list(page.buckets(f"{BATCHES}queuing_latency", 'thread_pool_name=""')) == waits
    sizes = [*(f"{2**power}" for power in range(14)), "+Inf"]
    assert list(page.buckets(f"{BATCHES}padding_size", 'execution_batch_size="4"')) == sizes
    assert list(page.buckets(f"{BATCHES}input_batch_size", "")) == sizes
    assert list(page.buckets(f"{BATCHES}processed_batch_size", "")) == sizes
