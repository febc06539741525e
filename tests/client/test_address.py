from __future__ import annotations

import pytest

from lightship.client.address import Address, is_address, parse_address, without_password
from lightship.errors import InvalidArgument, Unimplemented


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
    ],
)
def test_an_address_is_read_as_users_write_it(url: str, address: Address) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize("url", ["", "http://", "ftp://h", "http://h:port", "http://h:99999", "http://h/?a=1"])
def test_what_is_no_address_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(InvalidArgument, match=r"http://127\.0\.0\.1:8501"):
        parse_address(url)


def test_grpc_is_said_to_come_later() -> None:
    with pytest.raises(Unimplemented, match="later release"):
        parse_address("grpc://127.0.0.1:8500")


@pytest.mark.parametrize(
    ("text", "meant"), [("http://h", True), ("h:8501/v1/models/d", True), ("models/dog", False), ("dog", False)]
)
def test_a_server_is_told_from_a_folder(text: str, meant: bool) -> None:
    assert is_address(text) is meant


def test_passwords_are_not_shown() -> None:
    assert without_password("http://me:secret@h:1/v1") == "http://h:1/v1"
