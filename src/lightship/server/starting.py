"""`lightship.serve`: starts a server inside a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import Literal, Never

from lightship.batching.tensorflow_serving import BatchingParameters
from lightship.engines import EngineOptions
from lightship.errors import InvalidArgument, LightshipError
from lightship.images.opening import MAX_PIXELS
from lightship.lifecycle.model_config import ModelConfig
from lightship.saved_model.signatures import SERVE
from lightship.saved_model.versions import explain_folder_of_models
from lightship.server.options import REST_PORT, ServerOptions, parse_model_argument
from lightship.server.server import Server
from lightship.store.cache import DEFAULT_MAX_BYTES
from lightship.store.stores import DEFAULT_POLL_SECONDS
from lightship.transports.access_log.lines import LogFormat
from lightship.transports.grpc.options import GrpcOptions
from lightship.transports.http.limits import Limits, Timeouts
from lightship.transports.sockets import Port
from lightship.unexpected import unexpected_option

DEFAULT_READY_SECONDS = 300.0


def serve(
    *models: str | Path,
    wait: bool = True,
    timeout: float | None = DEFAULT_READY_SECONDS,
    reload_root: str | Path | None = None,
    host: str = "127.0.0.1",
    rest_port: Port = REST_PORT,
    grpc_port: Port = 0,
    grpc: GrpcOptions = GrpcOptions(),  # noqa: B008 - immutable
    rest_may_fail: bool = False,
    poll_seconds: float = 1.0,
    settle_seconds: float | None = None,
    empty_folder_grace: float = 30.0,
    store_poll_seconds: float = DEFAULT_POLL_SECONDS,
    store_cache_bytes: int = DEFAULT_MAX_BYTES,
    store_cache_dir: str | Path | None = None,
    follow_links: bool = False,
    verify_models: str | Path | None = None,
    limits: Limits = Limits(),  # noqa: B008 - immutable
    timeouts: Timeouts = Timeouts(),  # noqa: B008 - immutable
    memory_budget: int = 0,
    max_pixels: int = MAX_PIXELS,
    timeout_seconds: float = 30.0,
    max_queue_seconds: float = 0.0,
    threads: int = 0,
    allowed_hosts: Sequence[str] = (),
    cors: bool = False,
    strict: bool = False,
    drain_seconds: float = 30.0,
    log_format: Literal["text", "json"] | None = None,
    access_log: LogFormat | None = None,
    access_log_file: str | Path | None = None,
    engine: EngineOptions = EngineOptions(),  # noqa: B008 - immutable
    load_threads: int = 0,
    load_retries: int = 0,
    load_retry_seconds: float = 60.0,
    allow_version_labels_for_unavailable_models: bool = False,
    check_method_names: bool = False,
    join: bool = True,
    enable_model_warmup: bool = True,
    warmup_iterations: int = 0,
    saved_model_tags: tuple[str, ...] = SERVE,
    batching: BatchingParameters | None = None,
    per_model_batching: bool = False,
    workers: int | Literal["auto"] = 1,
    extensions: bool = True,
    quiz: str | Path | None = None,
    metrics_path: str | None = None,
    **unexpected: Never,
) -> Server:
    """Starts a server inside this program, and returns it when its models answer.

    models: folders of models, such as models/dog; a model has the name of its folder, and name=path gives another.
        A URL of an object store, such as s3://bucket/models/dog, is a model's folder too.
    wait: return when every model answers. With `wait=False` the ports are open when this returns, and the models are
        still loading: `Server.wait_ready` waits for them. A model's folder may then be empty, and get a version later.
    timeout: seconds in which the models must answer; None for no limit. It is not about requests.

    All other options are those of `ServerOptions`:

    reload_root: the folder below which a gRPC client may choose models to serve instead; None: no client may.
    host: the address to listen on; "0.0.0.0" for every IPv4 interface of the machine, "::" for IPv6 too.
    rest_port: the port of REST; "auto" for a free one, 0 to turn REST off.
    grpc_port: the port of gRPC; "auto" for a free one, 0 to turn gRPC off.
    grpc: further options of gRPC, such as TLS keys and a UNIX socket.
    rest_may_fail: serve gRPC alone if the port of REST cannot be opened.
    poll_seconds: seconds between two looks for new versions in the models' folders; 0 for one look at the start.
    settle_seconds: seconds for which the files of a new version must not have changed; None for 2.
    empty_folder_grace: seconds for which versions stay loaded after the last one has gone from a model's folder.
    store_poll_seconds: seconds between two listings of an object store; 0 for listings at the start only.
    store_cache_bytes: bytes that the local copies of models from object stores may have together.
    store_cache_dir: the folder of these copies; None for lightship/store in the user's cache folder.
    follow_links: load versions in which links lead out of the model's folder.
    verify_models: a PEM file with a public key; versions that are not signed with its private key are not loaded.
    limits: the largest size and number of REST requests; the most connections, over REST and gRPC together.
    timeouts: the timeouts of REST connections.
    memory_budget: bytes that all requests may hold together; 0 for a quarter of the memory, at least 256 MiB.
    max_pixels: the most pixels (width times height) of a decoded image.
    timeout_seconds: seconds that one REST request may take; 0 for no limit.
    max_queue_seconds: seconds that a request may wait for a thread before it is refused; 0 for the default rule.
    threads: requests of one kind that run at once; 0 for two per processor.
    allowed_hosts: further names that REST requests may have in their Host header; "*" for all.
    cors: let any web page read the answers of REST.
    strict: refuse to start if a folder has no version.
    drain_seconds: seconds that running requests may take after `Server.stop`.
    log_format: write the log as "text" or "json"; None leaves logging to this program.
    access_log: write one line for each request, as "text" or "json"; None for no access log.
    access_log_file: the file of the access log; None for standard output.
    engine: how the models are run: the engine, its threads and precision, its cache.
    load_threads: versions that load at the same time; 0 for two.
    load_retries: further attempts to load a version before it counts as failed.
    load_retry_seconds: seconds between these attempts.
    allow_version_labels_for_unavailable_models: let a reload give a new label to a version that is not loaded.
    check_method_names: refuse a request whose method is not that of the signature.
    join: run requests that have arrived together as one batch where that costs less.
    enable_model_warmup: run the requests of a version's warm-up file before it answers.
    warmup_iterations: how often each of them runs; 0 for once.
    saved_model_tags: the tags of the graph to serve, exactly these.
    batching: batch calls as TensorFlow Serving does; None for no such batching.
    per_model_batching: with `batching`: each version has its own parameters in batching_params.pbtxt.
    workers: how many processes answer; "auto" for one per processor.
    extensions: answer also with what TensorFlow Serving's clients would notice, such as headers that help with errors.
    quiz: the folder with the photos of the game on the page /ui, named after their labels; None for no game.
    metrics_path: the path of a further metrics page that has only TensorFlow Serving's metrics.

    Stop the server with `Server.stop`, or use it in a `with` statement:

    >>> with lightship.serve("models/dog", rest_port="auto") as server:
    ...     print(server.rest_url)

    Raises InvalidArgument without a model, for a folder of models, and for options that contradict each other,
    TypeError for an option that does not exist, NotFound if a folder does not exist, AlreadyExists if a port is in use,
    FailedPrecondition if a model cannot be served, with the reason of each such model, and DeadlineExceeded after
    `timeout` seconds. When it raises, the server is stopped and its ports are free again.
    """
    if unexpected:
        raise _unexpected_option(unexpected)
    if not models:
        raise InvalidArgument("no model to serve: give the folder of one, such as models/dog")
    if timeout is not None and not timeout >= 0:
        raise InvalidArgument(f"timeout={timeout}: give seconds, 0 or more, or None for no limit")
    options = ServerOptions(
        models=[_parse_model(model) for model in models],
        reload_root=_path(reload_root),
        host=host,
        rest_port=rest_port,
        grpc_port=grpc_port,
        grpc=grpc,
        rest_may_fail=rest_may_fail,
        poll_seconds=poll_seconds,
        settle_seconds=settle_seconds,
        empty_folder_grace=empty_folder_grace,
        store_poll_seconds=store_poll_seconds,
        store_cache_bytes=store_cache_bytes,
        store_cache_dir=_path(store_cache_dir),
        follow_links=follow_links,
        verify_models=_path(verify_models),
        limits=limits,
        timeouts=timeouts,
        memory_budget=memory_budget,
        max_pixels=max_pixels,
        timeout_seconds=timeout_seconds,
        max_queue_seconds=max_queue_seconds,
        threads=threads,
        allowed_hosts=allowed_hosts,
        cors=cors,
        strict=strict,
        drain_seconds=drain_seconds,
        log_format=log_format,
        access_log=access_log,
        access_log_file=_path(access_log_file),
        engine=engine,
        load_threads=load_threads,
        load_retries=load_retries,
        load_retry_seconds=load_retry_seconds,
        allow_version_labels_for_unavailable_models=allow_version_labels_for_unavailable_models,
        check_method_names=check_method_names,
        join=join,
        enable_model_warmup=enable_model_warmup,
        warmup_iterations=warmup_iterations,
        saved_model_tags=saved_model_tags,
        batching=batching,
        per_model_batching=per_model_batching,
        workers=workers,
        extensions=extensions,
        quiz=_path(quiz),
        metrics_path=metrics_path,
    )
    return _started(Server(options), wait, timeout)


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


def _parse_model(text: str | Path) -> ModelConfig:
    if not isinstance(text, (str, Path)):
        raise InvalidArgument(
            f"a model is given as a {type(text).__name__}: give each as an argument of its own, "
            "such as serve('models/dog', 'models/cars'), or serve(*folders) for a list"
        )
    model = parse_model_argument(text)
    explanation = explain_folder_of_models(model.path) if model.store is None else None
    if explanation is not None:
        raise InvalidArgument(explanation)
    return model


def _started(server: Server, wait: bool, timeout: float | None) -> Server:
    try:
        server.start()
        if wait:
            server.require_ready(timeout)
    except BaseException:
        with suppress(LightshipError):  # of requests that came meanwhile and were cut off
            server.stop()
        raise
    return server


def _unexpected_option(given: Mapping[str, object]) -> TypeError:
    name = next(iter(given))
    if name == "models":
        return TypeError("serve() got an unexpected option 'models': give the folders first, as in serve('models/dog')")
    options = [one.name for one in signature(serve).parameters.values() if one.kind is one.KEYWORD_ONLY]
    return unexpected_option("serve", name, options)
