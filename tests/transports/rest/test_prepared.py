"""A call between reading and running: read once, and nothing of it stays, however it ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from lightship.lifecycle.manager import Manager
from lightship.server import Server
from lightship.services import run_together
from lightship.transports.http.executor import Executor, run_job
from lightship.transports.http.lanes import Origin
from lightship.transports.http.limits import Limits
from lightship.transports.http.messages import Request, Response
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.rest.api import RestApi
from lightship.transports.rest.app import RestApp
from lightship.transports.rest.endpoints.predict_request import PredictRequest
from lightship.transports.rest.prepared import PreparedCall


def predict(body: bytes = b'{"instances": [1.0]}') -> Request:
    return Request("POST", "/v1/models/m:predict", body)


@pytest.fixture
def api(server: Server) -> RestApi:
    return RestApi(server.manager, Limits(), Metrics(server.manager.models))


@pytest.fixture
def app(server: Server) -> Iterator[RestApp]:
    app = RestApp(server.manager, Executor(1, 99))
    yield app
    app._executor.close()


def handles(manager: Manager) -> int:
    lease = manager._serving._models["m"].latest
    assert lease is not None
    return lease._handles


async def answered(app: RestApp, request: Request) -> Response:
    answer = app.answer(request)
    if not isinstance(answer, Response | asyncio.Future):
        app.turn.run()
        answer = answer.respond()
    return answer if isinstance(answer, Response) else await answer


def test_a_body_is_read_once_although_the_first_run_is_left_to_a_thread(
    app: RestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[bytes] = []
    parse = PredictRequest.parse
    monkeypatch.setattr(PredictRequest, "parse", lambda body: bodies.append(body) or parse(body))
    # Of shapes that never ran nobody knows how long they take.
    body = b'{"instances": [' + b"1.0, " * 6 + b"1.0]}"
    assert asyncio.run(answered(app, predict(body))).status == 200
    assert bodies == [body]


def tried(call: PreparedCall) -> Response | None:
    """What the event loop makes of a call."""
    assert call.prediction is not None
    run_together([call.prediction])
    return call.response()


def test_a_call_holds_its_servable_until_it_has_run(api: RestApi, server: Server) -> None:
    call = api.prepare(predict())
    assert not isinstance(call, Response)
    assert handles(server.manager) == 1
    assert run_job(call).status == 200
    assert handles(server.manager) == 0


def test_a_call_that_is_not_tried_on_the_loop_can_still_run(api: RestApi, server: Server) -> None:
    call = api.prepare(predict(b'{"instances": [' + b"1.0, " * 12 + b"1.0]}"))
    assert not isinstance(call, Response)
    assert tried(call) is None
    assert handles(server.manager) == 1
    assert run_job(call).status == 200
    assert handles(server.manager) == 0


def test_a_short_call_is_run_on_the_loop_and_releases_its_servable(api: RestApi, server: Server) -> None:
    assert api.answer(predict()).status == 200
    # The first run was too slow if the machine was busy just then.
    for _ in range(1000):
        call = api.prepare(predict())
        assert not isinstance(call, Response)
        response = tried(call)
        if response is not None:
            break
        run_job(call)
    assert response is not None
    assert response.status == 200
    assert handles(server.manager) == 0


@pytest.mark.parametrize("body", [b"{", b'{"signature_name": "no", "instances": [1]}', b'{"instances": ["a"]}'])
def test_what_cannot_be_read_is_answered_at_once_and_holds_nothing(api: RestApi, server: Server, body: bytes) -> None:
    response = api.prepare(predict(body))
    assert isinstance(response, Response)
    assert response.status == 400
    assert handles(server.manager) == 0


def test_a_released_call_holds_nothing(api: RestApi, server: Server) -> None:
    call = api.prepare(predict())
    assert not isinstance(call, Response)
    call.release()
    assert handles(server.manager) == 0


async def refused(app: RestApp, request: Request) -> None:
    """Fills the queue behind a call that waits."""
    gate = threading.Event()

    class Blocking:
        def run(self) -> Response:
            gate.wait(30)
            return Response(200, b"")

        def release(self) -> None:
            pass

    waiting = [app._executor.submit(Blocking(), Origin("small", "m"), lambda *_: Response(503, b"")) for _ in range(3)]
    answer = app.answer(request)
    gate.set()
    await asyncio.gather(*(one for one in waiting if not isinstance(one, Response)))
    assert isinstance(answer, Response)
    assert answer.status == 503


def test_a_call_that_finds_the_queue_full_holds_nothing(server: Server) -> None:
    app = RestApp(server.manager, Executor(1, 2))
    asyncio.run(refused(app, predict(b'{"instances": [' + b"1.0, " * 22 + b"1.0]}")))
    app._executor.close()
    assert handles(server.manager) == 0
