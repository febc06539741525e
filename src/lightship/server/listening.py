"""The sockets on which a server listens. They are opened before any slow work starts."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from socket import socket

from lightship.errors import LightshipError
from lightship.server.options import ServerOptions
from lightship.transports.grpc.channel_arguments import reuses_port
from lightship.transports.sockets import listen, listen_unix

logger = logging.getLogger(__name__)


class Listening:
    """The listening sockets of a server, and their addresses.

    rest: the socket of REST, or None if it is off. grpc: the sockets of gRPC, none if it is off.
    """

    def __init__(self, options: ServerOptions) -> None:
        """Opens the sockets.

        Raises AlreadyExists, PermissionDenied or InvalidArgument if an address cannot be opened.
        """
        self._options = options
        self._socket_file: tuple[Path, int] | None = None  # the UNIX socket and its inode
        self.grpc: list[socket] = []
        self.rest_port = self.grpc_port = 0
        self.rest = self._open_rest()
        try:
            self._open_grpc()
        except LightshipError:
            self.close()
            raise

    @property
    def rest_url(self) -> str:
        """`http://HOST:PORT`. If the server listens on every interface, HOST is the loopback address."""
        return f"http://{self._host}:{self.rest_port}"

    @property
    def grpc_address(self) -> str:
        """`HOST:PORT`. If the server listens on every interface, HOST is the loopback address."""
        return f"{self._host}:{self.grpc_port}"

    @property
    def sockets(self) -> list[socket]:
        return [*([self.rest] if self.rest is not None else []), *self.grpc]

    def log_addresses(self) -> None:
        if self.rest is not None:
            logger.info("REST on %s", self.rest_url, extra={"url": self.rest_url})
        if self.grpc_port:
            logger.info("gRPC on %s", self.grpc_address, extra={"address": self.grpc_address})
        if self._options.grpc.socket_path:
            logger.info("gRPC on unix:%s", self._options.grpc.socket_path)

    def close_sockets(self) -> None:
        """Closes the sockets of this process. Other processes that have them too go on listening."""
        for one in self.sockets:
            one.close()

    def close(self) -> None:
        """Closes what is still open, and removes the UNIX socket."""
        self.close_sockets()
        if self._socket_file is not None:
            path, inode = self._socket_file
            with contextlib.suppress(OSError):  # it was removed or replaced
                if path.stat().st_ino == inode:
                    path.unlink()
            self._socket_file = None

    @property
    def _host(self) -> str:
        given = self._options.host
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(given, given)
        return f"[{host}]" if ":" in host and not host.startswith("[") else host

    def _open_rest(self) -> socket | None:
        options = self._options
        if not options.rest_port:
            return None
        try:
            opened = listen(options.host, options.rest_port)
        except LightshipError as error:
            if not options.rest_may_fail:
                raise
            reason = error.message.partition("; ")[0]  # the advice is not in the words of the command
            logger.error("Failed to start HTTP Server at localhost:%s: %s", options.rest_port, reason)
            return None
        self.rest_port = opened.getsockname()[1]
        return opened

    def _open_grpc(self) -> None:
        options = self._options
        if options.grpc_port:
            name = options.host.strip("[]") or "0.0.0.0"
            reuse = reuses_port(options.grpc.channel_arguments)
            self.grpc.append(listen(name, options.grpc_port, "grpc_port", reuse_port=reuse))
            self.grpc_port = self.grpc[0].getsockname()[1]
        if options.grpc.socket_path:
            path = Path(options.grpc.socket_path)
            self.grpc.append(listen_unix(path))
            self._socket_file = (path, path.stat().st_ino)
