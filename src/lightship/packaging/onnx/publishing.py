"""Adds ONNX files to a version that exists, so that a server sees all of a file or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lightship.bundle.manifest import EXTRAS, MANIFEST_FILE, Manifest, renew_digests
from lightship.engines.onnxruntime.files import is_onnx_file
from lightship.errors import FailedPrecondition, LightshipError, NotFound, PermissionDenied, ResourceExhausted
from lightship.locks import wait_for_lock
from lightship.packaging.onnx.converting import Conversion, convert_to_onnx, reasons
from lightship.packaging.progress import Progress, ProgressOption, shown_progress
from lightship.packaging.publishing import flush_all, staging_folder
from lightship.saved_model.digests import Digests
from lightship.saved_model.version_files import check_version_files, walk
from lightship.saved_model.version_folder import VersionFolder

_SIGNED = "model.sig"
_LOCK = ".lock-of-onnx"


def add_onnx(found: VersionFolder, precisions: Sequence[str], progress: ProgressOption = None) -> list[Conversion]:
    """Makes the ONNX files of a version, in place of those that it has. Returns what became of each signature.

    The version is not changed if no signature converts. Digests in its manifest are renewed.

    Raises FailedPrecondition if no signature converts, if the version is signed, or if a package is missing; DataLoss
    if the version's files were changed after its export; PermissionDenied or ResourceExhausted if the files cannot be
    written.
    """
    version = found.path
    check_version_files(version)
    if (version / _SIGNED).exists():
        raise FailedPrecondition(
            f"{version} is signed, and further files make its signature invalid: remove {version / _SIGNED}, convert, "
            "and sign the version again"
        )
    _verify(version)
    with (
        _writing(version),
        shown_progress(progress) as report,
        staging_folder(version.resolve().parent) as staging,
        _locked(version),
    ):
        made = convert_to_onnx(version, staging, precisions, report)
        files = _files_of(made)
        _install(version, staging, files)
        report.done(f"wrote {len(files)} {'file' if len(files) == 1 else 'files'} into {version / EXTRAS}")
    return made


def add_onnx_to_new(version: Path, report: Progress) -> None:
    """Makes the ONNX files of a version that is not published yet. Shows which signatures do not convert, and why.

    Raises FailedPrecondition if none does, or if a package is missing.
    """
    with _writing(version), staging_folder(version) as staging:
        made = convert_to_onnx(version, staging, ["f32"], report)
        _install(version, staging, _files_of(made))
    for one in made:
        if one.reason:
            report(f"{one.signature} is not converted to ONNX: {one.reason}")


def _files_of(made: Sequence[Conversion]) -> list[str]:
    """Raises FailedPrecondition if there are none."""
    files = [one.file for one in made if one.file]
    if not files:
        raise FailedPrecondition(f"no signature converts to ONNX: {reasons(made)}")
    return files


def _verify(version: Path) -> None:
    """Digests of changed files must not be renewed. A plain SavedModel has none."""
    with suppress(NotFound):
        Manifest.read(version).verify(version)


def _install(version: Path, staging: Path, files: Sequence[str]) -> None:
    """Moves files into `assets.extra`, in place of those of an earlier conversion.

    The manifest names neither the old nor the new ones meanwhile, so that the version is complete at any time.
    """
    with suppress(FileNotFoundError):
        (staging / ".log").unlink()
    flush_all(staging)
    extras = version / EXTRAS
    extras.mkdir(exist_ok=True)
    old = [entry.name for entry in walk(version) if is_onnx_file(entry.name)]
    has_manifest = (version / MANIFEST_FILE).exists()
    if has_manifest:
        renew_digests(version, {}, without=old)
    for name in files:
        os.replace(staging / name, extras / name)
    new = [f"{EXTRAS}/{name}" for name in files]
    for name in set(old) - set(new):
        (version / name).unlink()
    if has_manifest:
        digests = Digests(version)
        renew_digests(version, {name: digests.of(name) for name in new})


@contextmanager
def _locked(version: Path) -> Iterator[None]:
    """Lets one conversion of a version after the other into the block, where the file system has locks."""
    try:
        lock = wait_for_lock(version, version.parent / f"{_LOCK}-{version.name}")
    except OSError:
        yield
        return
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _writing(version: Path) -> Iterator[None]:
    try:
        yield
    except LightshipError:
        raise
    except PermissionError as error:
        raise PermissionDenied(
            f"{error.filename or version} cannot be written: give this user the right to write there"
        ) from error
    except OSError as error:
        raise ResourceExhausted(
            f"the ONNX files cannot be written into {version}: {error.strerror or error}"
        ) from error
