"""What the attacks take for wrong."""

from __future__ import annotations

import pytest
from fuzz.answers import Answer, Wrong, check_answer, read_answers

RIGHT = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nDate: x\r\n\r\n{}"


def test_answers_are_read_one_after_the_other_without_interim_ones() -> None:
    answers, rest = read_answers(b"HTTP/1.1 100 Continue\r\n\r\n" + RIGHT + RIGHT + RIGHT[:30])
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"{}")] * 2
    assert rest == RIGHT[:30]


def test_an_answer_to_a_head_has_no_body() -> None:
    answers, rest = read_answers(RIGHT[:-2] + RIGHT, headless=True)
    assert ([answer.body for answer in answers], rest) == ([b"", b"{}"], b"")


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense",
        RIGHT + b"nonsense",
        RIGHT.replace(b"Content-Length: 2\r\n", b""),
        RIGHT.replace(b"Date: x", b"Date: x\r\nDate: y"),
        RIGHT.replace(b"Date: x", b"Date:x"),
        RIGHT.replace(b"Date: x", b"Date: x\r\nConnection: close") + RIGHT,
    ],
)
def test_what_is_no_answer_is_wrong(data: bytes) -> None:
    with pytest.raises(Wrong):
        read_answers(data)


@pytest.mark.parametrize(
    ("status", "body"), [(500, b'{"error": "x"}'), (200, b"{"), (400, b"{}"), (200, b'{"error": "x"}')]
)
def test_these_answers_are_wrong(status: int, body: bytes) -> None:
    with pytest.raises(Wrong):
        check_answer(Answer(status, {b"content-type": b"application/json"}, body))


def test_numbers_that_are_not_finite_and_bytes_that_are_no_text_are_right() -> None:
    body = b'{"predictions": [NaN, "\xff"\n    ]\n}'
    check_answer(Answer(200, {b"content-type": b"application/json"}, body))
