"""Combinations of flags that cannot be, in TensorFlow Serving's order and words, and what a start warns of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lightship.cli.flags import Role, Value
from lightship.cli.model_server_flags import FLAGS, REMARKS, changed
from lightship.errors import InvalidArgument, Unimplemented


def check_combinations(flags: Mapping[str, Value]) -> None:
    """Raises InvalidArgument."""
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


def check_built(given: dict[str, Value]) -> None:
    """Raises Unimplemented for what is not built yet and would be missed."""
    help_of = {flag.name: flag.help for flag in FLAGS}
    later = ", ".join(f"--{name} ({help_of[name]})" for name in changed(given, Role.PLANNED))
    if later:
        raise Unimplemented(f"{later}: comes in a later release of Lightship; leave it out to start without it")


def warnings(given: dict[str, Value]) -> Iterator[str]:
    """One for all flags that mean nothing here, and some of their own."""
    idle = changed(given, Role.IGNORED)
    explained = {name for names in REMARKS for name in names}
    plain = [name for name in idle if name not in explained]
    if plain:
        yield f"{_listed(plain)}: accepted, but with nothing to act on here"
    for names, remark in REMARKS.items():
        if set(names) & set(idle):
            yield f"{_listed([name for name in names if name in idle])}: accepted, {remark}"


def _listed(names: list[str]) -> str:
    return ", ".join(f"--{name}" for name in names)
