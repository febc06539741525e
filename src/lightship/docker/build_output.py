"""Reads the output of a build: its progress, the image it made, and its errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from lightship.docker.full_disk import disk_is_full, is_full
from lightship.errors import Internal, LightshipError, PermissionDenied, ResourceExhausted

_STEP = re.compile(r"Step (\d+/\d+) : (\w+)(?: layers/(-?\d+)/)?")
# The engine answers these with status 500, or in the output of the build, where there is no code.
_TOO_MANY_LAYERS = "max depth exceeded"
_NOT_ALLOWED = ("permission denied", "denied:")
_MADE = re.compile(r" ---> ([0-9a-f]{12,64})\s*")


@dataclass(slots=True)
class BuildOutput:
    """What the output has said so far."""

    report: Callable[[str], None]
    """Is called with a text at each step."""

    image: str | None = None
    """The id of the finished image."""

    made: list[str] = field(default_factory=list)
    """Ids of the images of the single steps, shortened as the engine prints them."""

    def follow(self, messages: Iterable[Mapping[str, Any]]) -> str:
        """Reads all messages and returns the image's id. Raises `build_error` for an error message."""
        for message in messages:
            if "error" in message:
                raise build_error(str(message["error"]))
            self._stream(str(message.get("stream", "")))
            self.image = (message.get("aux") or {}).get("ID", self.image)
        if self.image is None:
            raise Internal("the Docker Engine ended the build without an image and without an error: see its log")
        return self.image

    def _stream(self, text: str) -> None:
        if step := _STEP.match(text):
            self.report(f"step {step[1]}, " + (f"the layer of version {step[3]}" if step[3] else step[2]))
        elif made := _MADE.fullmatch(text):
            self.made.append(made[1])


def build_error(text: str, status: int | None = None) -> LightshipError:
    """The error for a message of the engine, which says what to do.

    text: the engine's message. status: of its HTTP answer; None for a message among the output of a build, which has
    no code.
    """
    text = " ".join(text.split())
    small = text.lower()
    if is_full(text):
        return ResourceExhausted(disk_is_full(text))
    if _TOO_MANY_LAYERS in small:
        return ResourceExhausted(
            f"the image has too many layers ({text}): bake fewer versions, as with --versions latest"
        )
    if status == HTTPStatus.FORBIDDEN or any(words in small for words in _NOT_ALLOWED):
        return PermissionDenied(f"the Docker Engine is not allowed to do this: {text}")
    return Internal(f"the Docker Engine could not build the image: {text}")
