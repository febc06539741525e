"""Limits on the size of requests, and timeouts of connections."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace

from lightship.errors import InvalidArgument, TooLarge
from lightship.transports.http.messages import FORM

_FORM_BYTES = 64 << 10  # of a form, besides its file


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of requests. Raises InvalidArgument for a limit below 1."""

    # The most bytes of a body that is an image.
    image: int = 64 << 20
    # The most bytes of a form with files (multipart/form-data). 0 means as many as of an image, and 64 KiB.
    form: int = 0
    # The most bytes of any other body.
    json: int = 1 << 30
    # The most bytes of a request's line, headers and trailers.
    head: int = 64 << 10
    # The most complete requests of one connection that wait for the current request. When this number is reached, the
    # connection closes after it has answered them.
    pipelined: int = 1000
    # The most open connections, over REST and gRPC together. When there are more, those that have waited longest for
    # their client are closed. 0 means as many as files may be open, less a reserve for model files, logs and helper
    # processes.
    connections: int = 0

    def __post_init__(self) -> None:
        _check_positive(self, "limits", may_be_zero=("connections", "form"))

    @property
    def least(self) -> int:
        """A body of this size is within the limit, whatever its type."""
        return min(self.image, self.json, self.form or self.image)

    def of(self, content_type: str) -> int:
        """Returns the most bytes of a body of this type."""
        kind = content_type.lower()
        if kind.startswith("image/"):
            return self.image
        return (self.form or self.image + _FORM_BYTES) if kind.startswith(FORM) else self.json

    def check_image(self, size: int) -> None:
        """Raises TooLarge for an image that was found in a body of another type, and has more bytes than one may."""
        if size > self.image:
            raise TooLarge(
                f"The image has {size} bytes; the limit is {self.image}. Send a smaller one, or start the server with "
                "a larger --max-request-bytes"
            )


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The timeouts of a connection in seconds, accurate to 0.1 s.

    Raises InvalidArgument for a timeout that is not positive.
    """

    # For the request line and the headers, from their first byte or from the start of the connection.
    head: float = 30.0
    # For the next bytes of a body.
    body: float = 60.0
    # For a client to receive 64 KiB of a response, or half of the rest if that is less.
    write: float = 60.0
    # For the next request of a connection. Load balancers keep a connection for 60 seconds, so this is longer.
    idle: float = 75.0
    # For receiving and dropping the rest of a refused body, so that the client can read the response.
    linger: float = 2.0
    # For what `head`, `body` and `write` are for, if that is less, while the server drains: its end does not wait
    # longer for a client that neither sends nor receives.
    drain_stall: float = 5.0

    @property
    def while_draining(self) -> Timeouts:
        most = self.drain_stall
        return replace(self, head=min(self.head, most), body=min(self.body, most), write=min(self.write, most))

    def __post_init__(self) -> None:
        _check_positive(self, "timeouts")


def _check_positive(options: Limits | Timeouts, name: str, may_be_zero: Collection[str] = ()) -> None:
    for field in fields(options):
        value = getattr(options, field.name)
        if field.name in may_be_zero:
            if not value >= 0:
                raise InvalidArgument(f"{name}.{field.name}={value:g}: give 0 or more")
        elif not value > 0:
            raise InvalidArgument(f"{name}.{field.name}={value:g}: give a number that is more than 0")
