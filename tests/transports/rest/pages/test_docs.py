"""The page for people: whole in one file, and allowed nothing but its own scripts."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from tests.transports.rest.conftest import Ask


def test_the_page_is_one_file_with_a_strict_policy(ask: Ask) -> None:
    answer = ask("GET", "/docs")
    page = answer.body.decode()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    parts = re.findall(r"<(?:style|script)>(.*?)</(?:style|script)>", page, re.DOTALL)
    assert len(parts) == 10
    for part in parts:
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_the_page_asks_nobody_else(ask: Ask) -> None:
    page = ask("GET", "/docs").body.decode()
    assert re.findall(r"(?:https?:)?//[\w.]+", page.replace("http://www.w3.org/2000/svg", "")) == []
    assert "innerHTML" not in page
    assert not re.search(r"<script [^>]*src|<link [^>]*stylesheet|\son\w+=", page)


def test_head_has_no_body(ask: Ask) -> None:
    answer = ask("HEAD", "/docs")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 10_000


@pytest.mark.parametrize(
    ("method", "target"), [("POST", "/docs"), ("PUT", "/openapi.json"), ("GET", "/docs/"), ("GET", "/docs/docs.js")]
)
def test_what_is_near_is_not_there(ask: Ask, method: str, target: str) -> None:
    answer = ask(method, target)
    assert (answer.status, answer.headers["Content-Type"]) == (404, "text/html")
