"""Every answer that is not the wanted one becomes an error of our tree, with the server's text or a telling one."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.client.conftest import Ask, FakeServer, Reply

from lightship import errors
from lightship.client.rest.exchange import HttpResponse
from lightship.client.rest.responses import read_json


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidArgument),
        (401, errors.Unauthenticated),
        (403, errors.PermissionDenied),
        (404, errors.NotFound),
        (409, errors.Aborted),
        (413, errors.TooLarge),
        (418, errors.InvalidArgument),
        (429, errors.ResourceExhausted),
        (499, errors.Cancelled),
        (500, errors.Internal),
        (501, errors.Unimplemented),
        (502, errors.Unavailable),
        (504, errors.DeadlineExceeded),
        (599, errors.Internal),
    ],
)
def test_a_status_becomes_its_error(fake_server: FakeServer, ask: Ask, status: int, kind: type[Exception]) -> None:
    fake_server.reply_with(Reply(status, {"error": "the server's own words"}))
    with pytest.raises(kind, match=r"^the server's own words$") as raised:
        ask(fake_server.url, "metadata", "dog")
    assert type(raised.value) is kind


def test_a_hint_beside_the_error_is_added_to_its_text(fake_server: FakeServer, ask: Ask) -> None:
    hint = {"Lightship-Hint": "did you mean 'h%C3%BCndin'? Served models: 100%25"}
    fake_server.reply_with(Reply(404, {"error": "it is not there"}, hint))
    with pytest.raises(errors.NotFound) as raised:
        ask(fake_server.url, "metadata", "dog")
    assert raised.value.message == "it is not there (did you mean 'hündin'? Served models: 100%)"


def test_a_hint_of_any_length_is_cut(fake_server: FakeServer, ask: Ask) -> None:
    fake_server.reply_with(Reply(404, {"error": "it is not there"}, {"Lightship-Hint": "a" * 30_000}))
    with pytest.raises(errors.NotFound) as raised:
        ask(fake_server.url, "metadata", "dog")
    assert len(raised.value.message) < 5000


def test_a_proxys_page_is_reported_in_a_line(fake_server: FakeServer, ask: Ask) -> None:
    page = "<html><head><title>502</title></head>\n<body><h1>Bad Gateway</h1>nginx</body></html>"
    fake_server.reply_with(Reply(502, page, {"Content-Type": "text/html; charset=utf-8"}))
    with pytest.raises(
        errors.Unavailable, match=r"HTTP 502 \(Bad Gateway\) with text/html \('502 Bad Gateway nginx'\)"
    ):
        ask(fake_server.url, "status", "dog")


def test_a_redirect_names_where_to(fake_server: FakeServer, ask: Ask) -> None:
    fake_server.reply_with(Reply(301, "", {"Location": "https://elsewhere/"}))
    with pytest.raises(errors.Unknown, match="https://elsewhere/"):
        ask(fake_server.url, "status", "dog")


@pytest.mark.parametrize("body", ["<html>welcome</html>", "[1]", "", '{"model_version_status": 1}', "{}"])
def test_success_that_is_no_model_servers_is_an_error(fake_server: FakeServer, ask: Ask, body: str) -> None:
    fake_server.reply_with(Reply(200, body))
    with pytest.raises(errors.Unknown, match="not a model server: check the address"):
        ask(fake_server.url, "status", "dog")


@pytest.mark.parametrize(
    ("method", "arguments", "body"),
    [
        ("status", (), {"model_version_status": [1.5]}),
        ("status", (), {"model_version_status": [{"version": "1", "state": "AVAILABLE", "status": 2}]}),
        ("models", (), {"models": [[]]}),
        ("workers", (), {"models": [], "workers": [1]}),
        ("metadata", (), {"model_spec": {"name": "dog", "version": math.inf}, "metadata": {}}),
        ("classify", ([{"x": 1.0}],), {"results": [[["a", {}]]]}),
        ("regress", ([{"x": 1.0}],), {"results": [10**400]}),
        ("classify_image", (b"\xff\xd8\xff",), {"predictions": [{"labels": ["a"], "scores": [[]]}]}),
        ("classify_image", (b"\xff\xd8\xff",), {"predictions": [{"labels": ["a"], "scores": [0.5, 0.25]}]}),
        (
            "explain_image",
            (b"\xff\xd8\xff",),
            {"explanations": [{"map": [[0.5]], "class_index": math.inf, "score": 1}]},
        ),
    ],
)
def test_success_with_values_of_another_kind_is_an_error(
    fake_server: FakeServer, ask: Ask, method: str, arguments: tuple[Any, ...], body: dict[str, Any]
) -> None:
    fake_server.reply_with(Reply(200, body))
    model = () if method in ("models", "workers") else ("dog",)
    with pytest.raises(errors.Unknown, match=r"cannot be read \(.*\): "):
        ask(fake_server.url, method, *model, *arguments)


def test_a_version_that_is_no_int64_is_not_taken_for_one(fake_server: FakeServer, ask: Ask) -> None:
    reply = Reply(200, {"predictions": [{"labels": ["a"], "scores": [0.5]}]}, {"Lightship-Model-Version": "9" * 5000})
    fake_server.reply_with(reply)
    assert ask(fake_server.url, "classify_image", "dog", b"\xff\xd8\xff").version is None


def test_nan_and_infinity_are_read() -> None:
    response = HttpResponse(200, {}, b'{"outputs": [NaN, Infinity, -Infinity, 1.5]}', "http://h")
    nan, *rest = read_json(response)["outputs"]
    assert math.isnan(nan)
    assert rest == [math.inf, -math.inf, 1.5]
