"""The gRPC server, which passes the bytes of each request to `GrpcApi`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError

from lightship.errors import Code, InvalidArgument
from lightship.transports.grpc.api import GrpcApi
from lightship.transports.grpc.call import Call
from lightship.transports.grpc.options import GrpcOptions
from lightship.transports.grpc.reflection import METHODS, answer_reflection
from lightship.transports.grpc.threads import CallThreads
from lightship.transports.sockets import Port, listen

logger = logging.getLogger(__name__)

_MAX_MESSAGE_BYTES = 2**31 - 1
_STATUS = {Code(status.value[0]): status for status in grpc.StatusCode}
_MAX_PENDING = 1 << 14
_MAX_REFLECTIONS = 16  # the most reflection streams at the same time
_ENDING = 0.3  # seconds to wait for calls that were cut off


class GrpcServer:
    """Opens the port when it is constructed, answers after `start`, and shuts down with `drain` and `stop`."""

    def __init__(self, host: str, port: Port, options: GrpcOptions) -> None:
        """Opens the port. `port` is 0 for no TCP port.

        Raises AlreadyExists, PermissionDenied or InvalidArgument if an address cannot be opened or the TLS keys are
        invalid.
        """
        self._threads: ThreadPoolExecutor = CallThreads()
        self._handlers = _Handlers(options.reflection)
        self._stopping: threading.Event | None = None
        self._api: GrpcApi | None = None
        self.unanswered = 0
        self._server = grpc.server(self._threads, handlers=[self._handlers], options=_channel_options(options))
        self._credentials = _credentials(options)
        self.port = self._open_port(host, port) if port != 0 else 0
        if options.socket_path:
            self._open_socket(options.socket_path)

    def start(self, api: GrpcApi) -> None:
        self._api = api
        self._handlers.take(api)
        self._server.start()

    def drain(self, seconds: float) -> None:
        """Starts to shut down: refuses new calls, and cuts off running calls after `seconds`.

        May be called from any thread and more than once.
        """
        if self._stopping is None:
            self._end = time.monotonic() + seconds
            self._stopping = self._server.stop(seconds)

    def stop(self, seconds: float) -> None:
        """Calls `drain` and waits until it is complete."""
        self.drain(seconds)
        assert self._stopping is not None
        self._stopping.wait(max(0.0, self._end - time.monotonic()))
        self.unanswered = self._api.unfinished if self._api else 0
        self._stopping.wait(_ENDING)
        self._threads.shutdown()
        if self.unanswered:
            logger.error("%d calls of gRPC were not finished within %g seconds", self.unanswered, seconds)

    def _open_port(self, host: str, port: Port) -> int:
        if port != "auto":
            listen(host, port, "--grpc-port").close()  # raises an error with the reason; gRPC's core gives none
        number = 0 if port == "auto" else port
        opened = self._add(f"[{host.strip('[]')}]:{number}" if ":" in host else f"{host or '0.0.0.0'}:{number}")
        if opened == 0:
            raise InvalidArgument(f"gRPC cannot listen on {host}, port {port}; check that {self._why_not}")
        return opened

    def _open_socket(self, path: str) -> None:
        if self._add(f"unix:{path}") == 0:
            raise InvalidArgument(f"gRPC cannot listen on the socket {path}; check that {self._why_not}")

    @property
    def _why_not(self) -> str:
        keys = "the key and the certificate are PEM and belong together, and that " if self._credentials else ""
        return f"{keys}the address belongs to this machine and this user may use it"

    def _add(self, address: str) -> int:
        try:
            if self._credentials is None:
                return int(self._server.add_insecure_port(address))
            return int(self._server.add_secure_port(address, self._credentials))
        except RuntimeError:  # its text does not give the reason
            return 0


class _Handlers(grpc.GenericRpcHandler):
    """The methods of a `GrpcApi`, once it is set. grpcio answers unknown methods with UNIMPLEMENTED."""

    def __init__(self, reflection: bool) -> None:
        self._reflection = reflection
        self._methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {}

    def take(self, api: GrpcApi) -> None:
        for name in api.methods:
            self._methods[name] = grpc.unary_unary_rpc_method_handler(_unary(api, name))
        for name in api.streams:
            self._methods[name] = grpc.unary_stream_rpc_method_handler(_stream(api, name))
        for name in METHODS if self._reflection else ():
            self._methods[name] = grpc.stream_stream_rpc_method_handler(_reflecting(api, name))

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        return self._methods.get(handler_call_details.method)


def _unary(api: GrpcApi, name: str) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    def behaviour(request: bytes, context: grpc.ServicerContext) -> bytes:
        answer = api.answer(name, request, _call(context))
        if answer.code is not Code.OK:
            _abort(context, answer.code, answer.message)
        return answer.body

    return behaviour


def _stream(api: GrpcApi, name: str) -> Callable[[bytes, grpc.ServicerContext], Iterator[bytes]]:
    def behaviour(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        for answer in api.stream(name, request, _call(context)):
            if answer.code is not Code.OK:
                _abort(context, answer.code, answer.message)
            yield answer.body

    return behaviour


def _reflecting(api: GrpcApi, name: str) -> Callable[[Iterator[bytes], grpc.ServicerContext], Iterator[bytes]]:
    """Returns a handler for reflection. Each open stream blocks a thread, so the number of streams is limited."""
    free = threading.Semaphore(_MAX_REFLECTIONS)

    def behaviour(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        if not free.acquire(blocking=False):
            _abort(
                context, Code.RESOURCE_EXHAUSTED, "too many clients ask for the services' description; try again later"
            )
        try:
            yield from answer_reflection(name, api.services, requests)
        except DecodeError:
            _abort(context, Code.INTERNAL, "the request cannot be parsed: send a ServerReflectionRequest")
        finally:
            free.release()

    return behaviour


def _abort(context: grpc.ServicerContext, code: Code, message: str) -> NoReturn:
    context.abort(_STATUS[code], message)
    raise AssertionError("abort raises")


def _call(context: grpc.ServicerContext) -> Call:
    remaining = context.time_remaining()
    deadline = None if remaining is None else time.monotonic() + remaining

    def on_end(hook: Callable[[], None]) -> None:
        if not context.add_callback(hook):
            hook()

    return Call(deadline, lambda: not context.is_active(), on_end)


def _channel_options(options: GrpcOptions) -> list[tuple[str, Any]]:
    """Returns the channel arguments. Arguments in `options` override the defaults."""
    ours: dict[str, int | str] = {
        "grpc.max_receive_message_length": _MAX_MESSAGE_BYTES,
        "grpc.max_send_message_length": -1,
        # Calls that have arrived but are not read yet. By default, the core may cancel calls beyond 1,000.
        "grpc.server.max_pending_requests": _MAX_PENDING,
        "grpc.server.max_pending_requests_hard_limit": 2 * _MAX_PENDING,
        "grpc.so_reuseport": 0,  # otherwise two servers could share a port by mistake
    }
    return list((ours | dict(options.channel_arguments)).items())


def _credentials(options: GrpcOptions) -> grpc.ServerCredentials | None:
    tls = options.tls
    if tls is None:
        return None
    return grpc.ssl_server_credentials(
        [(tls.key, tls.certificate)], root_certificates=tls.client_ca, require_client_auth=tls.verify_clients
    )
