"""Certificates of an authority made for a test, by the `openssl` command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import datetime
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


def issue_dated(authority: Pair, folder: Path, name: str, begins: datetime, ends: datetime) -> Pair:
    """A certificate like that of `issue`, but valid at other times. Both are in UTC."""
    pair, made = issue(authority, folder, name), folder / f"{name}-ca"
    made.mkdir()
    made.joinpath("index").touch()
    made.joinpath("config").write_text(_CA_CONFIG.format(folder=made))
    signer = ["-cert", authority.certificate, "-keyfile", authority.key, "-extfile", folder / "names"]
    dates = ["-startdate", f"{begins:%Y%m%d%H%M%SZ}", "-enddate", f"{ends:%Y%m%d%H%M%SZ}"]
    request, config = folder / f"{name}.csr", made / "config"
    _openssl("ca", "-batch", "-notext", "-config", config, *signer, "-in", request, "-out", pair.certificate, *dates)
    return pair


def encrypted(pair: Pair, folder: Path) -> Path:
    """The key of a pair in a file for which one needs a passphrase."""
    key = folder / "encrypted.key"
    _openssl("pkey", "-in", pair.key, "-aes256", "-passout", "pass:secret", "-out", key)
    return key


_CA_CONFIG = """
[ca]
default_ca = made
[made]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = names
[names]
commonName = supplied
"""
_NEW = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
