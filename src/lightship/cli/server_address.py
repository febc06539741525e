"""Checks the address of a server or a model on the command line, and suggests the right one for a wrong path."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from lightship.cli.advice import STATUS, Wanted, check_argument
from lightship.cli.argument_kinds import FILE_SUFFIXES, Kind, kind_of
from lightship.client.address import Address, parse_address, speaks_grpc
from lightship.errors import InvalidArgument

_BEFORE_MODEL = re.compile(r"/(?:v1/models?|v1|models?)/(?P<which>.+)")
# What names a model in a path: the model, and perhaps a version or a label.
_WHICH = re.compile(r"(?P<model>[^/:]+)(?:/(?:versions/)?(?P<version>\d+)|/labels/(?P<label>[^/:]+))?(?:[/:].*)?")


def server_address(text: str, wanted: Wanted = STATUS) -> Address:
    """Returns the parts of a server's address, which may name a model. Raises InvalidArgument with advice."""
    check_argument(text, wanted)
    if kind_of(text) is Kind.MISSING and _looks_like_a_path(text):
        raise InvalidArgument(
            f"{text} is neither a file or folder here nor a server's address, and {wanted.command} needs "
            f"{wanted.expected}"
        )
    address = parse_address(text)
    suggested = suggested_address(address)
    if suggested and _BEFORE_MODEL.search(urlsplit(address.base).path):
        raise InvalidArgument(f"{text} has another path than a model's, which is /v1/models/NAME: give {suggested}")
    return address


def model_address(text: str) -> Address:
    """Returns the parts of a model's address. Raises InvalidArgument if it names no model."""
    address = parse_address(text)
    if address.model is not None:
        return address
    suggested = suggested_address(address)
    if suggested:
        raise InvalidArgument(f"{text} has another path than a model's, which is /v1/models/NAME: give {suggested}")
    example = f"{address.base}/NAME" if speaks_grpc(address.base) else f"{address.base}/v1/models/NAME"
    raise InvalidArgument(f"{text} names no model: give {example}; `lightship status {address.base}` lists the models")


def suggested_address(address: Address) -> str | None:
    """Returns the address that was probably meant by one whose path has a model's name in a wrong form."""
    parts = urlsplit(address.base)
    if address.model is not None or not parts.scheme.startswith("http"):
        return None
    found = _BEFORE_MODEL.search(parts.path)
    before, which = (parts.path[: found.start()], found["which"]) if found else ("", parts.path.strip("/"))
    match = _WHICH.fullmatch(which)
    if match is None or (found is None and "/" in which):
        return None
    version = f"/versions/{match['version']}" if match["version"] else ""
    label = f"/labels/{match['label']}" if match["label"] else ""
    return f"{parts.scheme}://{parts.netloc}{before}/v1/models/{match['model']}{version}{label}"


def _looks_like_a_path(text: str) -> bool:
    first, slash, _ = text.partition("/")
    if text.startswith(("/", ".", "~")) or text.lower().endswith(FILE_SUFFIXES):
        return True
    return bool(slash) and "/v1/" not in text and not set(first) & set(".:[") and first != "localhost"
