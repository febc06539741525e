"""Builds the model manager and the REST and gRPC APIs from the server's options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from lightship.batching import Direct, Joined, Scheduler, Schedulers
from lightship.bundle.bundle import Bundle
from lightship.engines import Engine, EngineOptions
from lightship.engines.cache import default_folder
from lightship.engines.trial import cache_for
from lightship.lifecycle.attempts import LoadFunction, Retries
from lightship.lifecycle.loader import Loader, LoadOptions
from lightship.lifecycle.manager import Manager, OnPublish
from lightship.lifecycle.served_models import ServedModels
from lightship.lifecycle.version_copy import CopyVersion
from lightship.memory import MemoryKeeper, default_budget
from lightship.memory_budget import MemoryBudget
from lightship.server.batching import Batching
from lightship.server.config.batching import check_version_batching
from lightship.server.model_metrics import ModelMetrics
from lightship.server.open_files import max_connections
from lightship.server.options import ServerOptions
from lightship.services.hints import Hints
from lightship.services.quiz import Quiz
from lightship.services.warm_up import make_logged_call
from lightship.store.stores import StoreOptions
from lightship.threads import MAX_WAIT_SECONDS
from lightship.transports.access_log.access_log import AccessLog
from lightship.transports.grpc.api import GrpcApi
from lightship.transports.grpc.context import GrpcContext, Reload
from lightship.transports.http.executor import Executor, default_threads
from lightship.transports.http.hosts import LOCAL_NAMES, AllowedHosts, is_loopback
from lightship.transports.http.lanes import WaitLimits
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.metrics.own.requests import RequestMetrics
from lightship.transports.metrics.reading import Families, ReadMetrics
from lightship.transports.rest.app import RestApp
from lightship.transports.turn import Turn

DEFAULT_LOADS = 2  # the default number of versions that load at the same time
_MAX_WAITING = 1024  # calls of one kind that wait for a thread


def loader_of(options: ServerOptions, metrics: ModelMetrics, batching: Batching | None = None) -> Loader:
    """Returns a loader with these options, which reports loads and joined calls to the metrics.

    `batching` makes the schedulers of the versions; None: calls are not batched as TensorFlow Serving does it. Raises
    the errors of `Verifier` for the key of signed models.
    """
    engine = _engine_of(options)
    return Loader(
        LoadOptions(
            engine=engine,
            max_pixels=options.max_pixels,
            check_method_names=options.check_method_names,
            warm_up_iterations=max(1, options.warmup_iterations),
            tags=options.saved_model_tags,
            follow_links=options.follow_links,
        ),
        warm_up_call=make_logged_call if options.enable_model_warmup else None,
        copy=_verified_copies(options.verify_models, engine) if options.verify_models is not None else None,
        checks=[check_version_batching] if options.per_model_batching else [],
        observer=metrics.loads,
        schedulers=schedulers_of(options, metrics) if batching is None else batching.scheduler,
        call_observer=metrics.calls.of,
    )


def _engine_of(options: ServerOptions) -> EngineOptions:
    """Returns how signatures are run. Without extensions, TensorFlow words all refusals, if it is installed.

    Raises FailedPrecondition if a device other than the CPU is asked for and cannot be used.

    What is compiled from verified copies has a cache of its own: in the usual one there may be what a server without
    `verify_models` compiled while somebody changed the files.
    """
    engine = options.engine if options.extensions else replace(options.engine, tensorflow_texts=True)
    if engine.device != "cpu":
        from lightship.engines.onnxruntime import usable_gpus

        usable_gpus(engine.device)
    cache = engine.cache_dir or default_folder()
    if options.verify_models is None or cache is None:
        return engine
    return replace(engine, cache_dir=cache / "verified")


def _verified_copies(key: Path, engine: EngineOptions) -> CopyVersion:
    """Returns what copies versions that are signed for this key."""
    from lightship.signing import VerifiedCopies, Verifier

    return VerifiedCopies(Verifier(key), lambda: cache_for(engine).parent)


def manager_of(options: ServerOptions, load: LoadFunction, on_publish: OnPublish | None = None) -> Manager:
    """Returns a manager that loads versions with `load`, as often and as many at a time as the options say."""
    retries = Retries(options.load_retries, min(options.load_retry_seconds, MAX_WAIT_SECONDS))
    return Manager(load, loads=options.load_threads or DEFAULT_LOADS, retries=retries, on_publish=on_publish)


def store_options(options: ServerOptions, settle_seconds: float) -> StoreOptions:
    """Returns how models in object stores are followed."""
    return StoreOptions(options.store_poll_seconds, settle_seconds, options.store_cache_bytes, options.store_cache_dir)


def schedulers_of(options: ServerOptions, metrics: ModelMetrics) -> Schedulers:
    """Returns what makes the scheduler of each servable. Without `join`, every call runs by itself."""
    ran = metrics.tensorflow.ran

    def scheduler(model: str, version: int, bundle: Bundle, engine: Engine) -> Scheduler:
        if not options.join:
            return Direct(engine, ran, metrics.runs.of(model))
        return Joined(bundle, engine, partial(metrics.joins.joined, model), ran, metrics.runs.of(model))

    return scheduler


def budget_of(options: ServerOptions) -> MemoryBudget:
    """Returns the memory budget of all requests, over REST and gRPC. It returns memory to the system when it can."""
    return MemoryBudget(options.memory_budget or default_budget(), MemoryKeeper().after)


def batching_of(options: ServerOptions, budget: MemoryBudget, metrics: ModelMetrics) -> Batching | None:
    """Returns TensorFlow Serving's batching, or None if it is off."""
    if options.batching is None:
        return None
    return Batching(
        options.batching,
        budget.reservation,
        metrics.batches,
        metrics.tensorflow.ran,
        metrics.runs.of,
        per_model=options.per_model_batching,
    )


