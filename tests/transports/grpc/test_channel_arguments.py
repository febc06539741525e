"""gRPC's channel arguments keep their meaning."""

from __future__ import annotations

import math

import pytest

from lightship.transports.grpc.channel_arguments import reuses_port, settings_of


def test_arguments_have_an_effect() -> None:
    arguments = [
        ("grpc.max_receive_message_length", 1000),
        ("grpc.max_send_message_length", 2000),
        ("grpc.max_concurrent_streams", 7),
        ("grpc.so_reuseport", 1),
        ("grpc.keepalive_time_ms", 1500),
        ("grpc.keepalive_timeout_ms", 500),
        ("grpc.max_connection_age_ms", 3000),
        ("grpc.max_connection_age_grace_ms", 100),
        ("grpc.max_connection_idle_ms", 2**31 - 1),
        ("grpc.http2.max_ping_strikes", 5),
        ("grpc.http2.min_ping_interval_without_data_ms", 10),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.default_compression_algorithm", 2),
    ]
    settings = settings_of(arguments)
    assert (settings.max_receive, settings.max_send, reuses_port(arguments)) == (1000, 2000, True)
    assert not reuses_port([])
    assert (settings.compression, settings.http2.limits.streams) == ("gzip", 7)
    timeouts, pings = settings.http2.timeouts, settings.http2.pings
    assert (timeouts.keepalive, timeouts.keepalive_answer) == (1.5, 0.5)
    assert (timeouts.age, timeouts.age_grace, timeouts.idle) == (3.0, 0.1, math.inf)
    assert (pings.strikes, pings.interval, pings.without_calls) == (5, 0.01, True)


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        ([], 16384),
        ([("grpc.max_metadata_size", 8192)], 16384),
        ([("grpc.max_metadata_size", 100_000)], 125_000),
        ([("grpc.absolute_max_metadata_size", 20_000)], 20_000),
        ([("grpc.absolute_max_metadata_size", 5), ("grpc.max_metadata_size", 9)], 9),
    ],
)
def test_the_two_limits_of_metadata(arguments: list[tuple[str, int | str]], size: int) -> None:
    settings = settings_of(arguments)
    assert (settings.max_metadata, settings.http2.limits.header_list) == (size, size)


def test_what_has_no_effect_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    settings = settings_of([("grpc.lb_policy_name", "x"), ("grpc.max_concurrent_streams", "many"), ("y", 1)])
    assert settings == settings_of([])
    assert [one.getMessage() for one in caplog.records] == [
        "channel arguments without effect: grpc.lb_policy_name, grpc.max_concurrent_streams, y"
    ]


def test_no_limit_is_a_negative_number() -> None:
    settings = settings_of([("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)])
    assert (settings.max_receive, settings.max_send) == (2**31 - 1, None)
