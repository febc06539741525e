"""The file with the number of a server's process, and beside it one with the outcome of its last reload."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lightship.cli.server_process import process_number, why_no_server
from lightship.errors import AlreadyExists, InvalidArgument, NotFound
from lightship.files import read_regular

logger = logging.getLogger(__name__)

_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """What came of reading a configuration file again."""

    config: str
    # The SHA-256 of the file that was read; empty if it could not be read.
    digest: str
    # Why it was not applied; empty if it was.
    reason: str
    # The models that the file names.
    models: tuple[str, ...] = ()
    # What the log says too, such as which changes need a restart.
    notes: tuple[str, ...] = ()


class PidFile:
    """The file that a server writes. The outcome of its reloads is in a file of the same name with `.reload` behind it.

    The outcomes are numbered, so that who asks for a reload can tell a new outcome from an old one.
    """

    def __init__(self, path: Path) -> None:
        """Raises AlreadyExists if the file names another server that runs, and NotFound if its folder is missing."""
        self.path = path
        self._reloads = 0
        if not path.absolute().parent.is_dir():
            raise NotFound(f"the folder of --pid-file {path} does not exist: create {path.absolute().parent}")
        try:
            other = read_pid(path)
        except (InvalidArgument, NotFound):
            return
        if other != os.getpid() and why_no_server(other) is None:
            raise AlreadyExists(
                f"--pid-file {path} names process {other}, a server that runs: stop it, or give another file"
            )

    @contextmanager
    def written(self) -> Iterator[None]:
        """The file exists while the block runs. Raises InvalidArgument or PermissionDenied if it cannot be written."""
        _remove(outcome_path(self.path))
        try:
            _write(self.path, f"{os.getpid()}\n")
        except OSError as error:
            raise InvalidArgument(f"--pid-file {self.path} cannot be written: {error.strerror or error}") from None
        try:
            yield
        finally:
            with suppress(InvalidArgument, NotFound):
                if read_pid(self.path) == os.getpid():  # another server may have taken it over
                    _remove(self.path)
                    _remove(outcome_path(self.path))

    def reloaded(self, outcome: ReloadOutcome) -> None:
        """Writes the outcome of a reload. Only the log says if it cannot be written."""
        self._reloads += 1
        fields, path = {"pid": os.getpid(), "reloads": self._reloads, **asdict(outcome)}, outcome_path(self.path)
        try:
            _write(path, json.dumps(fields) + "\n")
        except OSError as error:
            reason = error.strerror or error
            logger.warning("the outcome of the reload is not in %s, which cannot be written: %s", path, reason)


def outcome_path(pid_file: Path) -> Path:
    return pid_file.with_name(f"{pid_file.name}.reload")


def read_pid(path: Path) -> int:
    """Returns the number of the process in a file. Raises InvalidArgument, NotFound or PermissionDenied."""
    text = read_regular(path, _MAX_BYTES).decode("utf-8", "replace").strip()
    number = process_number(text)
    if number is None:
        raise InvalidArgument(f"{path} has {text[:20]!r}, not the number of a process: give the file of --pid-file")
    return number


def read_outcome(pid_file: Path, pid: int) -> tuple[int, ReloadOutcome | None]:
    """Returns the number of reloads that a server has told of, and the outcome of the last one, if there is any."""
    try:
        fields: dict[str, Any] = json.loads(read_regular(outcome_path(pid_file), _MAX_BYTES))
        if fields["pid"] != pid:  # an earlier server's
            return 0, None
        told = ReloadOutcome(
            str(fields["config"]),
            str(fields["digest"]),
            str(fields["reason"]),
            tuple(map(str, fields["models"])),
            tuple(map(str, fields["notes"])),
        )
        return int(fields["reloads"]), told
    except (InvalidArgument, NotFound, ValueError, KeyError, TypeError):
        return 0, None


def _write(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(text)
        os.replace(new, path)
    except OSError:
        _remove(new)
        raise


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
