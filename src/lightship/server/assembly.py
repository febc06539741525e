"""Builds the model manager and the REST and gRPC APIs from the server's options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lightship.batching import Joined, Scheduler, Schedulers
from lightship.bundle.bundle import Bundle
from lightship.engines import Engine
from lightship.lifecycle.attempts import Retries
from lightship.lifecycle.loader import Loader, LoadOptions
from lightship.lifecycle.manager import Manager
from lightship.memory import MemoryKeeper, default_budget
from lightship.memory_budget import MemoryBudget
from lightship.server.batch_metrics import BatchMetrics
from lightship.server.batching import Batching
from lightship.server.config.batching import check_version_batching
from lightship.server.join_metrics import JoinMetrics
from lightship.server.load_metrics import LoadMetrics
from lightship.server.open_files import max_connections
from lightship.server.options import ServerOptions
from lightship.services.warm_up import make_logged_call
from lightship.transports.grpc.api import GrpcApi
from lightship.transports.grpc.context import GrpcContext, Reload
from lightship.transports.http.executor import Executor, default_threads
from lightship.transports.http.hosts import LOCAL_NAMES, AllowedHosts, is_loopback
from lightship.transports.http.lanes import WaitLimits
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.rest.app import RestApp
from lightship.transports.rest.pages.metrics import Families
from lightship.transports.turn import Turn

_LOADS = 2  # the default number of versions that load at the same time
_MAX_WAITING = 1024  # calls of one kind that wait for a thread


def manager_of(
    options: ServerOptions, metrics: LoadMetrics, join_metrics: JoinMetrics, batching: Batching | None = None
) -> Manager:
    """Returns a manager that loads models with these options and reports loads and joint runs to the metrics.

    `batching` makes the schedulers of the versions; None: calls are not batched as TensorFlow Serving does it.
    """
    loader = Loader(
        LoadOptions(
            engine=options.engine,
            max_pixels=options.max_pixels,
            check_method_names=options.check_method_names,
            warm_up_iterations=max(1, options.warmup_iterations),
            tags=options.saved_model_tags,
            follow_links=options.follow_links,
        ),
        warm_up_call=make_logged_call if options.enable_model_warmup else None,
        checks=[check_version_batching] if options.per_model_batching else [],
        observer=metrics,
        schedulers=schedulers_of(options, join_metrics) if batching is None else batching.scheduler,
    )
    retries = Retries(options.load_retries, options.load_retry_seconds)
    return Manager(loader.load, loads=options.load_threads or _LOADS, retries=retries)


def schedulers_of(options: ServerOptions, metrics: JoinMetrics) -> Schedulers | None:
    """Returns what makes the scheduler of each servable. None: every call runs by itself."""
    if not options.join:
        return None

    def scheduler(model: str, version: int, bundle: Bundle, engine: Engine) -> Scheduler:
        return Joined(bundle, engine, partial(metrics.joined, model))

    return scheduler


def budget_of(options: ServerOptions) -> MemoryBudget:
    """Returns the memory budget of all requests, over REST and gRPC. It returns memory to the system when it can."""
    return MemoryBudget(options.memory_budget or default_budget(), MemoryKeeper().after)


def batching_of(options: ServerOptions, budget: MemoryBudget, metrics: BatchMetrics) -> Batching | None:
    """Returns TensorFlow Serving's batching, or None if it is off."""
    if options.batching is None:
        return None
    return Batching(options.batching, budget.reservation, metrics, per_model=options.per_model_batching)


def executor_of(options: ServerOptions) -> Executor:
    """Returns the threads that run long calls, over REST and gRPC."""
    threads = max(options.threads, options.grpc.runs) or default_threads()
    limits = WaitLimits(max(0.0, options.timeout_seconds), options.max_queue_seconds)
    return Executor(threads, _MAX_WAITING, limits)


def rest_app_of(
    manager: Manager,
    options: ServerOptions,
    executor: Executor,
    budget: MemoryBudget,
    metrics: Metrics,
    further_metrics: Families,
    own_metrics: Families,
    address: str,
    turn: Turn,
) -> RestApp:
    """Returns the REST application that serves the manager's models.

    `address` is the one on which it listens, and `turn` that of the event loop.
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
        metrics=metrics,
        metrics_path=options.metrics_path,
        further_metrics=further_metrics,
        own_metrics=own_metrics,
        turn=turn,
    )


def allowed_hosts(options: ServerOptions, address: str) -> AllowedHosts | None:
    """Returns the names that REST requests may have in their Host header, or None if all are accepted."""
    if not options.allowed_hosts and not is_loopback(address):
        return None
    return AllowedHosts([*LOCAL_NAMES, options.host, *options.allowed_hosts])


def grpc_api_of(
    manager: Manager,
    options: ServerOptions,
    budget: MemoryBudget,
    metrics: Metrics,
    further_metrics: Families,
    reload: Reload,
    draining: Callable[[], bool],
) -> GrpcApi:
    """Returns the gRPC API that serves the manager's models."""
    context = GrpcContext(
        manager,
        reload,
        budget=budget,
        reload_root=options.reload_root,
        families=lambda: metrics.families() + further_metrics(),
        tensor_content=options.grpc.tensor_content,
        health=options.grpc.health,
        draining=draining,
    )
    return GrpcApi(context, partial(metrics.request, entrypoint="GRPC"))
