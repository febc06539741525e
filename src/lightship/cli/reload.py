"""`lightship reload`: lets a running server read its configuration again, and says what came of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from lightship.cli.options import Argument, Option, WrongArguments

if TYPE_CHECKING:
    from lightship.cli.pid_file import ReloadOutcome

_LOOK_SECONDS = 0.05
_TOLD = ("config", "reason", "models", "notes")  # of an outcome


def reload(
    pid: Annotated[
        str | None, Argument(metavar="[PID]", help="The number of the server's process; or give --pid-file.")
    ] = None,
    pid_file: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            envvar="LIGHTSHIP_PID_FILE",
            help="The file that the server was started with. With it, the command waits for the outcome.",
        ),
    ] = None,
    timeout: Annotated[float, Option(min=0, help="Seconds to wait for the outcome.")] = 30.0,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Apply the changed configuration file of a running server.

    The server gets SIGHUP: it reads the file of --config, or lightship-model-server that of --model_config_file, and
    looks for new versions. A file that cannot be applied changes nothing.

    The exit code is 1 if the file was not applied, or if no outcome came in time.
    """
    from lightship.cli.pid_file import read_outcome
    from lightship.cli.server_process import hang_up, why_no_server
    from lightship.errors import FailedPrecondition, PermissionDenied

    if (pid is None) == (pid_file is None):
        given = "both PID and --pid-file are given" if pid is not None else "neither PID nor --pid-file is given"
        raise WrongArguments(f"{given}: give one of them")
    number = _number(pid) if pid is not None else _number_in(pid_file or Path())
    reason = why_no_server(number)
    if reason is not None:
        stale = f", which {pid_file} names; the server that wrote the file has ended" if pid_file is not None else ""
        raise FailedPrecondition(f"{reason}{stale}: give the number of the process of a running server")
    before = read_outcome(pid_file, number)[0] if pid_file is not None else 0
    try:
        hang_up(number)
    except ProcessLookupError:
        raise FailedPrecondition(f"process {number} has ended") from None
    except OSError:
        raise PermissionDenied(f"process {number} belongs to another user: run this as that user, or as root") from None
    _report(number, _outcome(pid_file, number, before, timeout) if pid_file is not None else None, as_json=json)


def _number(text: str) -> int:
    from lightship.cli.server_process import process_number
    from lightship.errors import InvalidArgument

    number = process_number(text)
    if number is None:
        raise InvalidArgument(f"{text!r} is not the number of a process: give one such as 1234, or --pid-file FILE")
    return number


def _number_in(pid_file: Path) -> int:
    from lightship.cli.pid_file import read_pid
    from lightship.errors import NotFound

    try:
        return read_pid(pid_file)
    except NotFound:
        raise NotFound(
            f"no server that was started with --pid-file or pid_file = {str(pid_file)!r} is running, because "
            f"{pid_file} does not exist: start the server, or give the file of a server that runs"
        ) from None


def _outcome(pid_file: Path, pid: int, before: int, timeout: float) -> ReloadOutcome:
    """Waits for a new outcome that is about the file as it is now. Raises DeadlineExceeded, FailedPrecondition."""
    from lightship.cli.pid_file import read_outcome
    from lightship.cli.server_process import why_no_server
    from lightship.errors import DeadlineExceeded, FailedPrecondition

    end = time.monotonic() + timeout
    while True:
        reloads, outcome = read_outcome(pid_file, pid)
        if outcome is not None and reloads > before and _is_about(outcome):
            return outcome
        if why_no_server(pid) is not None:
            raise FailedPrecondition(f"process {pid} has ended before it told an outcome: look into its log")
        if time.monotonic() >= end:
            raise DeadlineExceeded(
                f"process {pid} has told no outcome in {timeout:g} seconds: look into its log, or give a longer "
                "--timeout. A server without --config tells none"
            )
        time.sleep(_LOOK_SECONDS)


def _is_about(outcome: ReloadOutcome) -> bool:
    """Returns whether an outcome is about the present content of the file, as far as this user may know."""
    from lightship.cli.config.reading import MAX_BYTES, digest_of
    from lightship.errors import LightshipError, PermissionDenied
    from lightship.files import read_regular

    try:
        return outcome.digest == digest_of(read_regular(outcome.config, MAX_BYTES))
    except PermissionDenied:
        return True
    except LightshipError:  # the server could not read it either
        return not outcome.digest


def _report(pid: int, outcome: ReloadOutcome | None, *, as_json: bool) -> None:
    from lightship.cli.failures import print_warning
    from lightship.cli.output import print_json, print_text
    from lightship.errors import FailedPrecondition

    if as_json:
        told = {} if outcome is None else {name: getattr(outcome, name) for name in _TOLD}
        print_json({"pid": pid, "applied": None if outcome is None else not outcome.reason, **told})
    if outcome is None:
        if not as_json:
            print_text(f"process {pid} reads its configuration again; its log says what came of it")
        return
    if outcome.reason:
        raise FailedPrecondition(f"{outcome.config} was not applied: {outcome.reason}")
    if not as_json:
        models = f"; its models are {', '.join(outcome.models)}" if outcome.models else ""
        print_text(f"{outcome.config} was applied by process {pid}{models}")
        for note in outcome.notes:
            print_warning(note)
