"""The reference of the errors, made from `lightship.errors` and from the HTTP statuses of the REST API."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from docs_site.tables import code, prose, table
from lightship import errors
from lightship.errors import LightshipError
from lightship.transports.rest.errors import error_response

# What each error means to a user, and what to do about it.
MEANINGS: dict[str, tuple[str, str]] = {
    "LightshipError": ("The base class of all.", "Catch it to handle every error of Lightship in one place."),
    "Cancelled": ("The caller cancelled the call, or the server stopped.", "Send the call again if you still need it."),
    "Unknown": (
        "An error without a better code: a reply that the client cannot classify, or a model that failed to load.",
        "Read the message, and the server's log.",
    ),
    "InvalidArgument": (
        "The request, the option or the file is wrong, whatever the state of the server is.",
        "Change what the message names. Sending the same again gives the same error.",
    ),
    "DeadlineExceeded": (
        "The call took longer than its time limit.",
        "Give it more time (`timeout=`, `--timeout`), send fewer rows at once, or give the server more processors.",
    ),
    "NotFound": (
        "There is no such model, version, label, signature or file.",
        "Check the spelling. `lightship status URL` lists the models and their versions.",
    ),
    "AlreadyExists": (
        "The port, the version or the container is there already.",
        "Choose another one, or replace it as the message says.",
    ),
    "PermissionDenied": (
        "The file cannot be read by this user, or the server does not allow the operation, such as a reload.",
        "Change the rights of the file, or start the server with the option that the message names.",
    ),
    "ResourceExhausted": (
        "A limit was reached: memory, the size of a message, or the number of values.",
        "Send less at once. If the reply says after how many seconds to try again, wait for so long.",
    ),
    "TooLarge": (
        "A request body or an image is larger than its limit.",
        "Send a smaller one, or raise `--max-request-bytes` or `--max-pixels`.",
    ),
    "FailedPrecondition": (
        "The request is right, but the model or the system is not in a state to answer it.",
        "Do first what the message says, for example export the model with an image spec.",
    ),
    "Aborted": ("Another operation got in the way.", "Try again."),
    "OutOfRange": ("A value lies outside of what the model can take.", "Change the value that the message names."),
    "Unimplemented": (
        "The server, or the installed engine, cannot do this.",
        "Use another way that the message names, or install the extra that it names.",
    ),
    "Internal": (
        "The server or the model failed in a way that should not happen.",
        "Report it, with the message and the log of the server.",
    ),
    "Unavailable": (
        "The server cannot be reached, is not ready, or has too much work.",
        "Try again after `retry_after` seconds. The clients do so by themselves as often as `retries=` says.",
    ),
    "DataLoss": (
        "A file of the model is damaged or missing.",
        "Copy or export the version again. The message names the file.",
    ),
    "Unauthenticated": (
        "A proxy in front of the server asks who you are. Lightship itself has no authentication.",
        "Give the credentials: `headers=` or `tls=` of the client.",
    ),
}


def errors_table() -> str:
    """Returns a table of every error. Raises LookupError for one whose meaning is not written down above."""
    head = ["error", "canonical code, also of gRPC", "HTTP status", "what it means", "what to do"]
    return table(head, (_row(one) for one in all_errors()))


def all_errors() -> Iterator[type[LightshipError]]:
    """Yields the classes of `lightship.errors`, in the order of the module."""
    found = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, LightshipError)]
    yield from sorted(found, key=_line)


def _line(of: type) -> int:
    return inspect.getsourcelines(of)[1]


def _row(error: type[LightshipError]) -> list[str]:
    if error.__name__ not in MEANINGS:
        raise LookupError(
            f"{error.__name__} is not documented: say in {__name__}.MEANINGS what it means, and what to do"
        )
    means, remedy = MEANINGS[error.__name__]
    status = error_response(error("")).status
    return [code(error.__name__), f"{code(error.code.name)} ({error.code.value})", str(status), prose(means), remedy]
