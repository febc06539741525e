"""Lists and opens the files of a version folder, none of which is trusted to be a file.

Opening a FIFO or a device may hang for ever, and a link may lead anywhere. So a version is checked before anything in
it is opened, and each file is opened in a way that cannot hang.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from lightship.errors import FailedPrecondition, ResourceExhausted
from lightship.files import read_error

MAX_ENTRIES = 100_000
# A folder is looked into by so many of its paths. Links between a few folders can make millions of paths.
MAX_PATHS = 16

# Each system has some of these. Without O_BINARY, Windows would translate ends of lines.
_FLAGS = ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT")
_READ = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in _FLAGS)

_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Entry(NamedTuple):
    """A file or folder in a version folder, or what a link there leads to."""

    # The path in the version folder, with `/`; "" is the folder itself.
    name: str
    status: os.stat_result
    linked: bool

    @property
    def identity(self) -> tuple[int, int]:
        """The same for two names of the same file or folder."""
        return self.status.st_dev, self.status.st_ino

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.status.st_mode)

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


def walk(folder: Path, within: Path | None = None) -> Iterator[Entry]:
    """Yields the version folder and everything in it, in the order of names, behind links too; opens no file.

    within: folders outside of it are not looked into, but for the version folder itself; None looks into all.

    Leaves out what cannot be looked at and links that lead nowhere or back to a folder above them. A folder to which
    links make more than `MAX_PATHS` paths is looked into by the first of these only. Raises ResourceExhausted beyond
    `MAX_ENTRIES`.
    """
    inside = os.path.realpath(within) if within is not None else None
    paths: Counter[tuple[int, int]] = Counter()  # by which a folder was looked into
    waiting: list[tuple[str, frozenset[tuple[int, int]]]] = [("", frozenset())]
    count = 0
    while waiting:
        name, above = waiting.pop()
        entry = _entry(folder, name)
        if entry is None or (entry.is_folder and entry.identity in above):
            continue
        count += 1
        if count > MAX_ENTRIES:
            raise ResourceExhausted(
                f"{folder} has more than {MAX_ENTRIES:,} files and folders: remove those that no model needs"
            )
        yield entry
        leads_out = name and entry.linked and inside is not None and not _is_in(folder / name, inside)
        if entry.is_folder and not leads_out and paths[entry.identity] < MAX_PATHS:
            paths[entry.identity] += 1
            waiting += [(inner, above | {entry.identity}) for inner in _names(folder, name)]


def check_version_files(folder: Path, within: Path | None = None, *, option: str = "") -> None:
    """Raises FailedPrecondition for a FIFO, device or socket in a version, and for a link that leads out of `within`.

    within: the model's folder, which may be a link itself; None allows links to anywhere.
    option: that of the caller which allows them, for the error; empty if there is none.
    """
    inside = os.path.realpath(within) if within is not None else None
    for entry in walk(folder):
        path = folder / entry.name
        kind = next((text for is_kind, text in _KINDS if is_kind(entry.status.st_mode)), None)
        if kind is not None:
            raise FailedPrecondition(f"{path} is {kind}, and a version may only have files and folders: remove it")
        if entry.linked and inside is not None and not _is_in(path, inside):
            raise FailedPrecondition(
                f"{path} is a link to {os.path.realpath(path)}, which is outside of the model's folder {within}: copy "
                f"the files into the version{f', or allow such links with {option}' if option else ''}"
            )


def open_file(path: Path) -> BufferedReader:
    """Opens a file of a version for reading, without waiting for a FIFO or a device.

    Raises NotFound, PermissionDenied or InvalidArgument if it cannot be read, and FailedPrecondition if it is no file.
    """
    try:
        descriptor = os.open(path, _READ)
    except OSError as error:
        if os.path.isdir(path):  # Windows opens no folders
            raise read_error(path, IsADirectoryError()) from error
        raise read_error(path, error) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise read_error(path, IsADirectoryError())
        if not stat.S_ISREG(mode):
            raise FailedPrecondition(f"{path} is not a file: remove it, or copy the complete version again")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_file(path: Path, limit: int) -> bytes:
    """Returns the content of a file of a version. Raises ResourceExhausted if it has more than `limit` bytes.

    Also raises the errors of `open_file`.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size  # reading allocates no more than that
        if size > limit:
            raise ResourceExhausted(
                f"{path} has {size:,} bytes; at most {limit:,} are read: it is damaged, or no model's"
            )
        try:
            return file.read(size)
        except OSError as error:
            raise read_error(path, error) from error


def _is_in(path: Path, folder: str) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(folder)


def _entry(folder: Path, name: str) -> Entry | None:
    path = folder / name
    try:
        linked = stat.S_ISLNK(os.lstat(path).st_mode)
        return Entry(name, os.stat(path), linked)
    except OSError:
        return None


def _names(folder: Path, name: str) -> list[str]:
    """Returns the paths of a folder's entries, the last one first."""
    try:
        return [f"{name}/{one}".lstrip("/") for one in sorted(os.listdir(folder / name), reverse=True)]
    except OSError:
        return []


def listed(names: Iterable[str], shown: int = 3) -> str:
    """Returns the names of files in their order: the first ones, and how many more there are."""
    found = sorted(names)
    more = f" and {len(found) - shown} more" if len(found) > shown else ""
    return ", ".join(found[:shown]) + more
