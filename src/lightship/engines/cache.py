"""Compiled models, kept from one start to the next.

An entry is a folder: the compiled models, and an index with the digest of each of them and of itself. Damaged or
incomplete entries are ignored. Only the owner may write to the folder, because a compiled model decides what a server
answers.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lightship.engines.scratch import scratch, sweep

logger = logging.getLogger(__name__)

DEFAULT_MAX_BYTES = 4 << 30
# Also of those that say why nothing was compiled, which are small.
DEFAULT_MAX_ENTRIES = 4096
_FORMAT = 1
_INDEX = "index.json"
_KEY = re.compile("[0-9a-f]{64}")


class Damaged(Exception):
    """An entry's file is not what the index says."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was kept under one key: a JSON object, and files by their names."""

    info: Mapping[str, Any]
    # The digest and the content or place of each file.
    files: Mapping[str, tuple[str, bytes | Path]]

    def blob(self, name: str) -> bytes:
        """A file's content, in memory of the caller's own. Raises Damaged where it is not what was written."""
        digest, kept = self.files[name]
        try:
            content = kept if isinstance(kept, bytes) else kept.read_bytes()
        except OSError as error:
            raise Damaged(f'the compiled model "{name}" cannot be read: {error}') from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise Damaged(f'the compiled model "{name}" was changed after it was written')
        return content


class CompiledCache:
    """Entries in a folder, or none where no folder can be written: then each compilation is used once.

    folder: None for the user's own cache folder. max_bytes, max_entries: beyond, entries that were not used for longest
    go.
    """

    def __init__(
        self,
        folder: Path | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_entries: int = DEFAULT_MAX_ENTRIES,
    ) -> None:
        self._folder = _usable(folder or default_folder())
        self._max_bytes, self._max_entries = max_bytes, max_entries
        self._parent = self._folder or _temporary()
        sweep(self._parent)

    def get(self, key: str) -> Entry | None:
        """The entry of a key; None if there is none, or it is damaged, in which case it is removed."""
        if self._folder is None:
            return None
        place = self._folder / key
        try:
            entry = _read(place)
            os.utime(place / _INDEX)
        except (OSError, ValueError, KeyError, TypeError):
            if place.exists():
                self._remove(place)
            return None
        return entry

    def put(self, key: str, info: Mapping[str, Any], work: Path) -> Entry:
        """Keeps the files of a folder that `workplace` gave. What another process kept meanwhile is as good."""
        names = sorted(file.name for file in work.iterdir()) if work.is_dir() else []
        digests = {name: _digest(work / name) for name in names}
        place = self._folder / key if self._folder is not None else None
        if place is None or not _write_index(work / _INDEX, {"info": dict(info), "files": digests}):
            return _in_memory(info, digests, work)
        if not _renamed(work, place):  # another process was quicker, or left something damaged, which get removes
            found = self.get(key)
            if found is not None:
                return found
            if not _renamed(work, place):
                return _in_memory(info, digests, work)
        self._make_room(place)
        return Entry(info, {name: (digest, place / name) for name, digest in digests.items()})

    def forget(self, key: str) -> None:
        if self._folder is not None:
            self._remove(self._folder / key)

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """An empty folder for one compilation; what is left of it at the end is removed."""
        with ExitStack() as stack:
            try:
                work = stack.enter_context(scratch(self._parent))
            except OSError as error:
                logger.warning("compiled models cannot be written anywhere: %s", error)
                work = Path(os.devnull) / "none"
            yield work

    def _remove(self, place: Path) -> None:
        """Renamed first, so that nobody finds half of it."""
        try:
            with scratch(place.parent) as gone:
                place.rename(gone / "entry")
        except OSError as error:
            logger.debug("the cache entry %s was not removed: %s", place.name, error)

    def _make_room(self, newest: Path) -> None:
        try:
            self._remove_oldest(newest)
        except OSError as error:
            logger.warning("the cache of compiled models cannot be looked through: %s", error)

    def _remove_oldest(self, newest: Path) -> None:
        assert self._folder is not None
        entries = [
            (_last_used(place), _size(place), place)
            for place in self._folder.iterdir()
            if _KEY.fullmatch(place.name) and place != newest  # whatever else lies here is not ours
        ]
        total, number = _size(newest) + sum(size for _, size, _ in entries), len(entries) + 1
        for _, size, place in sorted(entries):
            if total <= self._max_bytes and number <= self._max_entries:
                return
            self._remove(place)
            total, number = total - size, number - 1


