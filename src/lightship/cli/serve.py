"""`lightship serve`: serves models with TensorFlow Serving's REST and gRPC APIs."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from lightship.cli.options import Argument, Option, WrongArguments, parsed
from lightship.errors import InvalidArgument
from lightship.transports.http.limits import Limits, Timeouts

if TYPE_CHECKING:
    from lightship.server import BatchingParameters, ServerOptions
    from lightship.server.config.tls import TlsFiles

Precision = Literal["f32", "bf16", "fp16", "int8", "auto"]
LogFormat = Literal["text", "json"]
DEFAULT_LIMITS, DEFAULT_TIMEOUTS = Limits(), Timeouts()
ADVANCED = "Advanced"  # the group of these options in the help text


class Serving(NamedTuple):
    """What `lightship serve` runs."""

    options: ServerOptions
    # Print one JSON line when the server is ready.
    as_json: bool
    # The file for the number of the process.
    pid_file: Path | None


def _engine_names() -> list[str]:
    from lightship.engines.backends import engine_names

    return engine_names()


def parse_port(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or int(text) > 65535:
        raise InvalidArgument(
            f"{text!r} is not a port number: give 1 to 65535, auto for a free port, or 0 to turn it off"
        )
    return int(text)


def _tls_files(certificate: Path | None, key: Path | None, client_ca: Path | None) -> TlsFiles | None:
    from lightship.server.config.tls import TlsFiles

    if certificate is None or key is None:
        if certificate is key is client_ca:
            return None
        raise WrongArguments("TLS needs both --tls-cert and --tls-key: give both")
    return TlsFiles(certificate, key, client_ca)


def _batching(enabled: bool, file: Path | None, per_model: bool) -> BatchingParameters | None:
    from lightship.server.config.batching import WITHOUT_FILE, read_batching_parameters

    if enabled:
        return WITHOUT_FILE if file is None else read_batching_parameters(str(file))
    if file is not None or per_model:
        option = "--per-model-batching-parameters" if file is None else "--batching-parameters-file"
        raise WrongArguments(f"{option} has no effect without --enable-batching: give both")
    return None


def _names(given: Sequence[str]) -> tuple[str, ...]:
    """Returns the names of a repeated option that may also hold several names, separated by commas."""
    return tuple(name.strip() for text in given for name in text.split(",") if name.strip())


def serve_options(
    models: Annotated[
        list[str] | None,
        Argument(
            metavar="MODEL...",
            envvar="LIGHTSHIP_MODELS",
            help="Models' folders, such as models/dog or s3://BUCKET/models/dog. A model has the name of its folder; "
            "name=path gives another. May be left out if --config names models.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            envvar="LIGHTSHIP_CONFIG",
            help="A TOML file with models and options. The command line and the environment win over it. SIGHUP and "
            "`lightship reload` apply a changed file.",
        ),
    ] = None,
    host: Annotated[
        str, Option(envvar="LIGHTSHIP_HOST", help="The address to listen on; 0.0.0.0 or :: for all addresses.")
    ] = "127.0.0.1",
    rest_port: Annotated[
        str,
        Option(
            metavar="PORT|auto|0", envvar="LIGHTSHIP_REST_PORT", help="The port of REST; auto: a free port, 0: off."
        ),
    ] = "8501",
    grpc_port: Annotated[
        str | None,
        Option(
            metavar="PORT|auto|0",
            envvar="LIGHTSHIP_GRPC_PORT",
            help="The port of gRPC; auto: a free port, 0: off. The default is 8500, or auto if --rest-port is auto.",
        ),
    ] = None,
    allow_reload: Annotated[
        str | None,
        Option(
            metavar="[ROOT]",
            envvar="LIGHTSHIP_ALLOW_RELOAD",
            help="Let gRPC clients replace the models (HandleReloadConfigRequest), by models in folders below ROOT; "
            "without ROOT, in any folder. Give it after MODEL, or as --allow-reload=ROOT.",
        ),
    ] = None,
    grpc_reflection: Annotated[
        bool,
        Option("--grpc-reflection", envvar="LIGHTSHIP_GRPC_REFLECTION", help="Offer gRPC server reflection."),
    ] = False,
    tls_cert: Annotated[
        Path | None,
        Option(envvar="LIGHTSHIP_TLS_CERT", help="PEM file with the certificate for gRPC. REST has no TLS."),
    ] = None,
    tls_key: Annotated[
        Path | None, Option(envvar="LIGHTSHIP_TLS_KEY", help="PEM file with the private key for gRPC.")
    ] = None,
    tls_client_ca: Annotated[
        Path | None,
        Option(
            envvar="LIGHTSHIP_TLS_CLIENT_CA",
            help="PEM file with a certificate authority; requires gRPC clients to show a certificate of it.",
        ),
    ] = None,
    poll_seconds: Annotated[
        float, Option(min=0.01, envvar="LIGHTSHIP_POLL_SECONDS", help="Seconds between checks for new versions.")
    ] = 1.0,
    empty_folder_grace: Annotated[
        float,
        Option(
            min=0,
            envvar="LIGHTSHIP_EMPTY_FOLDER_GRACE",
            help="Seconds for which loaded versions are kept after the last version has gone from a model's folder.",
        ),
    ] = 30.0,
    store_poll_seconds: Annotated[
        float,
        Option(
            min=0.01,
            envvar="LIGHTSHIP_STORE_POLL_SECONDS",
            help="Seconds between checks for new versions in object stores, such as s3://BUCKET/PATH.",
        ),
    ] = 30.0,
    store_cache_bytes: Annotated[
        str | None,
        Option(
            metavar="SIZE",
            envvar="LIGHTSHIP_STORE_CACHE_BYTES",
            help="What the copies of models from object stores may have together, such as 20GiB; the default is 16GiB.",
        ),
    ] = None,
    store_cache_dir: Annotated[
        Path | None,
        Option(
            metavar="DIRECTORY",
            envvar="LIGHTSHIP_STORE_CACHE_DIR",
            help="The folder of these copies; the default is lightship/store in the user's cache folder.",
        ),
    ] = None,
    follow_links: Annotated[
        bool,
        Option(
            "--follow-links",
            envvar="LIGHTSHIP_FOLLOW_LINKS",
            help="Load versions in which links lead out of the model's folder.",
        ),
    ] = False,
    verify_models: Annotated[
        Path | None,
        Option(
            metavar="KEY",
            envvar="LIGHTSHIP_VERIFY_MODELS",
            help="PEM file with a public key; only versions that are signed with its private key, and unchanged since, "
            "are loaded. `lightship sign` signs them. With certificates, KEY is that of their authority.",
        ),
    ] = None,
    max_request_bytes: Annotated[
        int | None,
        Option(
            min=1,
            envvar="LIGHTSHIP_MAX_REQUEST_BYTES",
            help="The largest request body; by default 64 MiB for an image and 1 GiB for JSON.",
        ),
    ] = None,
    memory_budget: Annotated[
        str | None,
        Option(
            metavar="SIZE",
            envvar="LIGHTSHIP_MEMORY_BUDGET",
            help="Memory that all requests may hold together, such as 512MB or 2GiB; by default a quarter of the "
            "available memory, at least 256 MiB.",
        ),
    ] = None,
    max_pixels: Annotated[
        int | None,
        Option(
            min=1,
            envvar="LIGHTSHIP_MAX_PIXELS",
            help="The largest image, as width times height; 64 million by default.",
        ),
    ] = None,
    timeout: Annotated[
        float, Option(min=0.001, envvar="LIGHTSHIP_TIMEOUT", help="Seconds that one request may take.")
    ] = 30.0,
    allowed_hosts: Annotated[
        list[str] | None,
        Option(
            metavar="NAME",
            envvar="LIGHTSHIP_ALLOWED_HOSTS",
            help="A name that REST requests may have in their Host header, besides localhost and --host; * for all. "
            "Can be repeated, or several with commas. Needed only if --host is a loopback address.",
        ),
    ] = None,
    drain_seconds: Annotated[
        float | None,
        Option(
            min=0,
            envvar="LIGHTSHIP_DRAIN_SECONDS",
            help="Seconds that running requests may take after SIGTERM; 30 by default.",
        ),
    ] = None,
    strict: Annotated[
        bool,
        Option("--strict", envvar="LIGHTSHIP_STRICT", help="Stop the server if one of the models cannot be loaded."),
    ] = False,
    engine: Annotated[
        str,
        Option(
            metavar="ENGINE",
            envvar="LIGHTSHIP_ENGINE",
            autocompletion=_engine_names,
            help="auto: OpenVINO, or TensorFlow if OpenVINO cannot run a model. openvino, tensorflow: only that one. "
            "litert: LiteRT, for versions with a model.tflite. onnxruntime: for versions with ONNX files. Packages may "
            "add others.",
        ),
    ] = "auto",
    threads: Annotated[
        int, Option(min=0, envvar="LIGHTSHIP_THREADS", help="Threads of each engine; 0: one per processor.")
    ] = 0,
    streams: Annotated[
        int,
        Option(
            min=0,
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_STREAMS",
            help="Runs that OpenVINO computes at once when requests wait; 0: as many as it measures to be worth it.",
        ),
    ] = 0,
    no_tuned: Annotated[
        bool,
        Option(
            "--no-tuned",
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_NO_TUNED",
            help="Do not use the settings that `lightship tune` has kept for models on this machine.",
        ),
    ] = False,
    workers: Annotated[
        str,
        Option(
            metavar="N|auto",
            envvar="LIGHTSHIP_WORKERS",
            help="Processes that answer requests, each with its own copy of the models; auto: one per processor. More "
            "than one helps small models.",
        ),
    ] = "1",
    precision: Annotated[
        Precision | None,
        Option(
            envvar="LIGHTSHIP_PRECISION",
            help="f32 by default. bf16, fp16 and int8 are faster on some processors, but less exact: a version is "
            "checked first. auto: the fastest that passes the check.",
        ),
    ] = None,
    verify_with: Annotated[
        Path | None,
        Option(
            metavar="FOLDER",
            envvar="LIGHTSHIP_VERIFY_WITH",
            help="With --precision: compare the answers for the photos in this folder with those in f32, too.",
        ),
    ] = None,
    max_difference: Annotated[
        float | None,
        Option(
            min=0,
            envvar="LIGHTSHIP_MAX_DIFFERENCE",
            help="With --precision: the largest difference from f32 that is accepted, as a share of the output's "
            "largest number; by default 0.05 for bf16, 0.02 for fp16 and 0.5 for int8.",
        ),
    ] = None,
    min_agreement: Annotated[
        float,
        Option(
            min=0,
            envvar="LIGHTSHIP_MIN_AGREEMENT",
            help="With --precision: the least share of the answers whose best class must be that of f32.",
        ),
    ] = 0.98,
    device: Annotated[
        str,
        Option(
            metavar="cpu|gpu|gpu:0,1",
            envvar="LIGHTSHIP_DEVICE",
            help="Where models run. gpu: on all NVIDIA GPUs, by onnxruntime; versions need `lightship convert --onnx`.",
        ),
    ] = "cpu",
    gpu_memory: Annotated[
        str | None,
        Option(
            metavar="SIZE",
            envvar="LIGHTSHIP_GPU_MEMORY",
            help="Memory that each signature may use on each GPU, such as 4GiB; by default all.",
        ),
    ] = None,
    allow_unproven: Annotated[
        list[str] | None,
        Option(
            metavar="OPERATION",
            envvar="LIGHTSHIP_ALLOW_UNPROVEN",
            help="Let OpenVINO or LiteRT run this operation although its results may be wrong, or it may crash; can be "
            "repeated.",
        ),
    ] = None,
    trial_seconds: Annotated[
        float,
        Option(
            min=0.1,
            envvar="LIGHTSHIP_TRIAL_SECONDS",
            help="Seconds that the helper process may take to compile a signature.",
        ),
    ] = 120.0,
    trial_memory: Annotated[
        str | None,
        Option(
            metavar="SIZE",
            envvar="LIGHTSHIP_TRIAL_MEMORY",
            help="Memory that the helper process may use, such as 2GiB; by default half of the available memory.",
        ),
    ] = None,
    cache_dir: Annotated[
        Path | None,
        Option(
            envvar="LIGHTSHIP_CACHE_DIR", help="The folder for compiled models; by default in the user's cache folder."
        ),
    ] = None,
    trust: Annotated[
        bool,
        Option(
            "--trust",
            envvar="LIGHTSHIP_TRUST",
            help="Compile in the server's own process, and do not check the results.",
        ),
    ] = False,
    prefer_tflite: Annotated[
        bool,
        Option(
            "--prefer-tflite",
            envvar="LIGHTSHIP_PREFER_TFLITE",
            help="Serve model.tflite instead of the SavedModel where a version has both.",
        ),
    ] = False,
    tflite_interpreters: Annotated[
        int,
        Option(
            min=0,
            envvar="LIGHTSHIP_TFLITE_INTERPRETERS",
            help="Calls of one model.tflite that run at the same time; 0: one per processor. They share the threads.",
        ),
    ] = 0,
    enable_batching: Annotated[
        bool,
        Option(
            "--enable-batching",
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_ENABLE_BATCHING",
            help="Let calls wait for others and run them in batches, as TensorFlow Serving does.",
        ),
    ] = False,
    batching_parameters_file: Annotated[
        Path | None,
        Option(
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_BATCHING_PARAMETERS_FILE",
            help="With --enable-batching: a file with TensorFlow Serving's BatchingParameters in text format.",
        ),
    ] = None,
    per_model_batching_parameters: Annotated[
        bool,
        Option(
            "--per-model-batching-parameters",
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_PER_MODEL_BATCHING_PARAMETERS",
            help="With --enable-batching: each version has its parameters in its file batching_params.pbtxt, or is not "
            "batched.",
        ),
    ] = False,
    head_timeout: Annotated[
        float,
        Option(
            rich_help_panel=ADVANCED, envvar="LIGHTSHIP_HEAD_TIMEOUT", help="Seconds for a request's line and headers."
        ),
    ] = DEFAULT_TIMEOUTS.head,
    body_timeout: Annotated[
        float,
        Option(
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_BODY_TIMEOUT",
            help="Seconds for the next bytes of a request's body.",
        ),
    ] = DEFAULT_TIMEOUTS.body,
    write_timeout: Annotated[
        float,
        Option(
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_WRITE_TIMEOUT",
            help="Seconds for a client to take more of a response.",
        ),
    ] = DEFAULT_TIMEOUTS.write,
    idle_timeout: Annotated[
        float,
        Option(
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_IDLE_TIMEOUT",
            help="Seconds that a connection without a request is kept.",
        ),
    ] = DEFAULT_TIMEOUTS.idle,
    linger_timeout: Annotated[
        float,
        Option(
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_LINGER_TIMEOUT",
            help="Seconds for which a refused body is still read and dropped.",
        ),
    ] = DEFAULT_TIMEOUTS.linger,
    drain_stall_timeout: Annotated[
        float,
        Option(
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_DRAIN_STALL_TIMEOUT",
            help="While the server drains: seconds for the next bytes of a request, or for a client to take more of a "
            "response.",
        ),
    ] = DEFAULT_TIMEOUTS.drain_stall,
    max_head_bytes: Annotated[
        int,
        Option(
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_MAX_HEAD_BYTES",
            help="The largest size of a request's line and headers, in bytes.",
        ),
    ] = DEFAULT_LIMITS.head,
    max_pipelined: Annotated[
        int,
        Option(
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_MAX_PIPELINED",
            help="The number of requests that may wait on one connection before it is closed.",
        ),
    ] = DEFAULT_LIMITS.pipelined,
    settle_seconds: Annotated[
        float | None,
        Option(
            min=0,
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_SETTLE_SECONDS",
            help="Seconds for which a new version's files must not have changed before it is loaded; by default 2.",
        ),
    ] = None,
    max_connections: Annotated[
        int,
        Option(
            min=0,
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_MAX_CONNECTIONS",
            help="The most connections, over REST and gRPC together; when there are more, those that wait longest for "
            "their client are closed. 0: as many as files may be open, less 256.",
        ),
    ] = DEFAULT_LIMITS.connections,
    max_queue_seconds: Annotated[
        float,
        Option(
            min=0,
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_MAX_QUEUE_SECONDS",
            help="Seconds that a REST request may wait for a thread; one that would wait longer is refused with 503. "
            "0: up to --timeout, but under overload less than the model's usual time.",
        ),
    ] = 0.0,
    no_join: Annotated[
        bool,
        Option(
            "--no-join",
            rich_help_panel=ADVANCED,
            envvar="LIGHTSHIP_NO_JOIN",
            help="Run every request by itself, also those that arrive together or wait for the engine.",
        ),
    ] = False,
    quiz: Annotated[
        Path | None,
        Option(
            metavar="FOLDER",
            envvar="LIGHTSHIP_QUIZ",
            help="Offer a game on the page /ui: guess what is on the photos below FOLDER, and see what the model says. "
            "Their folders or files are named after the labels.",
        ),
    ] = None,
    log_format: Annotated[
        LogFormat | None, Option(envvar="LIGHTSHIP_LOG_FORMAT", help="text, or json for one object per line.")
    ] = None,
    access_log: Annotated[
        LogFormat | None,
        Option(
            envvar="LIGHTSHIP_ACCESS_LOG",
            help="Write one line for each request, as text or as a JSON object; off by default.",
        ),
    ] = None,
    access_log_file: Annotated[
        Path | None,
        Option(
            envvar="LIGHTSHIP_ACCESS_LOG_FILE",
            help="The file of the access log; by default standard output. SIGHUP opens it anew, after it was renamed.",
        ),
    ] = None,
    pid_file: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            envvar="LIGHTSHIP_PID_FILE",
            help="Write the number of the server's process into this file while it runs, for `lightship reload`.",
        ),
    ] = None,
    json: Annotated[
        bool,
        Option(
            "--json", envvar="LIGHTSHIP_JSON", help="Print one JSON line when the server is ready, and log as JSON."
        ),
    ] = False,
) -> Serving:
    """Serve models until SIGTERM or Ctrl-C.

    Running requests are finished first; a second signal stops the server at once. On SIGHUP it looks for new versions
    and reads the file of --config again.
    """
    from lightship.cli.advice import SERVE
    from lightship.cli.model_argument import model_argument
    from lightship.cli.option_words import worded_as_options
    from lightship.cli.reload_root import reload_root
    from lightship.cli.sizes import parse_bytes
    from lightship.cli.workers import parse_workers
    from lightship.engines import EngineOptions
    from lightship.engines.backends import check_engine
    from lightship.server import ServerOptions
    from lightship.server.options import GRPC_PORT
    from lightship.store.cache import DEFAULT_MAX_BYTES
    from lightship.transports.grpc.options import GrpcOptions

    if access_log_file is not None and access_log is None:
        raise WrongArguments(f"--access-log-file {access_log_file} needs --access-log text or json: give both")
    limits = Limits(head=max_head_bytes, pipelined=max_pipelined, connections=max_connections)
    if max_request_bytes is not None:
        limits = replace(limits, image=max_request_bytes, json=max_request_bytes)
    configs = [model_argument(model, SERVE) for model in models or ()]
    tls_files = _tls_files(tls_cert, tls_key, tls_client_ca)
    with worded_as_options():
        options = ServerOptions(
            models=configs,
            host=host,
            reload_root=reload_root(allow_reload),
            read_once=["the arguments and options of `lightship serve`"],
            rest_port=parsed("rest_port", rest_port, parse_port),
            grpc_port=parsed("grpc_port", grpc_port or ("auto" if rest_port == "auto" else str(GRPC_PORT)), parse_port),
            grpc=GrpcOptions(tls=tls_files.read() if tls_files else None, reflection=grpc_reflection),
            tls_files=tls_files,
            poll_seconds=poll_seconds,
            settle_seconds=settle_seconds,
            empty_folder_grace=empty_folder_grace,
            store_poll_seconds=store_poll_seconds,
            store_cache_bytes=(
                parsed("store_cache_bytes", store_cache_bytes, parse_bytes) if store_cache_bytes else DEFAULT_MAX_BYTES
            ),
            store_cache_dir=store_cache_dir,
            follow_links=follow_links,
            verify_models=verify_models,
            limits=limits,
            memory_budget=parsed("memory_budget", memory_budget, parse_bytes) if memory_budget is not None else 0,
            timeouts=Timeouts(
                *(head_timeout, body_timeout, write_timeout, idle_timeout, linger_timeout, drain_stall_timeout)
            ),
            timeout_seconds=timeout,
            max_queue_seconds=max_queue_seconds,
            allowed_hosts=_names(allowed_hosts or ()),
            strict=strict,
            batching=_batching(enable_batching, batching_parameters_file, per_model_batching_parameters),
            per_model_batching=per_model_batching_parameters,
            join=not no_join,
            quiz=quiz,
            workers=parsed("workers", workers, parse_workers),
            log_format=log_format or ("json" if json else "text"),
            access_log=access_log,
            access_log_file=access_log_file,
            engine=EngineOptions(
                parsed("engine", engine, check_engine),
                threads,
                precision or "f32",
                allow_unproven=frozenset(allow_unproven or ()),
                trust=trust,
                trial_seconds=trial_seconds,
                trial_memory=parsed("trial_memory", trial_memory, parse_bytes) if trial_memory else 0,
                cache_dir=cache_dir,
                prefer_tflite=prefer_tflite,
                tflite_interpreters=tflite_interpreters,
                verify_with=verify_with,
                max_difference=max_difference,
                min_agreement=min_agreement,
                device=device,
                gpu_memory=parsed("gpu_memory", gpu_memory, parse_bytes) if gpu_memory else 0,
                streams=streams,
                tuned=not no_tuned and precision is None,
            ),
        )
        if max_pixels is not None:
            options = replace(options, max_pixels=max_pixels)
        if drain_seconds is not None:
            options = replace(options, drain_seconds=drain_seconds)
    return Serving(options, json, pid_file)


@functools.wraps(serve_options)
def serve(**given: Any) -> None:
    """Runs the server. `given` holds the arguments that the command line or the environment gives, by their names."""
    from lightship.cli.serving import run_server

    run_server(given)