def executor_of(options: ServerOptions) -> Executor:
    """Returns the threads that run long calls, over REST and gRPC."""
    threads = max(options.threads, options.grpc.runs) or default_threads()
    limits = WaitLimits(max(0.0, options.timeout_seconds), options.max_queue_seconds)
    return Executor(threads, _MAX_WAITING, limits)


def access_log_of(options: ServerOptions, *, shared: bool) -> AccessLog | None:
    """Returns the access log, or None if it is off. shared: other processes write into it too.

    Raises InvalidArgument if it cannot be written.
    """
    if options.access_log is None:
        return None
    return AccessLog(options.access_log, options.access_log_file, shared=shared)


def rest_app_of(
    manager: ServedModels,
    options: ServerOptions,
    executor: Executor,
    budget: MemoryBudget,
    metrics: Metrics,
    model_metrics: ModelMetrics,
    request_metrics: RequestMetrics,
    own_families: Families,
    present_families: Families,
    address: str,
    turn: Turn,
    read_all: ReadMetrics | None = None,
) -> RestApp:
    """Returns the REST application that serves these models.

    `request_metrics` counts the requests for our own metrics, and `own_families` returns all of these. Those of
    `present_families` are the same in every process. `address` is the one on which it listens, and `turn` that of the
    event loop. `read_all` reads the metrics of all processes, if there are several.
    """
    connections = max_connections(options.limits.connections)
    return RestApp(
        manager,
        executor,
        limits=replace(options.limits, connections=connections),
        hosts=allowed_hosts(options, address),
        budget=budget,
        timeout=options.timeout_seconds,
        cors=options.cors,
        extensions=options.extensions,
        hints=hints_of(manager, options),
        metrics=metrics,
        metrics_path=options.metrics_path,
        further_metrics=model_metrics.families,
        own_metrics=own_families,
        present_metrics=present_families,
        request_metrics=request_metrics,
        turn=turn,
        read_all=read_all,
        quiz=quiz_of(manager, options),
    )


def allowed_hosts(options: ServerOptions, address: str) -> AllowedHosts | None:
    """Returns the names that REST requests may have in their Host header, or None if all are accepted."""
    if not options.allowed_hosts and not is_loopback(address):
        return None
    return AllowedHosts([*LOCAL_NAMES, options.host, *options.allowed_hosts])


def hints_of(manager: ServedModels, options: ServerOptions) -> Hints | None:
    """Returns what makes the hints that are sent with errors, or None if none are sent."""
    return Hints(manager) if options.extensions else None


def quiz_of(manager: ServedModels, options: ServerOptions) -> Quiz | None:
    """Returns the games of the models, or None if there are none."""
    return None if options.quiz is None else Quiz(options.quiz, manager)


def grpc_api_of(
    manager: ServedModels,
    options: ServerOptions,
    budget: MemoryBudget,
    metrics: Metrics,
    own_metrics: RequestMetrics,
    families: Families,
    reload: Reload,
    draining: Callable[[], bool],
) -> GrpcApi:
    """Returns the gRPC API that serves these models. `metrics` counts the calls, as do
    `own_metrics`; `families` returns TensorFlow Serving's metrics."""
    context = GrpcContext(
        manager,
        reload,
        budget=budget,
        reload_root=options.reload_root,
        families=families,
        tensor_content=options.grpc.tensor_content,
        health=options.grpc.health,
        draining=draining,
        hints=hints_of(manager, options),
    )
    return GrpcApi(context, metrics, own_metrics.grpc)
