"""The reference of the metrics, made from a server that has counted one of each."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from docs_site.tables import code, table
from lightship.lifecycle.servable import ServableId
from lightship.lifecycle.served_models import ModelState, WorkerState
from lightship.lifecycle.state import ModelVersionStatus, State
from lightship.memory_budget import MemoryBudget
from lightship.saved_model.reader import SavedModel
from lightship.server.certificate_metrics import certificate_families
from lightship.server.model_metrics import ModelMetrics
from lightship.server.queue_metrics import queue_families
from lightship.server.workers.followed import FollowedModels
from lightship.transports.grpc.certificates import Validity
from lightship.transports.http.executor import Executor
from lightship.transports.http.lanes import Origin
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.metrics.own.requests import RequestMetrics
from lightship.transports.metrics.own.stages import STAGES
from lightship.transports.metrics.reading import ProcessMetrics
from lightship.transports.metrics.text import Family, exposed_name

_LABEL = re.compile(r'(\w+)="')

# What each metric counts.
MEANINGS: dict[str, str] = {
    ":tensorflow:serving:request_count": "Requests below `/v1/` that were read to their end, and Predict, Classify and "
    "Regress calls over gRPC, by model and by the name of the canonical code. At most 100 names of models that are not "
    "served are counted by name; further ones are counted under the empty name. A call that was not run to its end "
    "counts as DEADLINE_EXCEEDED if its time was up, and as CANCELLED if its client has gone.",
    ":tensorflow:serving:request_latency": "The duration of the requests that succeeded, in microseconds.",
    ":tensorflow:serving:runtime_latency": "What the engine takes for a call that succeeds, in microseconds, by the "
    "method: Predict, Classify, Regress, MultiInference, or Explain, which is ours. Waiting in queues of the engine "
    "and of batching counts. Decoding the request and encoding the response do not. The runtime is TF1 for every "
    "engine, because dashboards select by it.",
    ":tensorflow:serving:request_example_counts": "The examples of each MultiInference call.",
    ":tensorflow:serving:request_example_count_total": "The examples of all MultiInference calls together.",
    ":tensorflow:serving:request_log_count": "Nothing: like TensorFlow Serving's binary, this server has no logger of "
    "requests, so the metric has a type and no samples.",
    ":tensorflow:serving:mlmd_map": "Nothing: metadata of sessions is not kept, so the metric has a type and no "
    "samples, as by default in TensorFlow Serving.",
    ":tensorflow:serving:model_warmup_latency": "The duration of replaying a version's warm-up file, in microseconds.",
    ":tensorflow:serving:model_warmup_records_read": "The records of warm-up files that were replayed.",
    ":tensorflow:cc:saved_model:load_attempt_count": "Attempts to load a version. The status is success or fail.",
    ":tensorflow:cc:saved_model:load_latency": "The duration of the successful loads together, in microseconds.",
    ":tensorflow:core:saved_model:read:count": "SavedModels that were read for a version and given to an engine. The "
    "write version is 2 if TensorFlow 2 has written the model, else 1.",
    ":tensorflow:core:graph_build_calls": "Engines that were made ready for a version.",
    ":tensorflow:core:graph_build_time_usecs": "The duration of this together, in microseconds.",
    ":tensorflow:core:session_created": "0 from the first loaded version on. Its value is true, which TensorFlow "
    "Serving shows as 0.",
    ":tensorflow:core:graph_runs": "Runs of engines that succeeded. A run that answers several calls counts once.",
    ":tensorflow:core:graph_run_time_usecs": "The duration of these runs together, in microseconds.",
    ":tensorflow:core:graph_run_time_usecs_histogram": "The duration of each of these runs, in microseconds.",
    ":tensorflow:serving:batching_session:queuing_latency": "The wait of calls in batching queues, in microseconds.",
    ":tensorflow:serving:batching_session:wrapped_run_count": "Batches that were run.",
    ":tensorflow:serving:batching_session:padding_size": "Rows that filled up a batch, by the size of the batch.",
    ":tensorflow:serving:batching_session:input_batch_size": "The rows of each call.",
    ":tensorflow:serving:batching_session:processed_batch_size": "The rows of each batch after it was filled up.",
    "lightship_requests_total": "Requests below `/v1/` and gRPC calls, by the canonical code. The "
    "method is `predict`, `classify`, `regress`, `explain`, `multi_inference`, `metadata`, `status`, `models`, "
    "`reload`, `preflight`, or empty if a request was refused before it was read. The model is empty if the request "
    "names none that is served. Health checks and pages are not counted.",
    "lightship_request_seconds": "The duration of the requests that succeeded: waiting for a thread included, waiting "
    "for the event loop not.",
    "lightship_request_stage_seconds": "The stages of these requests, if they ran a model. `wait`: for a thread, for "
    "the model, and for requests that are answered together with this one. `decode`: everything before the first run. "
    "`run`: the runs of the model; requests that are joined share a run, and each of them counts all of it. `encode`: "
    "everything after the last run, until the answer is handed to the connection.",
    "lightship_queue_length": "Requests that wait for a thread or for the model now, by the kind of work.",
    "lightship_unfinished_requests": "Requests that wait for threads, or are answered by them, now.",
    "lightship_request_memory_bytes": "Memory that requests hold now, as the memory budget counts it.",
    "lightship_request_memory_limit_bytes": "The memory budget (`--memory-budget`).",
    "lightship_loads_total": "Attempts to load a version. The result is `loaded` or `failed`. Each worker loads each "
    "version.",
    "lightship_load_seconds": "The duration of the loads that succeeded.",
    "lightship_model_ready": "1 if a version of the model answers, else 0.",
    "lightship_model_version_state": "1 for each version. The state is TensorFlow Serving's, or `FAILED` if the "
    "version should be loaded now and cannot be. A version that was removed or replaced, or whose load was cancelled, "
    "is `END`.",
    "lightship_model_version_bytes": "The size of the files that a loaded version was made of, without "
    "`assets.extra`. Most of it are weights, so it tells which models need the memory, but it is not what they take: "
    "an engine may keep weights in another form, and memory of a process cannot be attributed to a model. Each worker "
    "has its own copy.",
    "lightship_tls_certificate_expiry_timestamp_seconds": "When the TLS certificate of gRPC expires, in seconds since "
    "1970. The use is `server`, for the certificate of the server's chain that expires first, or `client_ca`, for the "
    "authority of the clients that expires last. There is none without TLS.",
    "lightship_workers": "Processes that serve together (`--workers`), by their state. Without workers there are none.",
    "lightship_worker_restarts_total": "Workers that died and were started again.",
}


class MetricInfo(NamedTuple):
    """One metric of a page."""

    name: str
    kind: str
    labels: tuple[str, ...]
    # What the page itself tells of it.
    text: str = ""


def metrics_table() -> str:
    """Returns a table of the metrics that the server counts itself.

    Raises LookupError for one whose meaning is not written down above.
    """
    return _table((one, _meaning(one)) for one in server_metrics())


def process_metrics_table() -> str:
    """Returns a table of the metrics of the process, with the texts of Python's client for Prometheus."""
    return _table(process_metrics())


