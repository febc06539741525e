"""A photo is known by its first bytes, whatever a client calls it; numbers and JSON are never taken for one."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import io
import struct
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image
from tests.transports.rest.conftest import Answer, Ask

from lightship.server import serve
from lightship.transports.http.messages import Request
from lightship.transports.rest.photos import recognised

NO_SPEC = "cannot classify encoded images"
PREDICT = "/v1/models/m:predict"
TYPES = [
    *("", "application/x-www-form-urlencoded", "application/octet-stream", "text/plain", "application/json"),
    *("multipart/form-data", "application/json; charset=utf-8", "nonsense"),
]


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((40, 30), 50).save(file, kind)
    return file.getvalue()


def request(body: bytes, kind: str = "", **headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request("POST", PREDICT, body, ((b"content-type", kind.encode()), *pairs))


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_every_format_is_known_by_its_bytes(form: str, kind: str) -> None:
    assert recognised(request(encoded(form), kind)).content_type == f"image/{form.lower()}"


def test_a_type_that_says_image_stays() -> None:
    photo = request(encoded("JPEG"), "image/png")
    assert recognised(photo) is photo


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"\x89PNG", b"GIF", b"GIF88a", b"B", b"BM", b"BMW is no image", b"RIFF", b"RIFF1234WAVE"]
    + [b"\xff\xd8", b'{"instances": [1]}', b"[", b" \xff\xd8\xff", b"\xef\xbb\xbf{}"],
)  # fmt: skip
def test_what_is_no_image_stays_what_it_is(body: bytes) -> None:
    one = request(body, "text/plain")
    assert recognised(one) is one


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("application/octet-stream", {"lightship-shape": "2"}),
        ("application/octet-stream", {"lightship-dtype": "uint8"}),
        ("application/x-npy", {}),
    ],
)
def test_binary_tensors_may_begin_like_an_image(kind: str, headers: dict[str, str]) -> None:
    numbers = request(encoded("JPEG"), kind, **headers)
    assert recognised(numbers) is numbers


def test_numbers_that_look_like_a_photo_are_run_as_numbers(ask: Ask) -> None:
    body = b"\xff\xd8\xff" + struct.pack("<f", 6.0)[3:]
    described = {"Content_Type": "application/octet-stream", "Lightship_Dtype": "float32", "Lightship_Shape": "1,1"}
    answer = ask("POST", PREDICT, body, **described)
    assert answer.status == 200
    expected = 0.5 * np.frombuffer(body, "<f4")[0] + 2
    assert answer.json["outputs"][0][0] == pytest.approx(float(expected))


@pytest.mark.parametrize("kind", TYPES)
def test_a_photo_of_any_type_is_answered_as_a_photo(ask: Ask, kind: str) -> None:
    """Large and small ones: the former are read by a thread, the latter on the event loop."""
    for photo in (encoded("JPEG"), encoded("BMP") + bytes(100_000)):
        assert NO_SPEC in ask("POST", PREDICT, photo, Content_Type=kind).error
        assert NO_SPEC in ask("POST", f"{PREDICT}?top=2", photo, Content_Type=kind).error


def test_a_compressed_photo_is_known_too(ask: Ask) -> None:
    packed = gzip.compress(encoded("PNG"))
    assert NO_SPEC in ask("POST", PREDICT, packed, Content_Encoding="gzip", Content_Type="text/plain").error


def test_a_photo_has_the_limit_of_images_whatever_it_is_called(ask: Ask) -> None:
    photo = encoded("JPEG")
    for body in (photo + bytes(1 << 20), gzip.compress(photo + bytes(1 << 20))):
        coding = {} if body.startswith(photo) else {"Content_Encoding": "gzip"}
        answer = ask("POST", PREDICT, body, Content_Type="text/plain", **coding)
        assert (answer.status, "the limit is 1048576" in answer.error) == (413, True)


def test_the_other_verbs_take_it_for_json(ask: Ask) -> None:
    assert ask("POST", "/v1/models/m:classify", encoded("JPEG")).error.startswith("JSON Parse error")


def test_a_head_that_came_before_with_json_may_come_with_a_photo(half_plus_two: Path) -> None:
    """The second request of each kind has a known head: it is looked up, and not parsed."""
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    photo = file.getvalue()
    document = b'{"instances": [1.0]}'.ljust(len(photo))
    with (
        serve(f"m={half_plus_two}", rest_port="auto") as server,
        contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)) as connection,
    ):
        assert server.wait_ready(60)

        def ask(body: bytes) -> tuple[int, str]:
            connection.request("POST", PREDICT, body)  # in one piece
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

        for _ in range(2):
            assert ask(document)[0] == 200
            status, text = ask(photo)
            assert (status, NO_SPEC in text) == (400, True)


@pytest.fixture(scope="module")
def plain(half_plus_two: Path) -> Iterator[Ask]:
    """A server without extensions, as `lightship-model-server` starts it."""
    with serve(f"m={half_plus_two}", rest_port="auto", extensions=False) as server:
        assert server.wait_ready(60)
        with httpx2.Client(base_url=server.rest_url, timeout=60) as http:

            def asked(method: str, target: str, body: bytes | str = b"", **headers: str) -> Answer:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                answer = http.request(method, target, content=body, headers=named)
                return Answer(answer.status_code, answer.headers, answer.content)

            yield asked


@pytest.mark.parametrize("kind", TYPES)
def test_without_extensions_it_is_json_as_in_tensorflow_serving(plain: Ask, kind: str) -> None:
    answer = plain("POST", PREDICT, encoded("JPEG"), Content_Type=kind)
    assert (answer.status, answer.error) == (400, "JSON Parse error: Invalid value. at offset: 0")
    assert plain("POST", f"{PREDICT}?top=1", encoded("JPEG"), Content_Type=kind).error.startswith("Malformed request")


def test_without_extensions_a_form_is_json_and_the_front_page_is_not_there(plain: Ask) -> None:
    answer = plain("POST", PREDICT, b"--x--", Content_Type="multipart/form-data; boundary=x")
    assert answer.error.startswith("JSON Parse error")
    assert plain("GET", "/").status == 404
    assert plain("GET", "/docs").status == 200
    assert NO_SPEC in plain("POST", PREDICT, encoded("JPEG"), Content_Type="image/jpeg").error
    assert "multipart" not in plain("GET", "/openapi.json").body.decode()
