"""What both clients show of themselves."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from lightship import AsyncClient, Client
from lightship.errors import InvalidArgument

SECRET = "s3cr3t"


@pytest.mark.parametrize("user", [f"me:{SECRET}@", f"{SECRET}@", f"me:{SECRET}@more{SECRET}@", f"me:%40{SECRET}@"])
def test_a_client_shows_its_address_and_never_credentials(user: str) -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    with Client(f"http://{user}h.example:8501/proxy", timeout=5, headers=headers) as client:
        assert repr(client) == "Client('http://h.example:8501/proxy')"
        assert "http://h.example:8501/proxy" in client._repr_html_()
        assert "5 s" in client._repr_html_()
        assert SECRET not in repr(client) + client._repr_html_()


def test_a_client_over_grpc_shows_its_address() -> None:
    with Client("grpc://h.example", headers={"authorization": SECRET}, timeout=None) as client:
        assert repr(client) == "Client('grpc://h.example:8500')"
        assert "no limit" in client._repr_html_()
        assert SECRET not in client._repr_html_()


def test_pickling_a_client_says_what_to_do_instead() -> None:
    with (
        Client("http://h.example") as client,
        pytest.raises(TypeError, match=r"^the Client cannot be pickled .* with lightship\.Client\(url\)$"),
    ):
        pickle.dumps(client)


def test_an_asynchronous_client_is_called_as_what_it_is() -> None:
    async def shown() -> str:
        async with AsyncClient(f"http://me:{SECRET}@h.example") as client:
            return repr(client)

    assert asyncio.run(shown()) == "AsyncClient('http://h.example')"


@pytest.mark.parametrize("url", ["http://h.example", "grpc://h.example"])
@pytest.mark.parametrize("value", [{"x-a": 5}, {"x-a": None}, {"x-a": "ü"}, {"x-a": "a\nb"}, {"x-a b": "c"}, {"": "x"}])
def test_headers_that_cannot_be_sent_are_named(url: str, value: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument, match=f"the header '{next(iter(value))}' cannot be sent"):
        Client(url, headers=value)


@pytest.mark.parametrize("url", ["http://h.example", "grpc://h.example"])
def test_a_value_of_a_header_is_not_shown(url: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        Client(url, headers={"authorization": f"{SECRET}ü"})
    assert SECRET not in str(raised.value)
