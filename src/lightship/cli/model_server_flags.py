"""The flags of `tensorflow_model_server`, and how this server treats each of them."""

from __future__ import annotations

from lightship.cli.flags import Flag, Role, Value
from lightship.processors import available_cpus

CPUS = available_cpus()
USED, PLANNED, IGNORED = Role.USED, Role.PLANNED, Role.IGNORED

FLAGS: tuple[Flag, ...] = (
    Flag("port", 8500, USED, "gRPC port; 0 turns it off"),
    Flag("grpc_socket_path", "", USED, "UNIX socket for gRPC"),
    Flag("rest_api_port", 0, USED, "REST port; 0 turns it off"),
    Flag("rest_api_num_threads", 4 * CPUS, USED, "threads for REST; two per core if left out"),
    Flag("rest_api_timeout_in_ms", 30000, USED, "milliseconds that a REST request may take; 0 or less: no limit"),
    Flag("rest_api_enable_cors_support", False, USED, "send CORS headers, so that any web page may call the API"),
    Flag("enable_batching", False, USED, "combine concurrent requests into batches"),
    Flag(
        "allow_version_labels_for_unavailable_models", False, USED, "allow new labels for versions that are not loaded"
    ),
    Flag("batching_parameters_file", "", USED, "file with BatchingParameters in text format"),
    Flag(
        "enable_per_model_batching_parameters",
        False,
        USED,
        "with enable_batching: read batching_params.pbtxt in each version folder; a version without it is not batched",
    ),
    Flag("model_config_file", "", USED, "file with a ModelServerConfig in text format, for several models"),
    Flag("model_config_file_poll_wait_seconds", 0, USED, "seconds between reads of model_config_file; 0: read once"),
    Flag("reload_root", "/", USED, "folder below which HandleReloadConfigRequest may choose base paths; /: any folder"),
    Flag("model_name", "default", USED, "the model's name"),
    Flag("model_base_path", "", USED, "absolute path or URL of the model's folder, which contains its version folders"),
    Flag("num_load_threads", 0, USED, "versions that are loaded at the same time; 0: two"),
    Flag("num_unload_threads", 0, IGNORED, "threads for unloading"),
    Flag("max_num_load_retries", 5, USED, "further attempts to load a version before it counts as failed"),
    Flag("load_retry_interval_micros", 60_000_000, USED, "microseconds between attempts to load", bits=64),
    Flag("file_system_poll_wait_seconds", 1, USED, "seconds between polls of the model's folder; 0: poll once"),
    Flag("flush_filesystem_caches", True, IGNORED, "drop the page cache after loading"),
    Flag("tensorflow_session_parallelism", 0, USED, "threads of an engine; 0: one per processor", bits=64),
    Flag("tensorflow_session_config_file", "", IGNORED, "file with a ConfigProto in text format"),
    Flag("tensorflow_intra_op_parallelism", 0, USED, "threads of an engine; 0: one per processor", bits=64),
    Flag("tensorflow_inter_op_parallelism", 0, IGNORED, "operations that run at the same time", bits=64),
    Flag("use_alts_credentials", False, PLANNED, "use Google's ALTS for gRPC"),
    Flag("ssl_config_file", "", USED, "file with an SSLConfig in text format: TLS for gRPC"),
    Flag("platform_config_file", "", IGNORED, "file with a PlatformConfigMap in text format"),
    Flag("per_process_gpu_memory_fraction", 0.0, IGNORED, "share of a GPU's memory"),
    Flag("saved_model_tags", "serve", USED, "all tags of the graph to load, separated by commas"),
    Flag("grpc_channel_arguments", "", USED, "channel arguments of gRPC, as name=value,name=value"),
    Flag("grpc_max_threads", 4 * CPUS, USED, "gRPC requests that run at the same time; two per core if left out"),
    Flag("enable_model_warmup", True, USED, "make the calls in a version's warm-up file before it answers requests"),
    Flag("num_request_iterations_for_warmup", 0, USED, "how many times each warm-up request runs; 0: once"),
    Flag("version", False, USED, "print the version and exit"),
    Flag(
        "monitoring_config_file",
        "",
        USED,
        "file with a MonitoringConfig in text format: a page for Prometheus; /metrics always exists",
    ),
    Flag("remove_unused_fields_from_bundle_metagraph", True, IGNORED, "remove unused fields to save memory"),
    Flag("prefer_tflite_model", False, USED, "load model.tflite instead of the SavedModel of the same version"),
    Flag("num_tflite_pools", CPUS, USED, "pools of interpreters of a model.tflite"),
    Flag("num_tflite_interpreters_per_pool", 1, USED, "interpreters in each pool; each runs one call at a time"),
    Flag("enable_signature_method_name_check", False, USED, "check the method names of signatures"),
    Flag("xla_cpu_compilation_enabled", False, IGNORED, "compile with XLA on the CPU"),
    Flag("xla_gpu_compilation_enabled", False, IGNORED, "compile with XLA on a GPU"),
    Flag("enable_profiler", True, IGNORED, "offer ProfilerService"),
    Flag("thread_pool_factory_config_file", "", IGNORED, "file with a ThreadPoolFactoryConfig in text format"),
    Flag("mixed_precision", "", USED, "bfloat16 to compute in bfloat16"),
    Flag("skip_initialize_tpu", False, IGNORED, "do not initialize TPUs"),
    Flag("enable_grpc_healthcheck_service", False, USED, "offer gRPC's health service; /readyz always exists"),
    Flag("enable_serialization_as_tensor_content", False, USED, "send gRPC outputs as tensor_content"),
    Flag(
        "join", True, USED, "run requests that arrive together or wait for the engine as one batch, if that costs less"
    ),
    Flag("tuned", True, USED, "load models with what `lightship tune` has found for them on this machine"),
    Flag("workers", "1", USED, "processes that answer requests, each with its own copy of the models; auto: all cores"),
    Flag("memory_budget", "", USED, "memory that all requests may hold together, such as 2GiB; by default all"),
    Flag(
        "verify_models", "", USED, "PEM file with a public key: load only versions that are signed with its private key"
    ),
    Flag(
        "store_poll_seconds", 30, USED, "seconds between listings of object stores such as s3://; 0: list at the start"
    ),
    Flag("store_cache_bytes", "16GiB", USED, "what local copies of models from object stores may have together"),
    Flag("store_cache_dir", "", USED, "folder of these copies; by default lightship/store in the user's cache folder"),
    Flag("precision", "", USED, "f32, bf16, fp16, int8 or auto, for versions that pass their check; f32 by default"),
    Flag("verify_with", "", USED, "with precision: folder of photos for which answers are compared with those in f32"),
    Flag("max_difference", "", USED, "with precision: largest difference, as a share of an output's largest number"),
    Flag("min_agreement", "", USED, "with precision: least share of answers whose best class is that of f32; 0.98"),
    Flag("extensions", False, USED, "answer with Lightship's own additions too, as `lightship serve` does"),
    Flag("device", "cpu", USED, "where models run: cpu, gpu for all NVIDIA GPUs, or gpu:0,1 for some of them"),
    Flag("gpu_memory", "", USED, "memory that each signature may use on each GPU, such as 4GiB; by default all"),
    Flag("access_log", "", USED, "write one line for each request to standard output: text or json"),
    Flag("access_log_file", "", USED, "with access_log: the file to write to; SIGHUP opens it anew"),
)


def changed(given: dict[str, Value], role: Role) -> list[str]:
    """Returns the flags of a role that have a value other than their default."""
    return [flag.name for flag in FLAGS if flag.role is role and given.get(flag.name, flag.default) != flag.default]
