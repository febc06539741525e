"""The files of which a version was loaded. Signatures that are first needed later are read from them, too."""

from __future__ import annotations

import os
from pathlib import Path

from lightship.errors import FailedPrecondition, LightshipError
from lightship.saved_model.digests import Digests, FileDigest
from lightship.saved_model.version_files import walk
from lightship.saved_model.versions import SAVED_MODEL_FILE, SAVED_MODEL_TEXT, TFLITE_FILE

_NAMES = (SAVED_MODEL_FILE, SAVED_MODEL_TEXT, TFLITE_FILE)
_FOLDERS = ("variables/", "assets/")


class FilesChanged(FailedPrecondition):
    """The files are those of another model now. They may be restored, so the error need not be the last word."""


class LoadedFiles:
    """Knows whether the graph, the weights and the assets in a folder are still those of which a version was loaded.

    digests: of the files in the folder. One that is known shows that a file with another time is the same.
    """

    def __init__(self, folder: Path, digests: Digests | None) -> None:
        self._folder, self._digests = folder, digests
        self._loaded = _stamps(folder)
        self._known: dict[str, FileDigest] = {}
        self.remember_digests()

    def remember_digests(self) -> None:
        """Remembers the digests that are known now: without a manifest, they are computed while an engine loads."""
        if self._digests is None:
            return
        for name, stamp in self._loaded.items():
            digest = self._digests.known(name)
            if digest is not None and self._stamp(name) == stamp:
                self._known[name] = digest

    def require_same(self, signature: str) -> None:
        """Raises FilesChanged, which names the signature, if a file was changed or removed. Further ones are no change.

        A signature of the new files would not fit to those that are loaded, nor to the labels.
        """
        now = _stamps(self._folder)
        if all(now.get(name) == stamp or self._is_same(name) for name, stamp in self._loaded.items()):
            return
        raise FilesChanged(
            f"the files in {self._folder} were changed or removed after this version was loaded, and its signature "
            f'"{signature}" is needed now: restore the files, or export a new version'
        )

    def _stamp(self, name: str) -> tuple[int, int] | None:
        try:
            return _stamp_of(os.stat(self._folder / name))
        except OSError:
            return None

    def _is_same(self, name: str) -> bool:
        """Returns whether a file has the content of which the version was loaded. Reads it."""
        wanted = self._known.get(name)
        try:
            return wanted is not None and self._digests is not None and self._digests.of(name) == wanted
        except (LightshipError, OSError):
            return False


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Returns the size and the modification time, in nanoseconds, of each file that an engine reads."""
    files = (one for one in walk(folder) if one.is_file and (one.name in _NAMES or one.name.startswith(_FOLDERS)))
    return {one.name: _stamp_of(one.status) for one in files}


def _stamp_of(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns
