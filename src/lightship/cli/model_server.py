"""`lightship-model-server`: stands where `tensorflow_model_server` stood, with its flags, texts and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from lightship import __version__
from lightship.cli.drop_in import started
from lightship.cli.failures import guarded, quiet_libraries, say_warning
from lightship.cli.flags import Flag, Role, UnknownFlag, Value, parse_flags, usage
from lightship.cli.model_server_flags import FLAGS
from lightship.errors import InvalidArgument, LightshipError, Unimplemented

PROGRAM = "lightship-model-server"
FAILED = 255  # what `return -1` of a main function becomes
NO_GRPC = "gRPC comes in a later release of Lightship"


def main() -> None:
    """The command `lightship-model-server`."""
    quiet_libraries()
    guarded(lambda: run(sys.argv[1:]), failure=FAILED)


def run(arguments: list[str]) -> None:
    """Serves until a signal; ends the process with 255 where the start fails, the reason on standard output."""
    if "--help" in arguments:
        print(usage(PROGRAM, FLAGS))
        sys.exit(FAILED)
    given = _given(arguments)
    if given.get("version"):
        _print_versions()
        return
    flags = {flag.name: given.get(flag.name, flag.default) for flag in FLAGS}
    try:
        _check(given, flags)
        server = started(flags)
    except LightshipError as error:
        _fail(error)
    _warn(given, flags)
    server.run()


def _given(arguments: list[str]) -> dict[str, Value]:
    try:
        return parse_flags(arguments, FLAGS)
    except UnknownFlag as error:
        print(error.message)
        sys.exit(FAILED)
    except InvalidArgument as error:
        print(error.message)
        print(usage(PROGRAM, FLAGS))
        sys.exit(FAILED)


def _fail(error: LightshipError) -> NoReturn:
    print(f"Failed to start server. Error: {error.code.name}: {error.message}", flush=True)
    sys.exit(FAILED)


def _print_versions() -> None:
    print(f"TensorFlow ModelServer: {__version__} (Lightship)")
    print(f"TensorFlow Library: {_tensorflow_version()}")


def _tensorflow_version() -> str:
    for package in ("tensorflow", "tensorflow-cpu"):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return f"none (OpenVINO {version('openvino')})"


def _check(given: Mapping[str, Value], flags: Mapping[str, Value]) -> None:
    """Combinations in TensorFlow Serving's order and words, then what is not built yet."""
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
    later = _changed(given, Role.LATER)
    if later:
        names = ", ".join(f"--{flag.name} ({flag.help})" for flag in later)
        raise Unimplemented(f"{names}: comes in a later release of Lightship; leave it out to start without it")
    _check_model(str(flags["model_name"]), str(flags["model_base_path"]))
    if not flags["rest_api_port"] or flags["rest_api_port"] == flags["port"]:
        raise Unimplemented(f"{NO_GRPC}, and REST is off: give --rest_api_port=8501 (another port than --port)")


def _changed(given: Mapping[str, Value], role: Role) -> list[Flag]:
    """The flags of a role that were given another value than their default."""
    return [flag for flag in FLAGS if flag.role is role and given.get(flag.name, flag.default) != flag.default]


def _warn(given: Mapping[str, Value], flags: Mapping[str, Value]) -> None:
    idle = _changed(given, Role.IDLE)
    if idle:
        say_warning(f"{', '.join(f'--{flag.name}' for flag in idle)}: accepted, but with nothing to act on here")
    say_warning(f"no gRPC port is opened, {flags['port']} neither: {NO_GRPC}; REST serves")


def _check_model(name: str, path: str) -> None:
    if "://" in path:
        raise Unimplemented(f"model {name}: {path} can be read by a later release of Lightship; give a local folder")
    if not path.startswith("/"):
        raise InvalidArgument(f"Expected model {name} to have an absolute path or URI; got base_path()={path}")
