"""Checks combinations of flags, in TensorFlow Serving's order and with its texts, and warns of flags without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lightship.cli.flags import Role, Value
from lightship.cli.model_server_flags import FLAGS, changed
from lightship.errors import InvalidArgument, Unimplemented


def check_combinations(flags: Mapping[str, Value]) -> None:
    """Raises InvalidArgument, with TensorFlow Serving's text, for flags that contradict each other.

    Raises it for what is not a port too.
    """
    if not flags["port"] and not flags["grpc_socket_path"]:
        raise InvalidArgument(
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set."
        )
    if flags["use_alts_credentials"] and flags["ssl_config_file"]:
        raise InvalidArgument("Either use_alts_credentials must be false or ssl_config_file must be empty.")
    if not flags["model_base_path"] and not flags["model_config_file"]:
        raise InvalidArgument("Both server_options.model_base_path and server_options.model_config_file are empty!")
    if flags["batching_parameters_file"] and not flags["enable_batching"]:
        raise InvalidArgument(
            "server_options.batching_parameters_file is set without setting server_options.enable_batching to true."
        )
    separate = ("tensorflow_intra_op_parallelism", "tensorflow_inter_op_parallelism")
    if all(int(flags[name]) > 0 for name in ("tensorflow_session_parallelism", *separate)):
        raise InvalidArgument(
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) "
            "separately. You cannot configure all."
        )
    for name in ("port", "rest_api_port"):
        if not 0 <= int(flags[name]) < 65536:
            raise InvalidArgument(f"--{name}={flags[name]}: give a number from 1 to 65535, or 0 for off")


def check_supported(given: dict[str, Value]) -> None:
    """Raises Unimplemented for flags that are not supported yet."""
    help_of = {flag.name: flag.help for flag in FLAGS}
    planned = ", ".join(f"--{name} ({help_of[name]})" for name in changed(given, Role.PLANNED))
    if planned:
        raise Unimplemented(
            f"{planned}: this release of Lightship does not support it; leave it out to start without it"
        )


def warnings(given: dict[str, Value]) -> Iterator[str]:
    """Yields one warning for all given flags that have no effect."""
    ignored = changed(given, Role.IGNORED)
    if ignored:
        yield f"{_listed(ignored)}: accepted, but has no effect here"


def _listed(names: list[str]) -> str:
    return ", ".join(f"--{name}" for name in names)
