"""The folder `.training` in a model's folder, where an unfinished training is kept. Servers ignore its name.

Each file is written under another name, flushed to disk and renamed, and the state names the files that belong to it.
So whenever a process is killed, the folder has the complete state after one of the epochs.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from lightship.errors import Aborted, DataLoss, InvalidArgument, PermissionDenied, ResourceExhausted
from lightship.locks import FolderLock, try_lock
from lightship.packaging.publishing import make_folders, remove_empty
from lightship.training.run.state import TrainingState
from lightship.training.run.variables import Arrays

NAME = ".training"

_STATE = "state.json"
_MAX_STATE_BYTES = 64 << 20
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


class RunFolder:
    """The folder of one training, which `run_folder` locks for this process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read_state(self) -> TrainingState | None:
        """Returns the state of an unfinished training, or None if there is none. Raises DataLoss if it is broken."""
        path = self.path / _STATE
        try:
            with path.open("rb") as file:
                text = file.read(_MAX_STATE_BYTES + 1)
            if len(text) > _MAX_STATE_BYTES:
                raise ValueError(f"it has more than {_MAX_STATE_BYTES} bytes")
            return TrainingState.from_json(json.loads(text))
        except FileNotFoundError:
            return None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataLoss(
                f"{path} is not the state of a training: {error}; train from the start with --restart"
            ) from error

    def write_state(self, state: TrainingState) -> None:
        """Writes a state, and removes the files that it does not need. Raises ResourceExhausted if the disk is full."""
        text = json.dumps(state.to_json(), indent=1)  # only ASCII: a path need not be UTF-8
        self._write(_STATE, lambda file: file.write(text.encode()))
        for path in self.path.iterdir():
            if path.name != _STATE and path.name not in state.files:
                with suppress(OSError):
                    path.unlink()

    def write_arrays(self, name: str, arrays: Arrays) -> None:
        """Writes a file of arrays, which is kept only if a state that names it is written next."""
        self._write(name, lambda file: np.savez(file, allow_pickle=False, **arrays))

    def read_arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Reads a file of arrays. Raises DataLoss if it is broken or missing."""
        try:
            with (self.path / name).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return {key: arrays[key] for key in arrays.files}
        except (OSError, ValueError, TypeError, EOFError, BadZipFile) as error:
            raise DataLoss(
                f"{self.path / name} cannot be read: {error}; train from the start with --restart"
            ) from error

    def size(self) -> int:
        """Returns the bytes of what is kept."""
        return sum(path.stat().st_size for path in self.path.iterdir())

    def clear(self) -> None:
        """Removes what is kept."""
        with suppress(OSError):  # first, so that it never names files that are gone
            (self.path / _STATE).unlink()
        for path in self.path.iterdir():
            with suppress(OSError):
                path.unlink()

    def _write(self, name: str, write: Callable[[IO[bytes]], object]) -> None:
        temporary = self.path / f"{name}.new"
        try:
            with temporary.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path / name)
            _flush_folder(self.path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            if error.errno in _FULL:
                raise ResourceExhausted(
                    f"the state of the training cannot be written to {self.path}: {error.strerror}; free some space, "
                    "and run the same command again to resume after the last complete epoch"
                ) from error
            raise PermissionDenied(
                f"the state of the training cannot be written to {self.path}: {error.strerror or error}; give this "
                "user the right to write, and run the same command again to resume after the last complete epoch"
            ) from error


@contextmanager
def run_folder(folder: Path) -> Iterator[RunFolder]:
    """Creates and locks the folder of a training in a model's folder, and removes it at the end if it is empty.

    Raises Aborted if another process trains into the same model's folder, and PermissionDenied or InvalidArgument if
    nothing can be written there.
    """
    made = make_folders(folder)
    try:
        path = folder / NAME
        lock = _lock(path)
        try:
            yield RunFolder(path)
        finally:
            with suppress(OSError):  # there is something to resume
                path.rmdir()
            if lock is not None:
                lock.release()
    finally:
        remove_empty(made)


def _lock(path: Path) -> FolderLock | None:
    """Returns None where the file system has no locks."""
    while True:
        try:
            path.mkdir(exist_ok=True)
        except FileExistsError as error:
            raise InvalidArgument(f"{path} is not a folder, but trainings are kept there: remove it") from error
        except FileNotFoundError:  # a training that failed has just removed the model's folder
            make_folders(path.parent)
            continue
        except OSError as error:
            raise PermissionDenied(
                f"{path.parent} cannot be written to: {error.strerror}; give this user the right to write"
            ) from error
        try:
            lock = try_lock(path, path.with_name(f".lock-of-{NAME}"))
        except FileNotFoundError:  # a training has just ended
            continue
        except OSError:
            return None
        if lock is None:
            raise Aborted(
                f"another process trains into {path.parent}: wait until it has ended, or give another folder with "
                "--output"
            )
        if lock.status.st_nlink and path.exists():
            return lock
        lock.release()


def _flush_folder(path: Path) -> None:
    if os.name == "nt":
        return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
