"""The flags of `tensorflow_model_server`, and what each is here."""

from __future__ import annotations

import os

from lightship.cli.flags import Flag, Role, Value

CPUS = os.cpu_count() or 1
USED, PLANNED, IGNORED = Role.USED, Role.PLANNED, Role.IGNORED

FLAGS: tuple[Flag, ...] = (
    Flag("port", 8500, USED, "gRPC port; 0 turns it off"),
    Flag("grpc_socket_path", "", USED, "UNIX socket for gRPC"),
    Flag("rest_api_port", 0, USED, "REST port; 0 turns it off"),
    Flag("rest_api_num_threads", 4 * CPUS, USED, "threads for REST; left out: two a core"),
    Flag("rest_api_timeout_in_ms", 30000, USED, "milliseconds a REST call may run; 0 or less: no limit"),
    Flag("rest_api_enable_cors_support", False, USED, "CORS headers, for every page of the web"),
    Flag("enable_batching", False, IGNORED, "join concurrent calls"),
    Flag("allow_version_labels_for_unavailable_models", False, USED, "new labels for versions that are not loaded"),
    Flag("batching_parameters_file", "", IGNORED, "text BatchingParameters"),
    Flag("enable_per_model_batching_parameters", False, IGNORED, "batching_params.pbtxt in each version"),
    Flag("model_config_file", "", USED, "text ModelServerConfig, for several models"),
    Flag("model_config_file_poll_wait_seconds", 0, USED, "seconds between two looks into model_config_file; 0: one"),
    Flag("model_name", "default", USED, "the model's name"),
    Flag("model_base_path", "", USED, "the model's folder, absolute; its versions are below it"),
    Flag("num_load_threads", 0, USED, "versions that load at once; 0: two"),
    Flag("num_unload_threads", 0, IGNORED, "threads for unloading"),
    Flag("max_num_load_retries", 5, USED, "further attempts to load before a version counts as failed"),
    Flag("load_retry_interval_micros", 60_000_000, USED, "microseconds between two attempts to load", bits=64),
    Flag("file_system_poll_wait_seconds", 1, USED, "seconds between two looks into the folder; 0: one look"),
    Flag("flush_filesystem_caches", True, IGNORED, "drop the page cache after loading"),
    Flag("tensorflow_session_parallelism", 0, USED, "threads of an engine; 0: as many as fit", bits=64),
    Flag("tensorflow_session_config_file", "", IGNORED, "text ConfigProto"),
    Flag("tensorflow_intra_op_parallelism", 0, USED, "threads of an engine; 0: as many as fit", bits=64),
    Flag("tensorflow_inter_op_parallelism", 0, IGNORED, "operations at once", bits=64),
    Flag("use_alts_credentials", False, PLANNED, "Google's ALTS, for gRPC"),
    Flag("ssl_config_file", "", USED, "text SSLConfig, TLS for gRPC"),
    Flag("platform_config_file", "", IGNORED, "text PlatformConfigMap"),
    Flag("per_process_gpu_memory_fraction", 0.0, IGNORED, "share of a GPU's memory"),
    Flag("saved_model_tags", "serve", USED, "tags of the graph to load, exactly these, separated by commas"),
    Flag("grpc_channel_arguments", "", USED, "options of gRPC's core"),
    Flag("grpc_max_threads", 4 * CPUS, USED, "gRPC calls that run at once; left out: two a core"),
    Flag("enable_model_warmup", True, USED, "make the calls of a version's warm-up file before it answers"),
    Flag("num_request_iterations_for_warmup", 0, USED, "times each warm-up request runs; 0: once"),
    Flag("version", False, USED, "print the version and exit"),
    Flag("monitoring_config_file", "", USED, "text MonitoringConfig: a page for Prometheus; /metrics is always there"),
    Flag("remove_unused_fields_from_bundle_metagraph", True, IGNORED, "save memory"),
    Flag("prefer_tflite_model", False, IGNORED, "take model.tflite where there is one"),
    Flag("num_tflite_pools", CPUS, IGNORED, "pools of TFLite interpreters"),
    Flag("num_tflite_interpreters_per_pool", 1, IGNORED, "interpreters in each"),
    Flag("enable_signature_method_name_check", False, USED, "check method names of signatures"),
    Flag("xla_cpu_compilation_enabled", False, IGNORED, "XLA on the CPU"),
    Flag("xla_gpu_compilation_enabled", False, IGNORED, "XLA on a GPU"),
    Flag("enable_profiler", True, IGNORED, "ProfilerService"),
    Flag("thread_pool_factory_config_file", "", IGNORED, "text ThreadPoolFactoryConfig"),
    Flag("mixed_precision", "", USED, "bfloat16 computes in bfloat16"),
    Flag("skip_initialize_tpu", False, IGNORED, "TPUs"),
    Flag("enable_grpc_healthcheck_service", False, USED, "gRPC's health service; /readyz is always there"),
    Flag("enable_serialization_as_tensor_content", False, USED, "gRPC outputs as tensor_content"),
)

# What a warning says of flags that somebody may count on, by the flags' names.
REMARKS: dict[tuple[str, ...], str] = {
    ("enable_batching", "batching_parameters_file", "enable_per_model_batching_parameters"): (
        "and parameters are checked, but calls are not joined: each runs by itself"
    ),
    ("prefer_tflite_model",): "but model.tflite is not read here: saved_model.pb of the same version is",
}


def changed(given: dict[str, Value], role: Role) -> list[str]:
    """The flags of a role that were given another value than their default."""
    return [flag.name for flag in FLAGS if flag.role is role and given.get(flag.name, flag.default) != flag.default]
