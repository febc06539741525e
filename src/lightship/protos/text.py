"""Parses protobuf's text format, the format of configuration files."""

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
    """Parses a text as a message of class `kind`. unknown_fields: ignore fields that `kind` does not have.

    Raises InvalidArgument with the place and the reason, as `LINE:COLUMN: reason`.
    """
    return _parsed(text, kind(), unknown_fields)


def check_text(text: str, full_name: str) -> None:
    """Checks the text of a message; if its type is unknown, only the syntax. Raises what `parse_text` raises."""
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
        raise InvalidArgument("1:1: the messages are nested too deeply") from None


def _place_and_reason(error: text_format.ParseError, text: str) -> str:
    """Returns the place and the reason, without the line itself, which may contain a private key."""
    line, column = error.GetLine() or 1, error.GetColumn() or 1
    reason = str(error).removeprefix(f"{line}:{column} : ")
    lines = text.split("\n")
    if line <= len(lines):
        reason = reason.removeprefix(f"'{lines[line - 1]}': ")
    return f"{line}:{column}: {reason}"


def field_names(full_name: str) -> list[str]:
    """Returns the names of the fields of a message, by its full name; none if there is no such message."""
    try:
        return [field.name for field in POOL.FindMessageTypeByName(full_name).fields]
    except KeyError:
        return []
