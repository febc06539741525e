"""What Lightship uses of OpenSSF's model-signing. Only this module imports it, which takes most of a second.

A signature is a Sigstore bundle of version 0.3, with an in-toto statement: the sha256 of every file of a version. It is
read and checked by model-signing; its command `model_signing verify` reads Lightship's, and Lightship reads those of
`model_signing sign`. See https://github.com/sigstore/model-transparency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID
from model_signing import hashing, manifest, signing
from model_signing._hashing.hashing import Digest
from model_signing._signing import sign_certificate, sign_ec_key
from model_signing._signing.sign_sigstore_pb import Signature
from model_signing.manifest import Manifest, SerializationType
from OpenSSL.crypto import X509StoreContextError

from lightship.signing.signature_file import SIGNATURE_FILE, Signed

__all__ = ["certificate_signer", "certificate_verifier", "key_signer", "key_verifier", "read_signed", "write_signature"]

LibraryVerifier = sign_certificate.Verifier | sign_ec_key.Verifier

_METHOD, _ALGORITHM = "files", "sha256"


class SignatureRefused(Exception):
    """A signature does not hold. The text says why, without the file's name."""


def key_verifier(public_key: Path) -> LibraryVerifier:
    """Returns a verifier for signatures with one key. Raises ValueError for a key that is not supported."""
    try:
        return sign_ec_key.Verifier(public_key)
    except AttributeError:  # of a key that has no curve
        raise ValueError("it is not a key of an elliptic curve") from None


def certificate_verifier(certificates: Path) -> LibraryVerifier:
    """Returns a verifier for signatures with certificates that these authorities issued. Raises ValueError."""
    return sign_certificate.Verifier([certificates])


def key_signer(key: Path, password: str | None) -> signing.Config:
    """Returns what signs with a private key. Raises ValueError or TypeError for a wrong key or password."""
    secret: Any = None if password is None else password.encode()  # annotated as text, but has to be bytes
    config = signing.Config()  # type: ignore[no-untyped-call]
    return config.use_elliptic_key_signer(private_key=key, password=secret)


def certificate_signer(key: Path, certificate: Path, chain: Sequence[Path]) -> signing.Config:
    """Returns what signs with a private key and its certificate. Raises ValueError or TypeError if these are wrong."""
    config = signing.Config()  # type: ignore[no-untyped-call]
    # The library refuses an empty chain; a certificate that is there twice does no harm.
    signer = config.use_certificate_signer(
        private_key=key, signing_certificate=certificate, certificate_chain=chain or [certificate]
    )
    if not _may_sign(x509.load_pem_x509_certificate(certificate.read_bytes()).extensions):
        raise ValueError(
            "the certificate has neither the key usage digitalSignature nor the extended key usage codeSigning, so no "
            "server would accept the signature"
        )
    return signer


def _may_sign(extensions: x509.Extensions) -> bool:
    """Returns what the library's verifier, but not its signer, asks a certificate for."""
    for one in extensions:
        if isinstance(one.value, x509.KeyUsage) and one.value.digital_signature:
            return True
        if isinstance(one.value, x509.ExtendedKeyUsage) and ExtendedKeyUsageOID.CODE_SIGNING in one.value:
            return True
    return False


class _KnownDigests(hashing.Config):
    """Digests that were computed before, in place of model-signing's own reading of a folder."""

    def __init__(self, known: Manifest) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._known = known

    def hash(self, model_path: object, *, files_to_hash: object = None) -> Manifest:
        return self._known


def write_signature(signer: signing.Config, file: Path, name: str, digests: Mapping[str, str], linked: bool) -> None:
    """Signs the sha256 of each file, by its path, and writes the signature into `file`.

    linked: whether links lead to some of the files; `model_signing verify` refuses links otherwise.
    """
    arguments = {"method": _METHOD, "hash_type": _ALGORITHM, "allow_symlinks": linked, "ignore_paths": [SIGNATURE_FILE]}
    serialization = SerializationType.from_args(arguments)
    items = [serialization.new_item(path, Digest(_ALGORITHM, bytes.fromhex(one))) for path, one in digests.items()]
    known = _KnownDigests(manifest.Manifest(name, items, serialization))
    signer.set_hashing_config(known).sign(file.parent, file)


def read_signed(verifier: LibraryVerifier, file: Path) -> Signed:
    """Returns what the signature in a file says, once it is known to be from the verifier's key or authority.

    The file may hold anything. Raises `SignatureRefused` if the signature does not hold.
    """
    signature = _parsed(file)
    if isinstance(verifier, sign_ec_key.Verifier):
        _check_has_key(signature)
    elif signature.bundle.verification_material.x509_certificate_chain is None:
        raise SignatureRefused("it was made with a key, not with a certificate")
    try:
        found = verifier.verify(signature)
    except InvalidSignature:
        raise SignatureRefused("its content was changed, or signed with another key") from None
    except X509StoreContextError as error:
        raise SignatureRefused(f"its certificate is not trusted: {_first_line(error)}") from None
    except Exception as error:  # whatever else the library raises for bytes that nobody vouches for
        if "key hash" in str(error):
            raise SignatureRefused("it was made with another key") from None
        raise SignatureRefused(_first_line(error)) from None
    return _signed(found)


def _parsed(file: Path) -> Signature:
    try:
        return Signature.read(file)
    except Exception as error:
        raise SignatureRefused(f"it is not a signature of model-signing: {_first_line(error)}") from None


def _check_has_key(signature: Signature) -> None:
    """Raises `SignatureRefused` for a signature with a certificate, and for those that do not name their key."""
    key = signature.bundle.verification_material.public_key
    if key is None:
        raise SignatureRefused("it was made with a certificate or through Sigstore, not with a key")
    if not key.hint:
        raise SignatureRefused(
            "an old version of model-signing wrote it, without the digest of the key: sign the version again"
        )


def _signed(found: Manifest) -> Signed:
    description = found.serialization_type
    resources = list(found.resource_descriptors())
    algorithms = {one.digest.algorithm for one in resources}
    if description["method"] != _METHOD or algorithms - {_ALGORITHM}:
        kinds = " and ".join(sorted(algorithms))
        raise SignatureRefused(
            f"it has the digests of {description['method']} by {kinds}, but only those of files by sha256 are "
            "verified: sign with `lightship sign`, or without other methods of hashing"
        )
    digests = {one.identifier: one.digest.digest_hex for one in resources}
    return Signed(found.model_name, digests, tuple(str(one) for one in description.get("ignore_paths", ())))


def _first_line(error: Exception) -> str:
    text = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
