"""URLs of models in object stores: s3://bucket/models/dog, gs://bucket/models/dog, az://container/models/dog."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator

from lightship.errors import InvalidArgument, Unimplemented

# The package that reads the stores of a scheme, by its name in `import`. `memory` is fsspec's own store, for tests.
PACKAGES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "memory": "fsspec",
}
EXAMPLES = "s3://BUCKET/PATH, gs://BUCKET/PATH or az://CONTAINER/PATH"

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/{1,2}(.*)", re.DOTALL)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
# Which server of its kind a URL means, where the tools of that store let the environment say so.
_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "FSSPEC_S3_ENDPOINT_URL"),
    "gs": ("STORAGE_EMULATOR_HOST", "FSSPEC_GCS_ENDPOINT_URL"),
    "az": ("AZURE_STORAGE_ACCOUNT_NAME", "FSSPEC_ABFS_ACCOUNT_NAME"),
}
# The parts of AZURE_STORAGE_CONNECTION_STRING that say the same, and are not secret.
_ACCOUNT = re.compile(r"(?:^|;)\s*((?:AccountName|BlobEndpoint|EndpointSuffix)=[^;]*)", re.IGNORECASE)


def is_url(text: str) -> bool:
    """Returns whether a base path is written as a URL of an object store, or of anything else that is not a folder."""
    found = _URL.match(text)
    return found is not None and len(found[1]) > 1 and found[1].lower() != "file"  # C:/models is a folder of Windows


def is_store_url(text: str) -> bool:
    """Returns whether a base path is written as a URL of an object store that Lightship reads."""
    found = _URL.match(text)
    return found is not None and found[1].lower() in PACKAGES


def checked_url(text: str, model: str) -> str:
    """Returns the URL of a model in an object store in the form in which it is used, without a slash at its end.

    model: the name of the model, for messages; no message has a password. Raises Unimplemented for an unknown scheme,
    and InvalidArgument for a URL that has a password or a query, or that names no bucket.
    """
    found = _URL.match(text)
    scheme = found[1].lower() if found else ""
    if found is None or scheme not in PACKAGES:
        raise Unimplemented(
            f"model {model}: {redacted(text)} is in no place that Lightship can read: give a local folder, or "
            f"{EXAMPLES}"
        )
    if not text[len(found[1]) :].startswith("://"):
        raise InvalidArgument(f"model {model}: {redacted(text)} lacks a slash: write {scheme}://BUCKET/PATH")
    rest = found[2].rstrip("/")
    _check_rest(scheme, rest, f"model {model}: {redacted(text)}")
    return f"{'gs' if scheme == 'gcs' else scheme}://{rest}"


def _check_rest(scheme: str, rest: str, named: str) -> None:
    bucket = rest.partition("/")[0]
    if "@" in bucket and (":" in bucket or not scheme.startswith("abfs")):
        raise InvalidArgument(
            f"{named} has a user or a password: remove it, and give the keys as the tools of that store take them, "
            "such as in environment variables"
        )
    if "?" in rest or "#" in rest:
        raise InvalidArgument(f"{named} has a query or a fragment: give only {scheme}://BUCKET/PATH")
    if not bucket:
        raise InvalidArgument(f"{named} names no bucket: write {scheme}://BUCKET/PATH")
    if _UNPRINTABLE.search(rest) or {"", ".", ".."} & set(rest.split("/")):
        raise InvalidArgument(f"{named} has an empty part, '.', '..' or a control character: write the plain path")


def redacted(text: str) -> str:
    """Returns a URL without what may be secret in it: a user, a password, a query."""
    found = _URL.match(text)
    if found is None:
        return text
    rest = re.split(r"[?#]", found[2], maxsplit=1)[0]
    user, at, host = rest.partition("/")[0].rpartition("@")
    if at and (":" in user or not found[1].lower().startswith("abfs")):
        rest = f"***@{host}{rest[len(user) + 1 + len(host) :]}"
    return _UNPRINTABLE.sub("?", f"{found[1]}://{rest}")


def model_name(url: str) -> str:
    """Returns the name under which a model is served if none was given: the last part of its URL."""
    return url.rstrip("/").rpartition("/")[2]


def place_id(url: str) -> str:
    """Returns what names a model's place in the cache: the URL, and the server that the environment says it is on."""
    scheme = url.partition(":")[0]
    kind = "az" if scheme.startswith("abfs") else scheme
    named = [os.environ.get(name, "") for name in _ENDPOINTS.get(kind, ())]
    if kind == "az":
        named += _account(os.environ.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    return hashlib.sha256("\0".join([url, *named]).encode()).hexdigest()[:32]


def _account(connection: str) -> Iterator[str]:
    return (found[1] for found in _ACCOUNT.finditer(connection))
