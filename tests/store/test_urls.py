"""URLs of object stores: what is taken, what is refused, and what is never shown."""

from __future__ import annotations

import pytest

from lightship.errors import InvalidArgument, LightshipError, Unimplemented
from lightship.server import parse_model_argument
from lightship.store.urls import checked_url, is_store_url, is_url, place_id, redacted


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("s3://bucket/models/dog", "s3://bucket/models/dog"),
        ("S3://bucket/dog/", "s3://bucket/dog"),
        ("gcs://bucket/dog", "gs://bucket/dog"),
        ("az://container/dog", "az://container/dog"),
        ("abfs://container@account.dfs.core.windows.net/dog", "abfs://container@account.dfs.core.windows.net/dog"),
        ("s3://bucket", "s3://bucket"),
    ],
)
def test_what_is_taken(text: str, url: str) -> None:
    assert checked_url(text, "m") == url


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("s3://KEY:SECRET@bucket/dog", InvalidArgument, "has a user or a password"),
        ("s3://SECRET@bucket/dog", InvalidArgument, "has a user or a password"),
        ("abfs://c:SECRET@account/dog", InvalidArgument, "has a user or a password"),
        ("s3://bucket/dog?X-Amz-Signature=SECRET", InvalidArgument, "has a query"),
        ("s3://", InvalidArgument, "names no bucket"),
        ("s3:/bucket/dog", InvalidArgument, "lacks a slash: write s3://BUCKET/PATH"),
        ("s3://bucket/../dog", InvalidArgument, "has an empty part, '.', '..'"),
        ("s3://bucket//dog", InvalidArgument, "has an empty part"),
        ("hdfs://SECRET:SECRET@host/dog", Unimplemented, "is in no place that Lightship can read"),
    ],
)
def test_what_is_refused_shows_no_secret(text: str, kind: type[LightshipError], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        checked_url(text, "m")
    assert "SECRET" not in caught.value.message


def test_what_is_a_url() -> None:
    assert is_url("hdfs://host/a")
    assert is_store_url("s3://bucket")
    for text in ("/models/dog", "models/dog", "file:///models/dog", "C:/models/dog", "dog=models/dog"):
        assert not is_url(text), text


def test_a_model_has_the_name_of_the_last_part_of_its_url() -> None:
    assert parse_model_argument("s3://bucket/models/dog/").name == "dog"
    named = parse_model_argument("cat=s3://bucket/models/dog")
    assert (named.name, named.store) == ("cat", "s3://bucket/models/dog")


def test_an_argument_with_a_password_is_refused_without_it() -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_model_argument("dog=s3://KEY:SECRET@bucket/dog")
    assert "SECRET" not in caught.value.message
    assert redacted("s3://KEY:SECRET@bucket/dog?q=SECRET") == "s3://***@bucket/dog"


def test_another_server_of_the_same_kind_is_another_place(monkeypatch: pytest.MonkeyPatch) -> None:
    before = place_id("s3://bucket/dog")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert place_id("s3://bucket/dog") != before
