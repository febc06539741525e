"""Parses URLs into the model, the version and the action.

The patterns are the same as TensorFlow Serving's, but for `:explain`, which it does not have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from lightship.errors import InvalidArgument
from lightship.transports.rest.reading.values import decoded

_WHICH = r"(?:(?:/versions/([0-9]+))|(?:/labels/([^/:]+)))?"
_POST = re.compile(rf"/v1/models/([^/:]+){_WHICH}:(classify|regress|predict|explain)", re.IGNORECASE | re.DOTALL)
_GET = re.compile(rf"/v1/models(?:/([^/:]+))?{_WHICH}(?:/(metadata))?", re.IGNORECASE | re.DOTALL)
_MAX_ROUTES = 1024  # routes in the cache; clients request the same ones repeatedly
_MAX_VERSION = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Route:
    model: str
    version: int | None
    label: str | None
    action: str  # POST: predict, classify, regress or explain; GET: metadata or ""


def explains(path: str) -> bool:
    """Returns whether a path without its query is that of a request for explanations, as far as its end says."""
    return path.endswith(":explain")


def action_of(target: str) -> str:
    """Returns what a POST request is for, such as "predict", or "" if its target has no action."""
    action = target.partition("?")[0].rpartition(":")[2]
    return action if action in ("predict", "classify", "regress", "explain") else ""


def is_api(target: str) -> bool:
    """Returns whether a target belongs to the API: `/v1/` and all paths below it, in upper or lower case."""
    return target.startswith("/v1/") or target[:4].lower() == "/v1/"


@lru_cache(_MAX_ROUTES)
def post_route(target: str) -> Route:
    """Parses the target of a POST request.

    Raises InvalidArgument with `Malformed request: POST ...` if the target does not match or the action has upper-case
    letters.
    """
    match = _POST.fullmatch(target)
    if match is None or match[4] != match[4].lower():
        raise malformed("POST", target)
    return _route(match)


def get_route(target: str) -> Route:
    """Parses the target of a GET request. Raises InvalidArgument if it is malformed or has no model name."""
    match = _GET.fullmatch(target)
    if match is None:
        raise malformed("GET", target)
    if not match[1]:
        raise InvalidArgument("Missing model name in request.")
    return _route(match)


def malformed(method: str, target: str) -> InvalidArgument:
    return InvalidArgument(f"Malformed request: {method} {target}")


def _route(match: re.Match[str]) -> Route:
    label = None if match[3] is None else _unquoted(match[3])
    return Route(_unquoted(match[1]), _version(match[2]), label, match[4] or "")


def _version(digits: str | None) -> int | None:
    if digits is None:
        return None
    if len(digits.lstrip("0")) > 19 or int(digits) > _MAX_VERSION:
        raise InvalidArgument(f"Failed to convert version: {digits} to numeric; the largest version is {_MAX_VERSION}")
    return int(digits)


def _unquoted(text: str) -> str:
    return decoded(unquote_to_bytes(text))
