"""Much at once: many streams, large messages, readers that are slow, and the end of a server under load."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from tests.server.grpc_process import PREDICT, GrpcProcess, eventually, grpc_process, request, values_of
from tests.server.http2 import Http2, message

LARGE = np.arange(150_000, dtype=np.float32)  # 600 kB
INITIAL_WINDOW_SIZE = 4


@pytest.fixture
def server(half_plus_two: Path) -> Iterator[GrpcProcess]:
    with grpc_process(f"m={half_plus_two}") as process:
        assert process.predict() == [3.0]
        yield process


def test_a_thousand_streams_at_once_are_all_answered(server: GrpcProcess) -> None:
    """All are open, and begun, before one of them is whole."""
    whole = message(request())
    with Http2(server.port) as client:
        count = min(1000, client.h2.remote_settings.max_concurrent_streams)
        streams = [client.start() for _ in range(count)]
        for stream in streams:
            client.send(stream, whole[:-1], end=False)
        for stream in reversed(streams):
            client.send(stream, whole[-1:])
        assert [values_of(client.answer(stream).message) for stream in streams] == [[3.0]] * count


@pytest.mark.slow
def test_five_thousand_calls_in_one_burst_are_all_answered(server: GrpcProcess) -> None:
    whole = message(request())
    with Http2(server.port) as client:
        streams = []
        for _ in range(5000):
            while client.h2.open_outbound_streams >= client.h2.remote_settings.max_concurrent_streams:
                client.read()
            streams.append(client.start())
            client.send(streams[-1], whole)
        assert {client.answer(stream).status for stream in streams} == {0}


@pytest.mark.slow
def test_a_thousand_calls_of_one_channel_and_of_many_are_all_answered(server: GrpcProcess) -> None:
    channels = [server.channel() for _ in range(50)]
    pending = [
        channels[number % 50 if number % 2 else 0].unary_unary(PREDICT).future(request([number]), timeout=60)
        for number in range(1000)
    ]
    assert [values_of(one.result()) for one in pending] == [[number / 2 + 2] for number in range(1000)]
    for channel in channels:
        channel.close()


def test_large_messages_go_through_small_windows(server: GrpcProcess) -> None:
    expected = (LARGE / 2 + 2).tolist()
    with Http2(server.port, settings={INITIAL_WINDOW_SIZE: 1000}) as client:
        for _ in range(2):
            assert values_of(client.ask(message(request(LARGE))).message) == expected


def test_many_large_messages_share_a_connection(server: GrpcProcess) -> None:
    with server.channel() as channel:
        ask = channel.unary_unary(PREDICT)
        pending = [ask.future(request(LARGE + number), timeout=60) for number in range(30)]
        for number, one in enumerate(pending):
            assert np.array_equal(np.float32(values_of(one.result())), (LARGE + number) / 2 + 2)


def test_readers_that_take_nothing_hold_nobody_up_and_leave_nothing_behind(server: GrpcProcess) -> None:
    files = server.open_files
    clients = [Http2(server.port, takes=False) for _ in range(16)]
    for client in clients:
        client.send(client.start(), message(request(LARGE)))
    for client in clients:
        while not any(answer.data for answer in client.answers.values()):
            client.read()
    assert server.predict() == [3.0]
    assert server.resident_megabytes < 2000
    for client in clients:
        client.vanish()
    assert eventually(lambda: server.open_files <= files + 1), (files, server.open_files)
    assert server.predict(LARGE)[-1] == LARGE[-1] / 2 + 2


def test_a_slow_reader_gets_all_of_its_answer(server: GrpcProcess) -> None:
    with Http2(server.port, takes=False) as client:
        stream = client.start()
        client.send(stream, message(request(LARGE)))
        answer = client.answers[stream]
        while not answer.over:
            seen = len(answer.data)
            client.read()
            if taken := len(answer.data) - seen:
                assert server.predict() == [3.0] if seen == 0 else True
                client.h2.acknowledge_received_data(taken, stream)
                client.flush()
        assert values_of(answer.message)[-1] == LARGE[-1] / 2 + 2


def test_the_end_under_load_answers_every_call_that_was_taken(server: GrpcProcess) -> None:
    """What the server's core turns away before it came to us is UNAVAILABLE or CANCELLED, and never lost in silence."""
    outcomes: Counter[str] = Counter()
    begun = threading.Semaphore(0)

    def ask_on(number: int) -> None:
        with server.channel() as channel:
            ask = channel.unary_unary(PREDICT)
            while True:
                try:
                    assert len(values_of(ask(request(LARGE if number % 2 else [1.0]), timeout=60))) > 0
                except grpc.RpcError as error:
                    outcomes[error.code().name] += 1
                    return
                outcomes["OK"] += 1
                begun.release()

    with ThreadPoolExecutor(8) as clients:
        asking = [clients.submit(ask_on, number) for number in range(8)]
        for _ in range(100):
            assert begun.acquire(timeout=60)
        code, log = server.end()
    for one in asking:
        one.result()
    assert code == 0, log
    assert set(outcomes) <= {"OK", "UNAVAILABLE", "CANCELLED"}
    assert outcomes.total() - outcomes["OK"] == 8


def test_a_call_that_was_taken_before_the_end_is_answered(server: GrpcProcess) -> None:
    """The server is told to end while the answers of 30 calls are still to be taken."""
    with Http2(server.port, takes=False) as client:
        streams = [client.start() for _ in range(30)]
        for stream in streams:
            client.send(stream, message(request(LARGE)))
        while not all(client.answers[stream].headers for stream in streams):
            client.read()
        server.popen.send_signal(signal.SIGTERM)
        while client.goaway is None:
            client.read()
        for stream in streams:
            if taken := len(client.answers[stream].data):
                client.h2.acknowledge_received_data(taken, stream)
        client.takes = True
        client.flush()
        last = LARGE[-1] / 2 + 2
        assert [values_of(client.answer(stream).message)[-1] for stream in streams] == [last] * 30
    assert server.popen.wait(60) == 0