def default_folder() -> Path | None:
    """LIGHTSHIP_CACHE_DIR, or lightship in the user's cache folder; None for a user without a home folder."""
    named = os.environ.get("LIGHTSHIP_CACHE_DIR")
    if named:
        return Path(named)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "lightship" if os.path.isabs(home) else None


def cache_key(parts: Mapping[str, Any]) -> str:
    """A name for what depends on these parts, on the versions of Lightship and OpenVINO, and on the processor."""
    whole = {
        **parts,
        "format": _FORMAT,
        "lightship": version("lightship"),
        "openvino": version("openvino"),
        "processor": _processor(),
        "code": _code(),
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def digest_of_folder(folder: Path, patterns: Sequence[str] = ("*",)) -> str:
    """A digest of the names and contents of all files of a folder, such as a version's."""
    files = sorted(file for pattern in patterns for file in folder.rglob(pattern) if file.is_file())
    lines = [f"{file.relative_to(folder)} {_digest(file)}" for file in files]
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


@cache
def _code() -> str:
    """A digest of the engines' own files: a developer changes them without changing the version."""
    return digest_of_folder(Path(__file__).parent, ("*.py", "*.json"))


@cache
def _processor() -> str:
    """The processor's name and what it can do: compiled models hold its instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    told = sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _usable(folder: Path | None) -> Path | None:
    """The folder, made if it is not there; None, which is logged, where it cannot be used or is not the user's
    own."""
    if folder is None:
        logger.info("compiled models are kept in memory alone: this user has no home folder")
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            logger.warning("%s is not used as a cache: it belongs to another user, or others may write to it", folder)
            return None
        with scratch(folder):
            return folder
    except OSError as error:
        logger.info("compiled models are kept in memory alone: %s", error)
        return None


def _temporary() -> Path:
    """Memory where there is some; else the system's folder of temporary files; no folder at all where there is none."""
    if os.access("/dev/shm", os.W_OK):
        return Path("/dev/shm")
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return Path(os.devnull)


def _in_memory(info: Mapping[str, Any], digests: Mapping[str, str], work: Path) -> Entry:
    return Entry(info, {name: (digest, (work / name).read_bytes()) for name, digest in digests.items()})


def _renamed(work: Path, place: Path) -> bool:
    try:
        work.rename(place)
    except OSError:
        return False
    return True


def _read(place: Path) -> Entry:
    index = json.loads((place / _INDEX).read_bytes())
    if not isinstance(index, dict):
        raise ValueError(f"the index of {place} is not a JSON object")
    digest = index.pop("digest")
    if index["format"] != _FORMAT or digest != _digest_of(index):
        raise ValueError(f"the index of {place} was changed")
    files = {name: (sha256, place / name) for name, sha256 in index["files"].items()}
    if not all((place / name).is_file() for name in files):
        raise ValueError(f"{place} is not complete")
    return Entry(index["info"], files)


def _write_index(file: Path, content: Mapping[str, Any]) -> bool:
    """Whether there was room for it."""
    index = {"format": _FORMAT, **content}
    try:
        with file.open("xb") as opened:
            opened.write(json.dumps({**index, "digest": _digest_of(index)}).encode())
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        logger.warning("a compiled model is not kept: %s", error)
        return False
    return True


def _digest_of(index: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(index, sort_keys=True).encode()).hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _size(place: Path) -> int:
    try:
        return sum(file.stat().st_size for file in place.iterdir())
    except OSError:
        return 0


def _last_used(place: Path) -> float:
    try:
        return (place / _INDEX).stat().st_mtime
    except OSError:
        return 0.0