def server_metrics() -> list[MetricInfo]:
    """Returns TensorFlow Serving's metrics and Lightship's own, as `/metrics` shows them once each was counted."""
    return [_of(family) for family in _families()]


def _families() -> list[Family]:
    requests, models = Metrics(lambda: ["dog"]), ModelMetrics()
    requests.succeeded("rest", "dog", "Predict", np.ones(1))
    models.loads.attempt_finished(Path("/models/dog/1"), 1.0, None)
    models.loads.warm_up_finished(Path("/models/dog/1"), 1, 1.0, None)
    models.calls.of("dog").predicted(np.ones(1))
    models.calls.of("dog").examples_came(1)
    models.tensorflow.ran(1.0)
    models.tensorflow.engine_made(SavedModel({}, frozenset(), "2.21.0"), 1.0)
    models.batches.ran(1, 2)
    models.joins.joined("dog", 2, 2)
    models.versions.loaded(ServableId("dog", 1), 1.0, 1)
    return requests.families() + models.families() + _own_requests() + models.own_families() + _present(models)


def _own_requests() -> list[Family]:
    own = RequestMetrics(lambda: ["dog"])
    own.rest.succeeded("dog", "predict", np.ones((1, len(STAGES))))
    executor = Executor(1, 1)
    asyncio.run(_ask(executor))
    return own.families() + queue_families(executor, MemoryBudget(1))


async def _ask(executor: Executor) -> None:
    answered = executor.submit(_Nothing(), Origin("small", "dog"), lambda error, origin: None)
    if answered is not None:
        await answered
    executor.close()


class _Nothing:
    """A job."""

    def run(self) -> None: ...

    def release(self) -> None: ...


def _present(models: ModelMetrics) -> list[Family]:
    followed = FollowedModels()
    version = ModelVersionStatus(1, State.AVAILABLE)
    followed.update([ModelState("dog", True, (version,))], [], ["dog"], [WorkerState(1, 1, "SERVING", 0)])
    validity = Validity(datetime.now(UTC), datetime.now(UTC))
    return models.versions.present_families(followed) + certificate_families({"server": validity})


def process_metrics() -> Iterator[tuple[MetricInfo, str]]:
    """Yields the metrics of a process, with their texts."""
    page = ProcessMetrics().text().decode()
    texts = dict(re.findall(r"^# HELP (\S+) (.*)$", page, re.MULTILINE))
    for name, kind in re.findall(r"^# TYPE (\S+) (\w+)$", page, re.MULTILINE):
        labels = re.search(rf"^{name}\{{(.*)\}} ", page, re.MULTILINE)
        yield MetricInfo(name, kind, tuple(_LABEL.findall(labels[1])) if labels else ()), texts[name]


def _of(family: Family) -> MetricInfo:
    labels = dict.fromkeys(label for sample in family.samples for label in _LABEL.findall(sample) if label != "le")
    return MetricInfo(exposed_name(family.name), family.kind, tuple(labels), family.text)


def _meaning(metric: MetricInfo) -> str:
    meaning = MEANINGS.get(metric.name, metric.text)
    if not meaning:
        raise LookupError(f"the metric {metric.name} is not documented: say in {__name__}.MEANINGS what it counts")
    return meaning


def _table(rows: Iterable[tuple[MetricInfo, str]]) -> str:
    return table(
        ["metric", "type", "labels", "meaning"],
        ([code(one.name), one.kind, ", ".join(map(code, one.labels)), text] for one, text in rows),
    )
