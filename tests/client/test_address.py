from __future__ import annotations

import pytest

from lightship.client.address import Address, is_address, parse_address, without_password
from lightship.errors import InvalidArgument


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8501", Address("http://127.0.0.1:8501")),
        ("http://127.0.0.1:8501/", Address("http://127.0.0.1:8501")),
        ("localhost:8501", Address("http://localhost:8501")),
        ("http://[::1]:8501/v1/models/dog", Address("http://[::1]:8501", "dog")),
        ("https://h/v1/models", Address("https://h")),
        ("http://h/v1/models/dog:predict", Address("http://h", "dog")),
        ("http://h/v1/models/dog/versions/12", Address("http://h", "dog", version=12)),
        ("http://h/v1/models/dog/labels/st%2Fable", Address("http://h", "dog", label="st/able")),
        ("http://h/behind/proxy/v1/models/my%20dog/", Address("http://h/behind/proxy", "my dog")),
        ("http://h/other", Address("http://h/other")),
        ("grpc://127.0.0.1:8500", Address("grpc://127.0.0.1:8500")),
        ("grpc://h", Address("grpc://h:8500")),
        ("grpcs://h:443/v1/models", Address("grpcs://h:443")),
        ("grpc://[::1]:1/dog", Address("grpc://[::1]:1", "dog")),
        ("grpc://h:1/my%20dog/versions/3", Address("grpc://h:1", "my dog", version=3)),
        ("grpc://h:1/v1/models/dog/labels/stable/", Address("grpc://h:1", "dog", label="stable")),
        ("grpc+unix:///run/x.sock", Address("grpc+unix:///run/x.sock")),
    ],
)
def test_an_address_is_read_as_users_write_it(url: str, address: Address) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize("url", ["", "http://", "ftp://h", "http://h:port", "http://h:99999", "http://h/?a=1"])
def test_what_is_no_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(InvalidArgument, match=r"http://127\.0\.0\.1:8501"):
        parse_address(url)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("grpcc://h:1", "did you mean grpc://"),
        ("grpc://h:1/behind/proxy/v1/models/dog", "grpc://h:1/NAME"),
        ("grpc://me:secret@h:1", "headers="),
        ("grpc+unix://h/x", r"grpc\+unix:///run"),
        ("grpc://", "is not a server's address"),
    ],
)
def test_what_is_no_address_of_grpc_is_refused(url: str, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        parse_address(url)


@pytest.mark.parametrize(
    ("text", "meant"), [("http://h", True), ("h:8501/v1/models/d", True), ("models/dog", False), ("dog", False)]
)
def test_a_server_is_told_from_a_folder(text: str, meant: bool) -> None:
    assert is_address(text) is meant


def test_passwords_are_not_shown() -> None:
    assert without_password("http://me:secret@h:1/v1") == "http://h:1/v1"
    assert without_password("https://me:se@cret@h") == "https://h"
    assert without_password("http://h/v1//a@b") == "http://h/v1//a@b"
    assert without_password("grpc+unix:///run/a@b") == "grpc+unix:///run/a@b"
