"""Certificates of an authority made for a test, by the `openssl` command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pair:
    certificate: Path
    key: Path


def make_authority(folder: Path, name: str) -> Pair:
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    _openssl("req", "-x509", *_NEW, "-keyout", pair.key, "-out", pair.certificate, "-days", 2, "-subj", f"/CN={name}")
    return pair


def issue(authority: Pair, folder: Path, name: str) -> Pair:
    """A certificate for `localhost` and 127.0.0.1, signed by an authority."""
    pair, request, names = (
        Pair(folder / f"{name}.pem", folder / f"{name}.key"),
        folder / f"{name}.csr",
        folder / "names",
    )
    names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    _openssl("req", *_NEW, "-keyout", pair.key, "-out", request, "-subj", f"/CN={name}")
    signer = ["-CA", authority.certificate, "-CAkey", authority.key, "-CAcreateserial", "-extfile", names]
    _openssl("x509", "-req", "-in", request, "-out", pair.certificate, "-days", 2, *signer)
    return pair


def encrypted(pair: Pair, folder: Path) -> Path:
    """The key of a pair in a file for which one needs a passphrase."""
    key = folder / "encrypted.key"
    _openssl("pkey", "-in", pair.key, "-aes256", "-passout", "pass:secret", "-out", key)
    return key


_NEW = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
