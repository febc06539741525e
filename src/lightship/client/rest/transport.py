"""Sends requests over HTTP connections. Failures are returned as httpx2's own exceptions."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from urllib.request import getproxies

import anyio
import anyio.to_thread
import httpx2

from lightship import __version__
from lightship.client.flow import Deadline, Outcome, Send
from lightship.client.options import Options, Tls
from lightship.client.rest.exchange import HttpResponse
from lightship.errors import InvalidArgument

T = TypeVar("T")

CONNECT_SECONDS = 5.0  # a server that runs accepts a connection much sooner
# TLS 1.3 may refuse a client after the handshake. httpx2 then lets the exception of `ssl` through.
_FAILURES = (httpx2.RequestError, httpx2.InvalidURL, TimeoutError, ssl.SSLError)


class HttpTransport:
    def __init__(self, url: str, options: Options, httpx_transport: httpx2.BaseTransport | None) -> None:
        self._url = url
        self._http = httpx2.Client(
            headers=_headers(options), transport=httpx_transport, verify=_verify(url, options.tls)
        )

    def send(self, send: Send) -> Outcome:
        try:
            return self._send(send)
        except _FAILURES as error:
            return error

    def close(self) -> None:
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
    """Sends HTTP requests with httpx2, under asyncio or trio."""

    def __init__(self, url: str, options: Options, httpx_transport: httpx2.AsyncBaseTransport | None) -> None:
        self._url = url
        verify = _verify(url, options.tls)
        self._http = httpx2.AsyncClient(headers=_headers(options), transport=httpx_transport, verify=verify)

    async def send(self, send: Send) -> Outcome:
        try:
            with anyio.fail_after(send.deadline.left()):
                return await self._send(send)
        except _FAILURES as error:
            return error

    async def close(self) -> None:
        await self._http.aclose()

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
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key)
    except (ssl.SSLError, OSError) as error:
        raise InvalidArgument(
            f"the certificates cannot be used: {error}; check that the files are valid and belong together"
        ) from error
    return context
