"""Forms: the one file in them is taken out whole, and anything else is refused with its reason."""

from __future__ import annotations

import contextlib
import random
import time

import pytest
from tests.transports.rest.conftest import Ask

from lightship.errors import InvalidArgument, TooLarge
from lightship.memory_budget import MemoryBudget, Reservation
from lightship.transports.http.messages import Request
from lightship.transports.rest.forms import file_of_form, holds_form

TYPE = "multipart/form-data; boundary=xyz"
FILE = b'Content-Disposition: form-data; name="file"; filename="dog.jpg"\r\nContent-Type: image/jpeg'
FIELD = b'Content-Disposition: form-data; name="top"'


def form(*parts: tuple[bytes, bytes], boundary: bytes = b"xyz") -> bytes:
    """A form of parts, which are (headers, content)."""
    lines = (b"--" + boundary + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts)
    return b"".join(lines) + b"--" + boundary + b"--\r\n"


def request(body: bytes, kind: str = TYPE) -> Request:
    return Request("POST", "/v1/models/m:predict", body, ((b"content-type", kind.encode("latin-1")),))


def refusal(body: bytes, kind: str = TYPE) -> str:
    with pytest.raises(InvalidArgument) as caught:
        file_of_form(request(body, kind))
    return caught.value.message


@pytest.mark.parametrize(
    "content", [b"\xff\xd8\xff\xe0 a photo", b"", b"\r\n", b"\r\n\r\n--xy", b"--", bytes(range(256)) * 99]
)
def test_the_file_is_taken_out_whole(content: bytes) -> None:
    assert file_of_form(request(form((FILE, content)))) == content


@pytest.mark.parametrize(
    "head",
    [
        b'content-disposition:form-data;name=a;filename="x"',
        b'Content-Disposition: form-data; filename="a;b.jpg"; name="any name; even this"',
        b'Content-Disposition: form-data; name="f"; filename="say \\"cheese\\".jpg"',
        b'Content-Disposition: form-data; name="f"; filename="C:\\photos\\"',
        b'Content-Disposition: form-data; name="f"; filename="h\xc3\xbcndin \xff.jpg"',
        b"Content-Disposition: form-data; name=f; filename*=UTF-8''h%C3%BCndin.jpg",
        b'Content-Disposition: form-data; name="f"; filename=""',
        b'Content-Disposition: form-data; filename="x"\r\nContent-Length: 5\r\nContent-Transfer-Encoding: binary',
    ],
)
def test_a_file_may_have_any_name(head: bytes) -> None:
    assert file_of_form(request(form((head, b"photo")))) == b"photo"


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ('multipart/form-data; boundary="a b:c?d"', b"a b:c?d"),
        ("Multipart/Form-Data; charset=utf-8; Boundary=----WebKitFormBoundaryAbc9", b"----WebKitFormBoundaryAbc9"),
        (f"multipart/form-data;boundary={'b' * 70}", b"b" * 70),
    ],
)
def test_boundaries_are_read_as_clients_write_them(kind: str, boundary: bytes) -> None:
    assert file_of_form(request(form((FILE, b"photo"), boundary=boundary), kind)) == b"photo"


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        f"multipart/form-data; boundary={'b' * 71}",
        'multipart/form-data; boundary="a\\b"',
        'multipart/form-data; boundary="ends with a blank "',
        "multipart/form-data; boundary=\xe9",
    ],
)
def test_a_boundary_that_cannot_be_is_named(kind: str) -> None:
    text = refusal(form((FILE, b"photo")), kind)
    assert "not a valid multipart/form-data form: the boundary in its Content-Type is" in text
    assert "curl -F" in text


@pytest.mark.parametrize("kind", ["form-data; boundary=x; boundary=y", 'form-data; boundary="x', "form-data; x"])
def test_a_content_type_that_is_broken_is_named(kind: str) -> None:
    assert "its Content-Type has a parameter that is not valid, or is there twice" in refusal(
        b"--x--", f"multipart/{kind}"
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"--xyz--\r\n", "The form is empty. Send exactly one file, as curl -F file=@dog.jpg does"),
        (form((FILE, b"1"), (FILE, b"2")), "The form has more than one file."),
        (form((FIELD, b"3")), "The form has the field 'top', which is not a file."),
        (form((FIELD, b"3"), (FILE, b"1")), "the URL: ?top=3"),
        (form((FILE, b"1"), (FIELD, b"3")), "The form has the field 'top' besides its file."),
    ],
)
def test_what_is_not_one_file_is_refused_with_what_to_send(body: bytes, text: str) -> None:
    assert text in refusal(body)
    assert "Send exactly one file, as curl -F file=@dog.jpg does" in refusal(body)


