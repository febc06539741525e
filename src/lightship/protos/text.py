"""Messages in protobuf's text format, as configuration files hold them."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf import text_format
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from lightship.errors import InvalidArgument
from lightship.protos._pool import POOL

MessageT = TypeVar("MessageT", bound=Message)


def parse_text(text: str, kind: Any, *, unknown_fields: bool = False) -> Any:
    """The message of class `kind` that the text is. unknown_fields: leave out those that `kind` does not have.

    Raises InvalidArgument: `LINE:COLUMN: what is wrong there`.
    """
    return _parsed(text, kind(), unknown_fields)


def check_text(text: str, full_name: str) -> None:
    """Of a message that is not known here, only the syntax. Raises InvalidArgument as `parse_text` does."""
    try:
        described = POOL.FindMessageTypeByName(full_name)
    except KeyError:
        _parsed(text, Empty(), True)
    else:
        _parsed(text, GetMessageClass(described)(), False)


def _parsed(text: str, message: MessageT, unknown_fields: bool) -> MessageT:
    try:
        return text_format.Parse(text, message, allow_unknown_field=unknown_fields, descriptor_pool=POOL)
    except text_format.ParseError as error:
        raise InvalidArgument(_place_and_reason(error, text)) from None
    except (KeyError, TypeError, ValueError) as error:  # an enum's number beyond 32 bits
        raise InvalidArgument(f"1:1: {error}") from None
    except RecursionError:
        raise InvalidArgument("1:1: too many messages within each other") from None


def _place_and_reason(error: text_format.ParseError, text: str) -> str:
    """Without the line itself, which may hold a private key."""
    line, column = error.GetLine() or 1, error.GetColumn() or 1
    reason = str(error).removeprefix(f"{line}:{column} : ")
    lines = text.split("\n")
    if line <= len(lines):
        reason = reason.removeprefix(f"'{lines[line - 1]}': ")
    return f"{line}:{column}: {reason}"
