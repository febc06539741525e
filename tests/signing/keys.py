"""Keys and certificates for signatures, made by the `openssl` command as the guide says."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple


class Keys(NamedTuple):
    private: Path
    public: Path


def make_keys(folder: Path, name: str = "signer", curve: str = "prime256v1") -> Keys:
    keys = Keys(folder / f"{name}-private.pem", folder / f"{name}-public.pem")
    openssl("ecparam", "-name", curve, "-genkey", "-noout", "-out", keys.private)
    openssl("ec", "-in", keys.private, "-pubout", "-out", keys.public)
    return keys


def encrypted(key: Path, password: str) -> Path:
    target = key.with_name(f"encrypted-{key.name}")
    openssl("pkcs8", "-topk8", "-in", key, "-out", target, "-passout", f"pass:{password}")
    return target


def make_authority(folder: Path, name: str = "authority") -> Keys:
    """A key and the certificate of an authority that signs itself."""
    keys = Keys(folder / f"{name}-private.pem", folder / f"{name}-certificate.pem")
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", keys.private)
    usage = ["-addext", "keyUsage=critical,keyCertSign"]
    openssl(
        "req", "-x509", "-new", "-key", keys.private, "-out", keys.public, "-days", 2, "-subj", f"/CN={name}", *usage
    )
    return keys


def issue(authority: Keys, folder: Path, name: str = "signer", usage: str = "digitalSignature") -> Keys:
    """A key and its certificate from an authority."""
    keys = Keys(folder / f"{name}-private.pem", folder / f"{name}-certificate.pem")
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    extensions.write_text(f"keyUsage=critical,{usage}\n")
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", keys.private)
    openssl("req", "-new", "-key", keys.private, "-out", request, "-subj", f"/CN={name}")
    signer = ["-CA", authority.public, "-CAkey", authority.private, "-CAcreateserial", "-extfile", extensions]
    openssl("x509", "-req", "-in", request, "-out", keys.public, "-days", 2, *signer)
    return keys


def openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
