"""`lightship.sign`: signs a version."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from lightship.bundle.bundle import open_bundle
from lightship.errors import FailedPrecondition, InvalidArgument, PermissionDenied
from lightship.extras import required
from lightship.files import read_error
from lightship.saved_model.digests import Digests
from lightship.saved_model.version_files import check_version_files, walk
from lightship.saved_model.version_folder import VersionFolder, find_version
from lightship.signing.keys import check_private_key
from lightship.signing.signature_file import SIGNATURE_FILE, TEMPORARY, is_signature

AnyPath = str | os.PathLike[str]
# Writes the signature into a file, for a name and the digests of files, which may be behind links.
Signer = Callable[[Path, str, Mapping[str, str], bool], None]


def sign(
    folder: AnyPath,
    key: AnyPath,
    *,
    password: str | None = None,
    certificate: AnyPath | None = None,
    chain: Sequence[AnyPath] = (),
    name: str | None = None,
) -> Path:
    """Signs a version, so that a server with `verify_models` loads it, and returns the file of the signature.

    The signature is the file `model.sig` in the version folder. It has the sha256 of every other file, the version
    number and the model's name. Any change of these makes it invalid. The files must not change meanwhile.

    folder: a version folder, such as models/dog/1, or a model's folder, for its newest version.
    key: a PEM file with a private key of the curve P-256, P-384 or P-521.
    password: of an encrypted key.
    certificate: a PEM file with the key's certificate. Servers then verify with the certificate of its authority.
    chain: PEM files with the certificates between that and the authority's.
    name: the name under which the model is served; None for that of its folder.

    Raises NotFound if there is no version or no key, InvalidArgument if the key, its password or the certificate is
    wrong, DataLoss if a file of the version was changed after its export, PermissionDenied if the signature cannot be
    written, and FailedPrecondition if the package model-signing is not installed.
    """
    found = find_version(folder)
    check_name(name)
    _check_key_is_elsewhere(Path(key), found.path)
    signer = _signer(Path(key), password, certificate, chain)
    digests, linked = _digests(found)
    with _written_at_once(found.path / SIGNATURE_FILE) as file:
        signer(file, f"{name or found.model}/{found.version}", digests, linked)
    return found.path / SIGNATURE_FILE


def check_name(name: str | None) -> None:
    """Raises InvalidArgument for a name that no model can be served under."""
    if name is not None and (not name or set(name) & set("/:")):
        raise InvalidArgument(f"name is {name!r}: give the name under which the model is served, without / and :")


def _signer(key: Path, password: str | None, certificate: AnyPath | None, chain: Sequence[AnyPath]) -> Signer:
    """Returns what writes signatures. Raises the errors of `sign` for wrong keys and certificates."""
    encrypted = check_private_key(key)
    with required("signing a model"):
        from lightship.signing import openssf
    try:
        if certificate is None:
            signer = openssf.key_signer(key, password if encrypted else None)
        else:
            signer = openssf.certificate_signer(key, Path(certificate), [Path(one) for one in chain])
    except OSError as error:
        raise read_error(error.filename or certificate or key, error) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidArgument(_wrong_key(key, encrypted, password, certificate, error)) from error
    return partial(openssf.write_signature, signer)


def _check_key_is_elsewhere(key: Path, folder: Path) -> None:
    if Path(os.path.realpath(key)).is_relative_to(os.path.realpath(folder)):
        raise InvalidArgument(
            f"the private key {key} is in the version folder, and would be published with it: keep it elsewhere"
        )


def _digests(found: VersionFolder) -> tuple[dict[str, str], bool]:
    """Returns the sha256 of every file, and whether some are behind links. Raises the errors of `open_bundle`."""
    path = found.path
    check_version_files(path, path.parent)
    digests = Digests(path)
    open_bundle(path, found.model, found.version, digests=digests)  # what is broken is not signed
    entries = [entry for entry in walk(path) if not is_signature(entry.name)]
    signed = {entry.name: digests.of(entry.name).sha256 for entry in entries if entry.is_file}
    for one in signed:
        if not one.isprintable():
            raise InvalidArgument(f"{path} has a file whose name is not printable text, {one!r}: rename it")
    return signed, any(entry.linked for entry in entries if entry.name)


def _wrong_key(key: Path, encrypted: bool, password: str | None, certificate: AnyPath | None, error: Exception) -> str:
    if encrypted and certificate is not None:
        return f"{key} is encrypted, which does not work together with a certificate: give a key that is not"
    if encrypted:
        return f"{key} is encrypted: give its password" if password is None else f"the password of {key} is wrong"
    if isinstance(error, AttributeError):
        return f"{key} is not a key of an elliptic curve: give one of the curve P-256, P-384 or P-521"
    return f"{key} cannot be used to sign{'' if certificate is None else f' with {certificate}'}: {error}"


@contextmanager
def _written_at_once(file: Path) -> Iterator[Path]:
    """Yields another file to write into, and puts it in the place of `file` after the block, flushed to the disk.

    Also removes those that killed processes left behind. Raises PermissionDenied or FailedPrecondition.
    """
    temporary = None
    try:
        for left in file.parent.glob(f"{TEMPORARY}*"):
            left.unlink()
        descriptor, name = tempfile.mkstemp(prefix=TEMPORARY, dir=file.parent)
        os.close(descriptor)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb+") as opened:
            os.fsync(opened.fileno())
        os.chmod(temporary, 0o644)  # it is no secret, and a server may be another user
        os.replace(temporary, file)
    except OSError as error:
        raise _not_written(file.parent, error) from error
    finally:
        if temporary is not None:
            with suppress(OSError):  # it has been renamed
                temporary.unlink()


def _not_written(folder: Path, error: OSError) -> PermissionDenied | FailedPrecondition:
    text = f"the signature cannot be written into {folder}: {error.strerror or error}"
    if isinstance(error, PermissionError):
        return PermissionDenied(f"{text}; give this user the right to write there")
    return FailedPrecondition(f"{text}; the version is signed as it was before")
