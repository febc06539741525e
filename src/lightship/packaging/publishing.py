"""Publishes a version atomically: it is written under a name that servers ignore, flushed to disk, and renamed."""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from lightship.errors import AlreadyExists, InvalidArgument, LightshipError, PermissionDenied, ResourceExhausted
from lightship.locks import FolderLock, try_lock, wait_for_lock
from lightship.packaging.arguments import argument
from lightship.saved_model.version_folder import is_address
from lightship.saved_model.versions import has_model, list_versions, version_number

PREFIX = ".exporting-"
MAX_VERSION = 2**63 - 1

# What the system says of a full disk; TensorFlow and Keras pass the text on in errors of their own.
_FULL_DISK = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def check_folder(folder: str | os.PathLike[str]) -> None:
    """Raises InvalidArgument for what is not the folder of a model to write a version into, such as a version."""
    if not isinstance(folder, (str, os.PathLike)):
        raise InvalidArgument(
            f"the folder is a {type(folder).__name__}: give the trained model first, then the model's folder, such as "
            "models/dog"
        )
    if is_address(folder):
        raise InvalidArgument(
            f"{folder} is an address, not a folder: export to a folder on this machine, such as models/dog, and copy it"
        )
    path = Path(folder)
    number = version_number(path.resolve().name)
    if number is None or (os.path.isdir(path) and list_versions(path) and not has_model(path)):
        return
    given, remedy = "looks like", f"version={number} to choose the number"
    if has_model(path):
        given, remedy = "is", f"version={number}, overwrite=True to replace it"
    raise InvalidArgument(
        f"{path} {given} a version of a model: give the model's own folder, {path.parent}, with {remedy}"
    )


def check_version(folder: Path, version: int | None, overwrite: bool) -> None:
    """Raises InvalidArgument for an invalid version, and AlreadyExists for one that exists, unless `overwrite`."""
    if version is None:
        return
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= MAX_VERSION:
        raise InvalidArgument(f"version is {version!r}; give a whole number, 1 or more, or None for the next free one")
    taken = list_versions(folder).get(version) if os.path.isdir(folder) else None
    if taken is not None and not overwrite:
        raise AlreadyExists(
            f"{taken} exists already: leave {argument('version')} out for the next free one, or replace it with "
            f"{argument('overwrite')}"
        )


@contextmanager
def staging_folder(folder: Path) -> Iterator[Path]:
    """Creates a hidden folder beside the model's versions to write into. Removes it at the end unless it was published.

    The folder is locked until then, where the file system has locks. Also removes folders that killed exporters left
    behind. Raises PermissionDenied if `folder` cannot be written to, InvalidArgument if it is not a folder, and
    ResourceExhausted if the block fails because a disk is full.
    """
    made = make_folders(folder)
    try:
        _clear_abandoned(folder)
        path, lock = _new_folder(folder)
        try:
            yield path
        except Exception as error:
            if isinstance(error, ResourceExhausted) or not _tells_of_full_disk(error):
                raise
            raise _full_disk(folder) from error
        finally:
            _remove(path)
            if lock is not None:
                lock.release()
    finally:
        remove_empty(made)


def publish(path: Path, folder: Path, version: int | None, overwrite: bool = False) -> Path:
    """Moves a written folder to its version, by default the next free one, and returns the new path."""
    flush_all(path)
    with _locked(folder):  # only one exporter at a time chooses a number
        check_version(folder, version, overwrite)
        target = _target(folder, version)
        if os.path.lexists(target):
            _exchange(path, target)
        else:
            os.rename(path, target)
        _flush(folder)
    return target


def flush_all(path: Path) -> None:
    """Writes a folder and everything in it to the disk."""
    for inner, folders, files in os.walk(path, topdown=False):
        for name in (*files, *folders):
            _flush(Path(inner, name))
    _flush(path)


def _target(folder: Path, version: int | None) -> Path:
    versions = list_versions(folder)
    if version is not None:
        return versions.get(version, folder / str(version))
    newest = max(versions, default=0)
    if newest >= MAX_VERSION:
        raise InvalidArgument(
            f"{versions[newest]} is the highest possible version: choose a free one with {argument('version')}"
        )
    return folder / str(max(newest, 0) + 1)


