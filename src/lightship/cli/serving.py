"""Runs the server of `lightship serve`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from lightship.cli.option_words import worded_as_options

if TYPE_CHECKING:
    from lightship.cli.config.reading import ServeConfig
    from lightship.cli.serve import Serving


def run_server(given: Mapping[str, Any]) -> None:
    """Serves until a signal.

    given: the arguments of `lightship serve` that the command line or the environment gives, by their names. What they
    leave out is as the configuration file says, and otherwise has its default.

    Exits with 1, and prints each fault, if the configuration file is wrong. Raises the errors of `combined`.
    """
    from lightship.cli.banner import announced
    from lightship.memory import resume_collections
    from lightship.server import Server
    from lightship.server.open_files import raise_file_limit
    from lightship.server.temporary_files import ensure_temporary_folder

    config, serving = _configured(given)
    with ExitStack() as stack:
        pid_file = None
        if serving.pid_file is not None:
            from lightship.cli.pid_file import PidFile

            pid_file = PidFile(serving.pid_file)
        raise_file_limit()
        ensure_temporary_folder()
        if config is None:
            server = Server(serving.options)
        else:
            from lightship.cli.config.rereading import RereadableConfig

            server = Server(serving.options, RereadableConfig(config, given, pid_file))
        server.handle_signals()
        resume_collections()
        with worded_as_options():
            server.start()
        if pid_file is not None:
            stack.callback(server.stop)  # if the file cannot be written
            stack.enter_context(pid_file.written())
        with announced(server, as_json=serving.as_json):
            server.run()


def _configured(given: Mapping[str, Any]) -> tuple[ServeConfig | None, Serving]:
    from lightship.cli.serve import serve_options

    if given.get("config") is None and given.get("models"):  # the usual start reads no file
        return None, serve_options(**given)
    from lightship.cli.config.combining import combined
    from lightship.cli.config.faults import WrongConfig
    from lightship.cli.config.reading import read_serve_config
    from lightship.cli.failures import print_error, print_warning

    try:
        config = read_serve_config(given["config"]) if given.get("config") is not None else None
    except WrongConfig as wrong:
        for line in wrong.lines:
            print_error(line)
        sys.exit(1)
    serving = combined(given, config)
    if config is not None and config.models and given.get("models"):
        print_warning(f"the models of {config.path} are not served: MODEL or LIGHTSHIP_MODELS names others")
    return config, serving
