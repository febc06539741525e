"""Where a model server is, as users write it: an address, or one that goes on to a model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from lightship.errors import InvalidArgument, Unimplemented

_MODEL_PATH = re.compile(
    r"(?P<prefix>.*?)/v1/models(?:/(?P<model>[^/:]+))?"
    r"(?:/versions/(?P<version>\d{1,19})|/labels/(?P<label>[^/:]+))?(?::predict)?"
)
_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}(/.*)?")
EXAMPLE = "http://127.0.0.1:8501"


@dataclass(frozen=True, slots=True)
class Address:
    """`base` has no `/` at its end and may carry a path, as behind a proxy; the rest is None where not given."""

    base: str
    model: str | None = None
    version: int | None = None
    label: str | None = None


def is_address(text: str) -> bool:
    """Whether a command's argument means a server (`http://...`, `host:8501`) and not a folder."""
    return "://" in text or _HOST_AND_PORT.fullmatch(text) is not None


def parse_address(url: str) -> Address:
    """`http://host:8501`, with `/v1/models/NAME[/versions/N|/labels/L]` behind it or not; names are percent-decoded.

    A missing `http://` is added. Raises InvalidArgument, and Unimplemented for gRPC.
    """
    text = url if "://" in url else f"http://{url}"
    parts = _split(url, text)
    if parts.scheme == "grpc" or parts.scheme == "grpcs":
        raise Unimplemented(f"{url}: gRPC comes in a later release; give the REST address, such as {EXAMPLE}")
    if parts.scheme not in ("http", "https"):
        raise InvalidArgument(f"{url}: {parts.scheme}:// is not spoken here; give an address such as {EXAMPLE}")
    if not parts.hostname or parts.query or parts.fragment:
        raise InvalidArgument(f"{url!r} is not a server's address; give one such as {EXAMPLE}")
    return _with_path(f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/"))


def _split(url: str, text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # reading it checks it
    except ValueError as error:
        raise InvalidArgument(f"{url!r} is not an address ({error}); give one such as {EXAMPLE}") from error
    return parts


def _with_path(origin: str, path: str) -> Address:
    match = _MODEL_PATH.fullmatch(path)
    if match is None:
        return Address(origin + path)
    model, version, label = match["model"], match["version"], match["label"]
    return Address(
        base=origin + match["prefix"],
        model=unquote(model) if model else None,
        version=int(version) if version else None,
        label=unquote(label) if label else None,
    )


def without_password(base: str) -> str:
    """The address as messages may show it."""
    return re.sub(r"//[^/@]*@", "//", base)