def _exchange(path: Path, target: Path) -> None:
    """Replaces the old version with the new one, atomically if the operating system can exchange two names."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # TypeError: Windows has no library of the process itself
        rename = None
    old, new = os.fsencode(path), os.fsencode(target)
    if rename is not None and rename(_AT_FDCWD, old, _AT_FDCWD, new, _RENAME_EXCHANGE) == 0:
        return
    aside = path.with_name(f"{path.name}-replaced")
    os.rename(target, aside)
    try:
        os.rename(path, target)
    except BaseException:
        os.rename(aside, target)
        raise
    _remove(aside)


def make_folders(folder: Path) -> list[Path]:
    """Creates the model's folder. Returns the folders that were created, the innermost first."""
    missing = [parent for parent in (folder, *folder.parents) if not os.path.exists(parent)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InvalidArgument(f"{folder} is not a folder: give the model's own folder, such as models/dog") from error
    except OSError as error:
        remove_empty(missing)  # folders above the one that could not be created
        raise _not_created(folder, error) from error
    return missing


def remove_empty(folders: Iterable[Path]) -> None:
    """Removes the folders that `make_folders` created, as far as they are empty."""
    for folder in folders:
        with suppress(OSError):  # it is not empty, or does not exist
            folder.rmdir()


def _not_created(folder: Path, error: OSError) -> LightshipError:
    if error.errno == errno.ENAMETOOLONG:
        return InvalidArgument(f"{folder} cannot be created, because its name is too long: give a shorter one")
    return PermissionDenied(f"{folder} cannot be created: {error.strerror}; give a folder that this user may write to")


def _new_folder(folder: Path) -> tuple[Path, FolderLock | None]:
    while True:
        path = folder / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        try:
            path.mkdir(parents=True)  # another exporter that failed may have removed `folder`
        except OSError as error:
            raise PermissionDenied(
                f"{folder} cannot be written to: {error.strerror}; give this user the right to write"
            ) from error
        try:
            lock = _try_lock(path)
        except FileNotFoundError:  # another exporter has just removed it as abandoned
            continue
        except OSError:  # the file system has no locks, so that no exporter removes it as abandoned
            return path, None
        if lock is not None:
            return path, lock


def _clear_abandoned(folder: Path) -> None:
    """Removes the temporary folders of unfinished exports that no process locks.

    A lock ends with its process, also on another machine or in another container.
    """
    for path in folder.glob(f"{PREFIX}*"):
        if path.is_symlink():  # it was a version, and locking it would lock the folder that it leads to
            _remove(path)
            continue
        with suppress(OSError):  # another exporter was faster, or the file system has no locks
            lock = _try_lock(path)
            if lock is not None:
                _remove(path)
                lock.release()


def _remove(path: Path) -> None:
    """Removes a temporary folder if it is there, or the link that a version was and with which it was exchanged."""
    if path.is_symlink():
        with suppress(OSError):  # another exporter was faster
            path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _tells_of_full_disk(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL_DISK:
        return True
    return any(os.strerror(code) in str(error) for code in _FULL_DISK)


def _full_disk(folder: Path) -> ResourceExhausted:
    places = [str(folder)]
    with suppress(FileNotFoundError):  # no folder for temporary files has room
        places.append(tempfile.gettempdir())  # TensorFlow and NNCF write there
    place = min(places, key=lambda one: shutil.disk_usage(one).free)
    return ResourceExhausted(
        f"{folder} cannot be written to, because no space is left on the disk of {place}: free some space there"
    )


def _try_lock(path: Path) -> FolderLock | None:
    """Locks a temporary folder, or returns None if it is locked. Raises OSError if that is impossible."""
    lock = try_lock(path, path.with_name(f".lock-of-{path.name}"))
    if lock is None:
        return None
    try:
        if lock.status.st_nlink and path.exists():
            return lock
    except OSError:
        pass
    lock.release()
    raise FileNotFoundError(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lets one exporter after the other into the block, where the file system has locks."""
    with ExitStack() as stack:
        with suppress(OSError):
            stack.callback(wait_for_lock(folder, folder / ".lock-of-exports").release)
        yield


def _flush(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders
    file = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)  # Windows flushes what is open for writing
    try:
        os.fsync(file)
    finally:
        os.close(file)
