"""Sends requests over HTTP connections. Failures are returned as httpx2's own exceptions, or as those of the client."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar
from urllib.request import getproxies

import anyio
import anyio.to_thread
import httpx2

from lightship import __version__
from lightship.client.flow import Deadline, Outcome, Send
from lightship.client.options import Options, Tls
from lightship.client.rest.environment import reads_environment
from lightship.client.rest.exchange import HttpResponse
from lightship.client.tls import reports_unusable
from lightship.errors import Cancelled, FailedPrecondition, LightshipError
from lightship.tls_keys import load_key

T = TypeVar("T")

CONNECT_SECONDS = 5.0  # a server that runs accepts a connection much sooner
# TLS 1.3 may refuse a client after the handshake. httpx2 then lets the exception of `ssl` through.
_FAILURES = (httpx2.RequestError, httpx2.InvalidURL, TimeoutError, ssl.SSLError)


class HttpTransport:
    def __init__(self, url: str, options: Options, httpx_transport: httpx2.BaseTransport | None) -> None:
        self._url, self._closed = url, False
        verify = _verify(url, options.tls)
        with reads_environment():
            self._http = httpx2.Client(headers=_headers(options), transport=httpx_transport, verify=verify)

    def send(self, send: Send) -> Outcome:
        try:
            return self._send(send)
        except _FAILURES as error:
            return error
        except RuntimeError:
            if self._closed:  # perhaps by another thread just now
                return _closed()
            raise

    def close(self) -> None:
        self._closed = True
        self._http.close()

    def _send(self, send: Send) -> HttpResponse:
        request, url = send.request, self._url + send.request.path
        timeout = _timeout(send.deadline)
        with self._http.stream(
            request.method, url, content=request.body, headers=request.all_headers, timeout=timeout
        ) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if not send.deadline.allows(0):  # each read is quick, but they may go on forever
                    raise TimeoutError
        return HttpResponse(response.status_code, response.headers, bytes(body), url)


class AsyncHttpTransport:
    """Sends HTTP requests with httpx2, under asyncio or trio.

    Connections belong to the event loop of asyncio that made them. After it is closed, the next loop makes new ones.
    """

    def __init__(self, url: str, options: Options, httpx_transport: httpx2.AsyncBaseTransport | None) -> None:
        self._url, self._closed = url, False
        verify = _verify(url, options.tls)
        self._make = partial(httpx2.AsyncClient, headers=_headers(options), transport=httpx_transport, verify=verify)
        self._http = self._new_client()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def send(self, send: Send) -> Outcome:
        refusal = self._enter_loop()
        if refusal is not None:
            return refusal
        try:
            with anyio.fail_after(send.deadline.left()):
                return await self._send(send)
        except _FAILURES as error:
            return error
        except RuntimeError:
            if self._closed:  # by another task just now
                return _closed()
            raise

    async def close(self) -> None:
        self._closed = True
        if self._loop is None or self._loop is _asyncio_loop():
            await self._http.aclose()

    def _enter_loop(self) -> LightshipError | None:
        """Returns why nothing can be sent from the running event loop, or None."""
        if self._closed:
            return _closed()
        loop = _asyncio_loop()
        if self._loop is loop:
            return None
        if self._loop is not None:
            if not self._loop.is_closed():
                return FailedPrecondition("another running event loop uses this AsyncClient: make one for each loop")
            self._http = self._new_client()
        self._loop = loop
        return None

    def _new_client(self) -> httpx2.AsyncClient:
        with reads_environment():
            return self._make()

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    async def in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await anyio.to_thread.run_sync(function, *arguments)

    async def run_copies(self, function: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        """Runs as many calls at the same time. `function` raises nothing but cancellation."""
        async with anyio.create_task_group() as group:
            for _ in range(count):
                group.start_soon(function)

    async def _send(self, send: Send) -> HttpResponse:
        request, url = send.request, self._url + send.request.path
        timeout = _timeout(send.deadline)
        response = await self._http.request(
            request.method, url, content=request.body, headers=request.all_headers, timeout=timeout
        )
        return HttpResponse(response.status_code, response.headers, response.content, url)


def _asyncio_loop() -> asyncio.AbstractEventLoop | None:
    """Returns the running event loop of asyncio, or None under trio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _closed() -> Cancelled:
    return Cancelled("the client is closed: make a new one")


def _headers(options: Options) -> dict[str, str]:
    return {"User-Agent": f"lightship/{__version__}", **options.headers}


def _timeout(deadline: Deadline) -> httpx2.Timeout:
    left = deadline.left()
    return httpx2.Timeout(left, connect=CONNECT_SECONDS if left is None else min(left, CONNECT_SECONDS))


def _verify(url: str, tls: Tls | None) -> ssl.SSLContext | bool:
    """False if no connection uses TLS: loading the certificate store would take 60 ms."""
    if tls is None:
        return any(address.startswith("https:") for address in (url, *getproxies().values()))
    tls.read()  # its errors name the file; those of `ssl` do not
    with reports_unusable():
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.certificate is not None:
            load_key(context, tls.certificate, tls.key)
    return context
