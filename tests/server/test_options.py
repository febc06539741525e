from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lightship.errors import InvalidArgument
from lightship.server import ModelConfig, ServerOptions, parse_model_argument
from lightship.transports.grpc.options import GrpcOptions, Tls


def test_a_model_is_called_as_its_folder_or_as_given() -> None:
    assert parse_model_argument("models/dog/") == ModelConfig("dog", Path("models/dog"))
    assert parse_model_argument("cat=models/dog") == ModelConfig("cat", Path("models/dog"))
    assert parse_model_argument(Path("/srv/dog")) == ModelConfig("dog", Path("/srv/dog"))
    assert parse_model_argument("file:///srv/dog") == ModelConfig("dog", Path("/srv/dog"))
    assert parse_model_argument("cat=file:///srv/dog") == ModelConfig("cat", Path("/srv/dog"))
    assert parse_model_argument(".").name == Path.cwd().name


@pytest.mark.parametrize(
    "text", ["", "=models/dog", "dog=", "a/b=models/dog", "a:b=models/dog", "/", ".=models/dog", "..=models/dog"]
)
def test_what_names_no_model_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="names no model"):
        parse_model_argument(text)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"rest_port": 70000}, "rest_port=70000"),
        ({"rest_port": 0}, "nothing else is on"),
        ({"grpc_port": -1}, "grpc_port=-1"),
        ({"grpc": GrpcOptions(tls=Tls(b"key", b"certificate"))}, "TLS is for gRPC, but grpc_port=0 turns gRPC off"),
        ({"rest_port": 8500, "grpc_port": 8500}, "rest_port=8500 is grpc_port too"),
        ({"max_pixels": 0}, "max_pixels=0"),
        ({"memory_budget": 512}, "memory_budget=512: give a number of bytes that is at least 16777216"),
        ({"memory_budget": -1}, "memory_budget=-1"),
        ({"drain_seconds": -1}, "drain_seconds=-1"),
        ({"drain_seconds": float("inf")}, "drain_seconds=inf: give at most 2147483648 seconds"),
        ({"poll_seconds": float("inf")}, "poll_seconds=inf: give at most"),
        ({"settle_seconds": 1e10}, "settle_seconds=1e+10: give at most"),
        ({"store_poll_seconds": 1e300}, "store_poll_seconds=1e+300: give at most"),
        ({"max_queue_seconds": -1}, "max_queue_seconds=-1"),
        ({"allowed_hosts": "one.example"}, "give a list"),
        ({"allowed_hosts": ["http://one.example"]}, "'http://one.example' is not a host's name"),
        ({"allowed_hosts": [""]}, "'' is not a host's name"),
        ({"saved_model_tags": "serve"}, "saved_model_tags='serve': give a tuple of tags, such as ('serve',)"),
        ({"load_retries": -1}, "load_retries=-1"),
        ({"load_threads": -1}, "load_threads=-1"),
        ({"settle_seconds": -1}, "settle_seconds=-1"),
        ({"empty_folder_grace": -1}, "empty_folder_grace=-1"),
        ({"models": [ModelConfig("a", Path("x")), ModelConfig("a", Path("y"))]}, 'two models are called "a"'),
        ({"models": [ModelConfig("a", Path("a")), ModelConfig("a", Path("b c/a"))]}, "as in other='b c/a'"),
    ],
)
def test_options_that_cannot_be_are_named(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        ServerOptions(**({"models": [ModelConfig("m", Path("m"))]} | options))
    assert text in caught.value.message
