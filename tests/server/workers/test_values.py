"""What goes between processes comes out as it went in, and nothing else can be made of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lightship.engines import EngineOptions
from lightship.errors import DataLoss
from lightship.lifecycle.model_config import All, Latest, ModelConfig, Specific
from lightship.lifecycle.served_models import ModelState
from lightship.lifecycle.state import ModelVersionStatus, State
from lightship.server.options import ServerOptions
from lightship.server.workers.shares import options_of
from lightship.server.workers.values import decode, decode_state, encode, encode_state
from lightship.transports.grpc.options import GrpcOptions, Tls

OPTIONS = ServerOptions(
    models=(),
    reload_root=Path("/"),
    grpc=GrpcOptions(
        "/tmp/\udcff.sock", Tls(b"\0key", b"cert"), channel_arguments=(("grpc.max_concurrent_streams", 5),)
    ),
    allowed_hosts=("a", "b"),
    engine=EngineOptions(allow_unproven=frozenset({"Foo"}), cache_dir=Path("cache")),
    log_format="json",
)


def test_options_come_out_as_they_went_in() -> None:
    assert decode(encode(OPTIONS)) == OPTIONS
    assert decode(encode(options_of(OPTIONS, 3))) == options_of(OPTIONS, 3)


@pytest.mark.parametrize("policy", [Latest(3), All(), Specific([3, 1])])
def test_models_come_out_as_they_went_in(policy: Any) -> None:
    model = ModelConfig("m", Path("/m"), policy, {"stable": 2**62}, Path("/"))
    assert decode(encode([model])) == (model,)


def test_states_come_out_as_they_went_in() -> None:
    versions = (
        ModelVersionStatus(2, State.END, DataLoss("bad"), "note", aspired=False),
        ModelVersionStatus(1, State.AVAILABLE),
    )
    state = ModelState("m", True, versions, "reason", "notice", {"stable": 1})
    found = decode_state(encode_state(state))
    assert repr(found) == repr(state)
    assert replace(found, versions=()) == replace(state, versions=())


@pytest.mark.parametrize(
    "value",
    [
        {"class": "subprocess:Popen", "fields": {"args": "true"}},
        {"class": "lightship.server.server:Server", "fields": {"options": None}},
        {"class": "lightship.errors:Code", "fields": {}},
        {"class": "os:system", "fields": {}},
        {"unknown": 1},
        {},
    ],
)
def test_nothing_else_is_made(value: Any) -> None:
    with pytest.raises(ValueError, match="not a"):
        decode(value)


@pytest.mark.parametrize("value", [object(), 1j, State, lambda: None])
def test_what_has_no_json_value_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        encode(value)
