"""Copies of signed versions, which a server loads in place of folders that others may write to.

Somebody who can write to a version folder may change a file after it was verified and before it is read, and change it
back. So a server reads every file once: into a folder of its own, for the digest that was signed. What is loaded, now
and later, is this copy. A file that was not signed is never in it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from lightship.bundle.manifest import MANIFEST_FILE
from lightship.engines.scratch import Scratch
from lightship.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from lightship.files import read_error
from lightship.lifecycle.servable import ServableId
from lightship.lifecycle.version_copy import VersionCopy
from lightship.saved_model.digests import FileDigest
from lightship.saved_model.version_files import listed, open_file, read_file, walk
from lightship.saved_model.versions import version_number
from lightship.signing.signature_file import MAX_BYTES, SIGNATURE_FILE, Signed, check_path
from lightship.signing.verifier import Verifier

_CHUNK = 1 << 20  # bytes


class VerifiedCopies:
    """Copies versions whose signature holds. It is a `CopyVersion`.

    parent: returns the folder for the copies. A copy that a killed process left behind is removed by a later one.
    """

    def __init__(self, verifier: Verifier, parent: Callable[[], Path]) -> None:
        self._verifier, self._parent = verifier, parent

    def __call__(self, id: ServableId, path: Path) -> VersionCopy:
        """Copies a version folder, which may change meanwhile.

        Raises FailedPrecondition if it is not signed, or was signed as another version or model, DataLoss if the
        signature does not hold or a file is missing, unsigned or changed, and ResourceExhausted if it does not fit.
        """
        parent = self._parent()
        try:
            work = Scratch(parent)
        except OSError as error:
            raise _not_copied(path, parent, error) from error
        try:
            signed = self._signed(path, work.path / SIGNATURE_FILE)
            _check_name(signed.name, id, path)
            _check_files(signed, path)
            return VersionCopy(work.path / "version", _copy(signed, path, work.path / "version"), work.remove)
        except OSError as error:
            work.remove()
            raise _not_copied(path, parent, error) from error
        except BaseException:
            work.remove()
            raise

    def _signed(self, path: Path, copy: Path) -> Signed:
        try:
            content = read_file(path / SIGNATURE_FILE, MAX_BYTES)
        except NotFound:
            raise FailedPrecondition(
                f"{path} is not signed: it has no {SIGNATURE_FILE}, and this server loads only versions that are "
                f"signed with the key in {self._verifier.key}; sign it with `lightship sign {path} --key private.pem`"
            ) from None
        copy.write_bytes(content)
        return self._verifier.verify(copy, path / SIGNATURE_FILE)


def _check_name(name: str, id: ServableId, path: Path) -> None:
    """Raises FailedPrecondition if a version was signed with another number, or for another model.

    Else an old version that should no longer answer, signed as it is, could be put there as the newest one. A name
    without a number says nothing, because model-signing takes that of the folder that is signed.
    """
    model, _, number = name.rpartition("/")
    version = version_number(number)
    if version is not None and version != id.version:
        raise FailedPrecondition(
            f"{path} was signed as version {version}, so it may not answer as version {id.version}: put it into a "
            f"folder named {version}, or sign it again where it is"
        )
    if model and version is not None and model not in (id.name, path.parent.name):
        raise FailedPrecondition(
            f"{path} was signed for the model {model}, so it may not answer for {id.name}: sign it with "
            f"`lightship sign {path} --key private.pem --name {id.name}`"
        )


def _check_files(signed: Signed, path: Path) -> None:
    """Raises DataLoss if a file is missing or was not signed. Looks at names only."""
    for name in signed.digests:
        try:
            check_path(name)
        except InvalidArgument as error:
            raise DataLoss(f"{path / SIGNATURE_FILE}: {error.message}") from error
    there = {entry.name for entry in walk(path) if entry.is_file}
    if missing := signed.digests.keys() - there:
        raise DataLoss(f"{path} was changed after it was signed: {listed(missing)} missing; {_remedy(path)}")
    if others := [name for name in there - signed.digests.keys() if not signed.leaves_out(name)]:
        raise DataLoss(
            f"{path} was changed after it was signed: {listed(others)} was added; remove it, or {_remedy(path)}"
        )


def _copy(signed: Signed, path: Path, target: Path) -> dict[str, FileDigest]:
    _check_space(signed.digests, path, target.parent)
    target.mkdir(mode=0o700)
    copied = {}
    for name, wanted in signed.digests.items():
        copy = target / name
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copied[name] = got = _copy_file(path / name, copy)
        if got.sha256 != wanted:
            raise DataLoss(
                f"{path / name} was changed after it was signed: its sha256 is {got.sha256[:12]}..., but "
                f"{wanted[:12]}... was signed; {_remedy(path)}"
            )
    return copied


def _copy_file(file: Path, copy: Path) -> FileDigest:
    """Copies as many bytes as the file has when it is opened, so that a growing one ends."""
    digest = hashlib.sha256()
    with open_file(file) as source, copy.open("xb") as target:
        size = left = os.fstat(source.fileno()).st_size
        while left:
            try:
                chunk = source.read(min(left, _CHUNK))
            except OSError as error:
                raise read_error(file, error) from error
            if not chunk:
                break
            digest.update(chunk)
            target.write(chunk)
            left -= len(chunk)
    return FileDigest(size - left, digest.hexdigest())


def _check_space(names: Collection[str], path: Path, parent: Path) -> None:
    needed, free = sum(_size(path / name) for name in names), shutil.disk_usage(parent).free
    if needed > free:
        raise ResourceExhausted(
            f"{path} has {needed:,} bytes, and its verified copy does not fit into {parent.parent}, which has {free:,} "
            "bytes left: free space there, or choose another folder with --cache-dir or LIGHTSHIP_CACHE_DIR"
        )


def _size(file: Path) -> int:
    try:
        return os.stat(file).st_size
    except OSError:  # it went meanwhile, which copying it will tell
        return 0


def _not_copied(path: Path, parent: Path, error: OSError) -> ResourceExhausted | FailedPrecondition:
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
        return ResourceExhausted(
            f"the verified copy of {path} does not fit into {parent}: {error.strerror}; free space there, or choose "
            "another folder with --cache-dir or LIGHTSHIP_CACHE_DIR"
        )
    return FailedPrecondition(
        f"the verified copy of {path} cannot be written into {parent}: {error.strerror or error}; choose a folder that "
        "this user may write to with --cache-dir or LIGHTSHIP_CACHE_DIR"
    )


def _remedy(path: Path) -> str:
    if (path / MANIFEST_FILE).is_file():  # a bundle that was changed after its export cannot be signed
        return "copy the complete version again, or export and sign it again"
    return f"copy the complete version again, or sign it again with `lightship sign {path} --key private.pem`"
