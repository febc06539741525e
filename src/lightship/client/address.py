"""Parses the addresses of servers and of models on them, as users write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import SplitResult, unquote, urlsplit

from lightship.errors import InvalidArgument

_MODEL_PATH = re.compile(
    r"(?P<prefix>.*?)/v1/models(?:/(?P<model>[^/:]+))?"
    r"(?:/versions/(?P<version>\d{1,19})|/labels/(?P<label>[^/:]+))?(?::predict)?"
)
_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}(/.*)?")
_GRPC_MODEL_PATH = re.compile(
    r"/(?:v1/models/)?(?P<model>[^/:]+)(?:/versions/(?P<version>\d{1,19})|/labels/(?P<label>[^/:]+))?"
)
EXAMPLE = "http://127.0.0.1:8501"
GRPC_EXAMPLE = "grpc://127.0.0.1:8500"
GRPC_PORT = 8500  # TensorFlow Serving's default
CHECK_ADDRESS = "this is probably not a model server: check the address"
_SCHEMES = ("http", "https", "grpc", "grpcs", "grpc+unix")


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of an address: the server, and the model and version that it names."""

    base: str
    """The server, without a final `/`. Over HTTP it may have a path, as behind a proxy."""

    model: str | None = None
    version: int | None = None
    label: str | None = None


def is_address(text: str) -> bool:
    """Whether a command's argument is a server (`http://...`, `host:8501`) and not a folder."""
    return "://" in text or _HOST_AND_PORT.fullmatch(text) is not None


def speaks_grpc(base: str) -> bool:
    return base.startswith("grpc")


def parse_address(url: str) -> Address:
    """Parses `http://host:8501` or `grpc://host:8500`, with or without `/v1/models/NAME[/versions/N|/labels/L]`.

    A gRPC address may end in `/NAME` instead. `grpc+unix:///path` is the socket at a path, without a model. Names are
    percent-decoded, and a missing `http://` is added. Raises InvalidArgument.
    """
    text = url if "://" in url else f"http://{url}"
    parts = _split(url, text)
    if parts.scheme not in _SCHEMES:
        nearest = get_close_matches(parts.scheme, _SCHEMES, 1)
        meant = f"; did you mean {nearest[0]}://?" if nearest else ""
        raise InvalidArgument(
            f"{url}: {parts.scheme}:// is not supported{meant}; give an address such as {EXAMPLE} or {GRPC_EXAMPLE}"
        )
    if parts.scheme == "grpc+unix":
        return _socket_address(url, parts)
    if not parts.hostname or parts.query or parts.fragment:
        raise InvalidArgument(f"{url!r} is not a server's address; give one such as {EXAMPLE} or {GRPC_EXAMPLE}")
    if speaks_grpc(parts.scheme):
        return _grpc_address(url, parts)
    return _with_path(f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/"))


def _socket_address(url: str, parts: SplitResult) -> Address:
    if parts.netloc or not parts.path.strip("/"):
        raise InvalidArgument(f"{url!r} has no path of a socket; give one, such as grpc+unix:///run/lightship.sock")
    return Address(f"grpc+unix://{parts.path}")


def _grpc_address(url: str, parts: SplitResult) -> Address:
    """gRPC has no URL paths, so a path can only name a model."""
    if "@" in parts.netloc:
        raise InvalidArgument("a gRPC address cannot have a user and a password; give headers={'authorization': ...}")
    origin = f"{parts.scheme}://{parts.netloc}{'' if parts.port else f':{GRPC_PORT}'}"
    path = parts.path.rstrip("/")
    if path in ("", "/v1/models"):
        return Address(origin)
    match = _GRPC_MODEL_PATH.fullmatch(path)
    if match is None:
        raise InvalidArgument(f"{url!r} is not a server's address; give {origin}, or {origin}/NAME for a model")
    return _address_of_model(origin, match)


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
    return _address_of_model(origin + match["prefix"], match)


def _address_of_model(base: str, match: re.Match[str]) -> Address:
    model, version, label = match["model"], match["version"], match["label"]
    return Address(
        base=base,
        model=unquote(model) if model else None,
        version=int(version) if version else None,
        label=unquote(label) if label else None,
    )


def without_password(base: str) -> str:
    """The address without user and password, for messages."""
    return re.sub(r"^([^/?#]*//)[^/?#]*@", r"\1", base)