WHOLE = form((FILE, b"photo"))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "does not begin with the boundary '--xyz'"),
        (b"photo", "does not begin with the boundary"),
        (b"preamble\r\n" + WHOLE, "does not begin with the boundary"),
        (WHOLE[: -len(b"\r\n--xyz--\r\n")], "its closing boundary is missing: it was cut off"),
        (WHOLE.replace(b"\r\n", b"\n"), "not followed by a line break"),
        (b"--xyz", "not followed by a line break"),
        (form((FILE, b"\r\n--xyzz")), "not followed by a line break"),
        (WHOLE[:-4], "not followed by a line break"),
        (WHOLE + b"epilogue", "there are bytes after its closing boundary"),
        (WHOLE + WHOLE, "there are bytes after its closing boundary"),
        (b"--xyz\r\n\r\nphoto\r\n--xyz--", "no header Content-Disposition: form-data"),
        (form((b"Content-Type: image/jpeg", b"photo")), "no header Content-Disposition: form-data"),
        (
            form((b'Content-Disposition: attachment; filename="x"', b"photo")),
            "no header Content-Disposition: form-data",
        ),
        (form((FILE + b"\r\n" + FILE, b"photo")), "a header that is not valid, or is there twice"),
        (form((b"nonsense", b"photo")), "a header that is not valid"),
        (form((FILE + b"\r\n folded: x", b"photo")), "a header that is not valid"),
        (form((b'Content-Disposition: form-data; name="f; filename=x', b"photo")), "a parameter that is not valid"),
        (form((FILE + b"\r\nX: " + b"x" * 9000, b"photo")), "do not end within 8192 bytes"),
        (form((FILE + b"\r\nContent-Transfer-Encoding: base64", b"cGhvdG8=")), "Content-Transfer-Encoding: 'base64'"),
    ],
)
def test_a_malformed_form_is_refused_with_what_is_wrong(body: bytes, text: str) -> None:
    assert text in refusal(body)


def test_whatever_is_flipped_or_cut_gives_a_file_or_a_reason() -> None:
    rng = random.Random(7)
    for _ in range(5_000):
        body = bytearray(form((FILE, rng.randbytes(20)), *[(FIELD, b"3")] * rng.randrange(2)))
        for _ in range(rng.randrange(1, 4)):
            body[rng.randrange(len(body))] = rng.choice(b'\r\n-xyz:;="\\ \x00\xff')
        with contextlib.suppress(InvalidArgument):
            file_of_form(request(bytes(body[: rng.randrange(len(body) + 1)])))


@pytest.mark.parametrize(
    "body",
    [
        form((FILE, b"\r\n--xy" * 3_000_000)),
        form((FILE, b"\r\n" * 8_000_000)),
        form((FILE, b"-" * 16_000_000), boundary=b"-" * 70),
        b"--xyz\r\n" + FILE + b"\r\n\r\n" + b"\r\n--xy" * 3_000_000,
    ],
    ids=["beginnings", "line breaks", "dashes", "without an end"],
)
def test_content_that_looks_like_boundaries_costs_little(body: bytes) -> None:
    kind = TYPE if body.startswith(b"--xyz") else f"multipart/form-data; boundary={'-' * 70}"
    start = time.process_time()
    with contextlib.suppress(InvalidArgument):
        file_of_form(request(body, kind))
    assert time.process_time() - start < 5  # a search that goes back at each byte would take minutes


@pytest.mark.parametrize("shift", range(-9, 3))
def test_a_boundary_may_lie_across_the_pieces_that_are_searched(shift: int) -> None:
    for pieces in (1, 3):
        content = random.Random(shift).randbytes(pieces * (256 << 10) + shift)
        assert file_of_form(request(form((FILE, content)))) == content


def test_the_copy_of_the_file_is_counted_before_it_is_made() -> None:
    memory = Reservation(MemoryBudget(1 << 20))
    body = form((FILE, bytes(2 << 20)))
    with pytest.raises(TooLarge, match="memory budget"):
        file_of_form(request(body)._replace(memory=memory))


@pytest.mark.parametrize(
    ("kind", "body", "held"),
    [
        (TYPE, b"--xyz", True),
        ("MULTIPART/FORM-DATA", b"", True),
        (TYPE, b' \r\n\t{"instances": [1]}', False),
        ("application/json", b"--xyz", False),
    ],
)
def test_a_json_object_is_not_a_form_whatever_it_is_called(kind: str, body: bytes, held: bool) -> None:
    assert holds_form(request(body, kind)) is held


def test_json_that_is_called_a_form_is_answered_as_json(ask: Ask) -> None:
    answer = ask("POST", "/v1/models/m:predict", '{"instances": [1]}', Content_Type=TYPE)
    assert (answer.status, answer.json) == (200, {"predictions": [2.5]})
    assert ask("POST", "/v1/models/m:predict?top=1", '{"instances": [1]}', Content_Type=TYPE).error.startswith(
        "Malformed"
    )


def test_a_form_for_a_model_without_an_image_spec_is_told_so(ask: Ask) -> None:
    answer = ask("POST", "/v1/models/m:predict", form((FILE, b"photo")), Content_Type=TYPE)
    assert answer.status == 400
    assert "cannot classify encoded images" in answer.error


def test_a_form_is_for_predict_alone(ask: Ask) -> None:
    body = form((FILE, b"photo"))
    assert ask("POST", "/v1/models/m:classify", body, Content_Type=TYPE).error.startswith("JSON Parse error")
    assert ask("POST", "/v1/models/m:classify?top=1", body, Content_Type=TYPE).error.startswith("Malformed request")


def test_a_form_may_have_as_many_bytes_as_an_image_and_a_few_more(ask: Ask) -> None:
    limit = 1 << 20  # of images, at this server
    whole = ask("POST", "/v1/models/m:predict", form((FILE, bytes(limit))), Content_Type=TYPE)
    assert "cannot classify encoded images" in whole.error
    file = ask("POST", "/v1/models/m:predict", form((FILE, bytes(limit + 1))), Content_Type=TYPE)
    assert (file.status, f"The image has {limit + 1} bytes; the limit is {limit}" in file.error) == (413, True)
    all_of_it = ask("POST", "/v1/models/m:predict", form((FILE, bytes(limit + (64 << 10)))), Content_Type=TYPE)
    assert (all_of_it.status, f"the limit is {limit + (64 << 10)}" in all_of_it.error) == (413, True)
