"""Reads the configuration file of a running server again, and says what came of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from lightship.cli.config.absent_versions import absent_versions
from lightship.cli.config.combining import combined
from lightship.cli.config.reading import MAX_BYTES, MODELS, ServeConfig, digest_of, read_serve_config
from lightship.cli.options import WrongArguments
from lightship.cli.pid_file import PidFile, ReloadOutcome
from lightship.errors import InvalidArgument, LightshipError
from lightship.files import read_regular
from lightship.server.config.reread import Reread

# The options that a running server changes. Others need a restart.
CHANGEABLE = ("poll_seconds", "empty_folder_grace")
_NOTHING = object()


class RereadableConfig:
    """The configuration file of a running server."""

    def __init__(self, config: ServeConfig, given: Mapping[str, Any], pid_file: PidFile | None) -> None:
        """given: the arguments of the command line and the environment, which win over the file.

        pid_file: learns the outcome of each reading.
        """
        self._first, self._given, self._pid_file = config, given, pid_file
        self._folders = {model.name: model.path for model in config.models}
        self._read: ServeConfig | None = None
        self._notes: list[str] = []

    @property
    def path(self) -> str:
        return str(self._first.path)

    def read(self, path: str, served: Collection[str]) -> Reread:
        """Reads the file. Raises WrongConfig, and InvalidArgument for options that do not fit each other."""
        self._read, self._notes = None, []
        folders = {name: folder for name, folder in self._folders.items() if name in served}
        config = read_serve_config(self._first.path, folders)
        try:
            options = combined(self._given, config).options
        except WrongArguments as error:
            raise InvalidArgument(str(error)) from None
        self._read, self._notes = config, list(self._differences(config))
        models = None if self._given.get(MODELS) else config.models
        self._notes += [warning.text(config.path) for warning in absent_versions(models or (), config.places)]
        return Reread(models, options.poll_seconds, options.empty_folder_grace, self._notes)

    def outcome(self, reason: str) -> None:
        """Remembers what is served now, and writes the outcome for `lightship reload`."""
        config, self._read = self._read, None
        if not reason and config is not None:
            self._folders = {model.name: model.path for model in config.models}
        if self._pid_file is not None:
            digest = config.digest if config is not None else _digest(self._first.path)
            models = tuple(self._folders) if not self._given.get(MODELS) else ()
            self._pid_file.reloaded(
                ReloadOutcome(str(self._first.path.absolute()), digest, reason, models, tuple(self._notes))
            )

    def _differences(self, config: ServeConfig) -> Iterator[str]:
        """Yields what is in the file and is not applied."""
        restart = []
        for key in sorted(self._first.options.keys() | config.options.keys()):
            before, now = (one.options.get(key, _NOTHING) for one in (self._first, config))
            if before == now:
                continue
            if key in self._given:
                yield f"{key} has no effect in {self.path}: the command line or the environment gives it"
            elif key not in CHANGEABLE:
                restart.append(f"{key} ({_told(before)} -> {_told(now)})")
        if restart:
            yield f"restart the server to change {', '.join(restart)}"
        if self._given.get(MODELS) and config.models:
            yield f"the models of {self.path} are not served: the command line or the environment names others"


def _told(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "not set" if value is _NOTHING else str(value)


def _digest(path: Path) -> str:
    try:
        return digest_of(read_regular(path, MAX_BYTES))
    except LightshipError:
        return ""
