"""The files of a version folder that go into an image, without those that desktops and editors leave there."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lightship.errors import FailedPrecondition, InvalidArgument, ResourceExhausted
from lightship.files import list_error, read_error

MAX_ENTRIES = 100_000  # of one version; links between folders could multiply endlessly

_FOREIGN = frozenset({"Thumbs.db", "desktop.ini", "__MACOSX", "__pycache__", "lost+found"})


@dataclass(frozen=True, slots=True)
class VersionFile:
    """A file or folder of a version."""

    name: str
    """The path below the version folder, with `/`."""

    size: int = 0
    """Bytes."""

    source: Path | None = None
    """Where it is read from; None for a folder."""


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """The files and folders of a version."""

    entries: tuple[VersionFile, ...]
    """Sorted by name, each folder before its contents."""

    left_out: tuple[str, ...] = ()
    """Paths, below the version folder, of foreign files."""

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)


def is_foreign(name: str) -> bool:
    """Whether a file of this name is hidden, or was left by a desktop or an editor, so that it belongs to no model."""
    return name.startswith(".") or name.endswith("~") or name in _FOREIGN


def version_files(folder: Path, inside: Path, wanted: Collection[str] = ()) -> VersionFiles:
    """The files of a version folder. Symbolic links are followed as long as they stay in `folder` or `inside`.

    wanted: paths of files that belong to the version even if their names look foreign; its manifest lists them.
    Raises InvalidArgument for a link to elsewhere, a socket, or a name that is not text; PermissionDenied for a file
    that cannot be read; ResourceExhausted for more than `MAX_ENTRIES` entries.
    """
    walk = _Walk((folder.resolve(), inside.resolve()), frozenset(_with_parents(wanted)))
    entries: list[VersionFile] = []
    for entry in walk.below(folder, "", ()):
        if len(entries) == MAX_ENTRIES:
            raise ResourceExhausted(f"{folder} has more than {MAX_ENTRIES:,} files and folders: give a version folder")
        entries.append(entry)
    return VersionFiles(tuple(entries), tuple(walk.left_out))


@dataclass(slots=True)
class _Walk:
    roots: tuple[Path, Path]
    wanted: frozenset[str]
    left_out: list[str] = field(default_factory=list)

    def below(self, folder: Path, prefix: str, above: tuple[Path, ...]) -> Iterator[VersionFile]:
        real = folder.resolve()
        if real in above:
            raise InvalidArgument(
                f"{folder} is a symbolic link to a folder that contains it: put the files themselves there"
            )
        for name in _names(folder):
            if is_foreign(name) and prefix + name not in self.wanted:
                self.left_out.append(prefix + name)
                continue
            yield from self._entry(folder / name, prefix + name, (*above, real))

    def _entry(self, path: Path, name: str, above: tuple[Path, ...]) -> Iterator[VersionFile]:
        found = self._stat(path)
        if stat.S_ISDIR(found.st_mode):
            yield VersionFile(name)
            yield from self.below(path, f"{name}/", above)
        elif stat.S_ISREG(found.st_mode):
            if not os.access(path, os.R_OK):
                raise read_error(path, PermissionError())
            yield VersionFile(name, found.st_size, path)
        else:
            raise InvalidArgument(f"{path} is neither a file nor a folder and cannot be put into an image: remove it")

    def _stat(self, path: Path) -> os.stat_result:
        try:
            if path.is_symlink():
                self._check_link(path)
            return path.stat()
        except PermissionError as error:
            raise read_error(path, error) from error
        except FileNotFoundError as error:
            raise FailedPrecondition(f"{path} disappeared while the image was built: build again") from error

    def _check_link(self, path: Path) -> None:
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
            raise InvalidArgument(f"{path} is a symbolic link to nothing: put the file itself there") from error
        if not any(target.is_relative_to(root) for root in self.roots):
            raise InvalidArgument(
                f"{path} is a symbolic link out of the model's folder, to {target}: put the file itself there"
            )


def _names(folder: Path) -> list[str]:
    try:
        names = sorted(os.listdir(folder), key=os.fsencode)
    except OSError as error:
        raise list_error(folder, error) from error
    for name in names:
        if not name.isprintable():
            raise InvalidArgument(f"{folder} has a file whose name is not printable text, {name!r}: rename it")
    return names


def _with_parents(names: Collection[str]) -> Iterator[str]:
    for name in names:
        parts = name.split("/")
        yield from ("/".join(parts[:end]) for end in range(1, len(parts) + 1))
