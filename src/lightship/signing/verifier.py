"""The key, or the authority of certificates, whose signatures a server accepts."""

from __future__ import annotations

import threading
from pathlib import Path

from lightship.errors import DataLoss, FailedPrecondition, InvalidArgument
from lightship.extras import required
from lightship.signing.keys import is_certificate
from lightship.signing.signature_file import Signed


class Verifier:
    """Verifies signatures with a public key, or with the certificates of authorities, from a PEM file.

    The file is read once. Several threads may use a verifier. Raises InvalidArgument if the file has neither, NotFound
    or PermissionDenied if it cannot be read, and FailedPrecondition if the package model-signing is not installed.
    """

    def __init__(self, key: Path) -> None:
        self.key = key
        certificate = is_certificate(key)
        with required("a server of signed models"):
            from lightship.signing import openssf
        self._openssf = openssf
        try:
            self._library = (openssf.certificate_verifier if certificate else openssf.key_verifier)(key)
        except ValueError as error:
            raise InvalidArgument(
                f"{key} cannot be used to verify signatures: {error}; give a public key of the curve P-256, P-384 or "
                "P-521, or the certificate of an authority"
            ) from error
        self._lock = threading.Lock()  # the library notes in the store of certificates which one it verifies

    def verify(self, file: Path, path: Path) -> Signed:
        """Returns what a signature says.

        file: a copy of the signature that nobody else changes. path: of the signature itself, for errors. Raises
        DataLoss if it does not hold, and FailedPrecondition if it holds but is of no use.
        """
        try:
            with self._lock:
                signed = self._openssf.read_signed(self._library, file)
        except self._openssf.SignatureRefused as error:
            raise DataLoss(
                f"{path} is not a valid signature for the key in {self.key}: {error}. Sign the version with the "
                "private key that belongs to it"
            ) from None
        if not signed.digests:
            raise FailedPrecondition(f"{path} signs no file: sign the version again")
        return signed
