"""Takes the one file out of a `multipart/form-data` body, as `curl -F file=@dog.jpg` and HTML forms send it.

The whole body has been received when it is read, so `bytes.find` finds the end of the file, which is copied once;
the time grows with the body's length alone, whatever is in it. That is why no library reads it: one would take the body
apart again, through callbacks. Whatever is not exactly one file is refused.
"""

from __future__ import annotations

import re
from io import BytesIO

from lightship.errors import InvalidArgument
from lightship.transports.http.messages import Request

_MAX_PART_HEAD = 8 << 10  # bytes of the headers of a part
_MAX_SHOWN = 60  # characters of a name in an error's text
_PIECE = 256 << 10  # bytes that are searched or copied at a time, so that other threads have their turn in between
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")  # RFC 2046, section 5.1.1
# A parameter of a header. curl writes a quotation mark in a file's name as \"; browsers do not escape backslashes.
_PARAMETER = re.compile(r';[ \t]*([^\s"=;]+)=("((?:\\"|[^"])*)"|[^\s";]*)[ \t]*')
_JSON_OBJECT = re.compile(rb"[ \t\r\n]{0,1000}\{")
_ADVICE = "Send exactly one file, as curl -F file=@dog.jpg does"


def holds_form(request: Request) -> bool:
    """Returns whether a body is a form.

    TensorFlow Serving takes every body for JSON, whatever its type. No form begins like a JSON object, so such a body
    stays JSON.
    """
    return request.is_form and _JSON_OBJECT.match(request.body) is None


def file_of_form(request: Request) -> bytes:
    """Returns the content of the only file in a form, whatever the name of its field is.

    The copy is counted in the request's memory first. Raises InvalidArgument for a form that is malformed or that holds
    anything but one file, and the errors of `Reservation.grow`.
    """
    body, delimiter = request.body, b"--" + _boundary_of(request.content_type)
    if not body.startswith(delimiter):
        raise _malformed(f"its body does not begin with the boundary {_shown(delimiter)}")
    position = len(delimiter)
    if _ends(body, position):
        raise InvalidArgument(f"The form is empty. {_ADVICE}")
    start = _check_file_part(body, position)
    end = _find(body, b"\r\n" + delimiter, start)
    if end < 0:
        raise _malformed("its closing boundary is missing: it was cut off")
    _check_last(body, end + 2 + len(delimiter))
    request.memory.grow(end - start)
    return _copied(body, start, end)


def _find(body: bytes, wanted: bytes, start: int) -> int:
    """Does what `body.find` does, piece by piece."""
    for position in range(start, len(body), _PIECE):
        found = body.find(wanted, position, position + _PIECE + len(wanted) - 1)
        if found >= 0:
            return found
    return -1


def _copied(body: bytes, start: int, end: int) -> bytes:
    """Returns `body[start:end]`, copied piece by piece."""
    view, result = memoryview(body), BytesIO()  # it returns its bytes without a copy
    for position in range(start, end, _PIECE):
        result.write(view[position : min(position + _PIECE, end)])
    return result.getvalue()


def _boundary_of(content_type: str) -> bytes:
    kind, semicolon, rest = content_type.partition(";")
    boundary = _parameters(semicolon + rest, "its Content-Type").get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise _malformed(
            f"the boundary in its Content-Type is {_shown(boundary)}, and must be 1 to 70 letters, digits or "
            "'()+_,-./:=? ; let the client set this header: curl -F does"
        )
    return boundary.encode("latin-1")


def _parameters(text: str, where: str) -> dict[str, str]:
    """Returns the parameters in `; name=value; name="value"`, by their names in lower case."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None or match[1].lower() in found:
            raise _malformed(f"{where} has a parameter that is not valid, or is there twice: {_shown(text[position:])}")
        found[match[1].lower()] = match[2] if match[3] is None else match[3]
        position = match.end()
    return found


def _check_file_part(body: bytes, position: int) -> int:
    """Checks that the part whose boundary ends at `position` is a file. Returns where its content begins."""
    headers, start = _part_head(body, position)
    name, is_file = _disposition(headers)
    if not is_file:
        raise InvalidArgument(
            f"The form has the field {_shown(name)}, which is not a file. {_ADVICE} (with @), and give options such as "
            "the number of labels in the URL: ?top=3"
        )
    encoding = headers.get("content-transfer-encoding", "binary").lower()
    if encoding not in ("binary", "8bit", "7bit"):
        raise InvalidArgument(
            f"The form's file has Content-Transfer-Encoding: {_shown(encoding)}. Send its bytes as they are"
        )
    return start


def _check_last(body: bytes, position: int) -> None:
    """Checks that nothing comes after the boundary that ends at `position`."""
    if _ends(body, position):
        return
    headers, _ = _part_head(body, position)
    name, is_file = _disposition(headers)
    what = "more than one file" if is_file else f"the field {_shown(name)} besides its file"
    raise InvalidArgument(f"The form has {what}. {_ADVICE}, and a request for each image")


def _ends(body: bytes, position: int) -> bool:
    """Returns whether the boundary that ends at `position` is the last one. Only a line break may follow that."""
    if body[position : position + 2] != b"--":
        return False
    if body[position + 2 : position + 5] not in (b"", b"\r\n"):
        raise _malformed("there are bytes after its closing boundary")
    return True


def _part_head(body: bytes, position: int) -> tuple[dict[str, str], int]:
    """Returns the headers of a part, and where its content begins."""
    if body[position : position + 2] != b"\r\n":
        raise _malformed("a boundary is not followed by a line break")
    end = body.find(b"\r\n\r\n", position, position + _MAX_PART_HEAD)
    if end < 0:
        raise _malformed(f"the headers of a part do not end within {_MAX_PART_HEAD} bytes")
    headers: dict[str, str] = {}
    for line in body[position + 2 : end].decode("utf-8", "replace").split("\r\n") if end > position else ():
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or name.lower() in headers:
            raise _malformed(f"a part has a header that is not valid, or is there twice: {_shown(line)}")
        headers[name.lower()] = value.strip()
    return headers, end + 4


def _disposition(headers: dict[str, str]) -> tuple[str, bool]:
    """Returns the name of a part's field, and whether the part is a file."""
    kind, semicolon, rest = headers.get("content-disposition", "").partition(";")
    if kind.strip().lower() != "form-data":
        raise _malformed("a part has no header Content-Disposition: form-data")
    parameters = _parameters(semicolon + rest, "Content-Disposition")
    return parameters.get("name", ""), "filename" in parameters or "filename*" in parameters


def _malformed(what: str) -> InvalidArgument:
    return InvalidArgument(f"The body is not a valid multipart/form-data form: {what}")


def _shown(text: str | bytes) -> str:
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    return repr(text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "...")
