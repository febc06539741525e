"""`lightship-model-server`, a drop-in replacement for `tensorflow_model_server`, with the same flags and exit codes."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from lightship import __version__
from lightship.cli.failures import print_warning, quiet_libraries, run_command
from lightship.cli.flags import UnknownFlag, Value, parse_flags, usage
from lightship.cli.model_server_checks import check_combinations, check_supported, warnings
from lightship.cli.model_server_flags import FLAGS
from lightship.cli.output import print_text
from lightship.cli.tensorflow_model_server import read_config_files, start_server
from lightship.errors import InvalidArgument, LightshipError

PROGRAM = "lightship-model-server"
FAILED = 255  # the exit code of a C++ main function that returns -1


def main() -> None:
    """Runs the command `lightship-model-server`."""
    quiet_libraries()
    run_command(lambda: run(sys.argv[1:]), failure=FAILED)


def run(arguments: list[str]) -> None:
    """Serves until a signal. If the start fails, prints the reason on standard output and exits with code 255."""
    if "--help" in arguments:
        print_text(usage(PROGRAM, FLAGS))
        sys.exit(FAILED)
    given = _given(arguments)
    if given.get("version"):
        _print_versions()
        return
    flags = {flag.name: given.get(flag.name, flag.default) for flag in FLAGS}
    try:
        check_combinations(flags)
        files = read_config_files(flags)
        check_supported(given)
        for warning in warnings(given):
            print_warning(warning)
        server = start_server(given, flags, files)
    except LightshipError as error:
        _fail(error)
    server.run()


def _given(arguments: list[str]) -> dict[str, Value]:
    try:
        return parse_flags(arguments, FLAGS)
    except UnknownFlag as error:
        print_text(error.message)
        sys.exit(FAILED)
    except InvalidArgument as error:
        print_text(error.message)
        print_text(usage(PROGRAM, FLAGS))
        sys.exit(FAILED)


def _fail(error: LightshipError) -> NoReturn:
    from lightship.server.config.files import InvalidConfigFile

    if isinstance(error, InvalidConfigFile):
        print_text(error.parser, file=sys.stderr, flush=True)
    print_text(f"Failed to start server. Error: {error.code.name}: {error.message}", flush=True)
    sys.exit(FAILED)


def _print_versions() -> None:
    print_text(f"TensorFlow ModelServer: {__version__} (Lightship)")
    print_text(f"TensorFlow Library: {_tensorflow_version()}")


def _tensorflow_version() -> str:
    for package in ("tensorflow", "tensorflow-cpu"):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return f"none (OpenVINO {version('openvino')})"
