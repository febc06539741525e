"""Opens the listening socket, and closes it without losing a connection."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import select
import socket
import struct
import sys
from pathlib import Path
from typing import Literal, cast

from lightship.errors import AlreadyExists, InvalidArgument, LightshipError, PermissionDenied

Port = int | Literal["auto"]

BACKLOG = 2048
_SO_ATTACH_FILTER = 26
_SO_BINDTOIFINDEX = 62
_NO_DEVICE = 2**31 - 1
# A program for the kernel's packet filter, which sees the TCP header: (code, jump if true, jump if false, constant).
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the byte of flags
    (0x45, 0, 1, 0x02),  # SYN set?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # keep
)


def listen(host: str, port: Port, option: str = "rest_port", *, reuse_port: bool = False) -> socket.socket:
    """Returns a listening socket. The port "auto" means a free port.

    `option` is the field of `ServerOptions` that error messages recommend for choosing another port. `reuse_port`:
    other processes that allow it too may listen on the same port. Raises AlreadyExists if the port is in use, and
    PermissionDenied or InvalidArgument if the port or host cannot be used.
    """
    number = 0 if port == "auto" else port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise InvalidArgument(
            f"host {host} cannot be resolved: {error.strerror}; give an address of this machine, such as 127.0.0.1"
        ) from None
    listening = socket.socket(family, kind, protocol)
    try:
        if sys.platform == "win32":  # there SO_REUSEADDR lets another program take the port away
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if reuse_port and hasattr(socket, "SO_REUSEPORT"):
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise _explained(error, host, number, option) from None
    return listening


def listen_unix(path: Path) -> socket.socket:
    """Returns a listening UNIX socket. Replaces a socket that exists at this path.

    Raises InvalidArgument if it cannot be opened.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise InvalidArgument("this system's Python has no UNIX sockets; listen on a port instead")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            path.unlink()
        listening.bind(str(path))
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        reason = error.strerror or str(error)
        raise InvalidArgument(
            f"cannot listen on the UNIX socket {path}: {reason}; give a path of at most 107 bytes in a folder where "
            "this user may create files"
        ) from None
    return listening


def is_unix(listening: socket.socket) -> bool:
    """Returns whether it is a UNIX socket, which Windows does not have."""
    return listening.family == getattr(socket, "AF_UNIX", None)


def _explained(error: OSError, host: str, port: int, option: str) -> LightshipError:
    if error.errno == errno.EADDRINUSE:
        return AlreadyExists(f"port {port} is in use on {host}; choose another with {option}, or 'auto'")
    if error.errno == errno.EACCES:
        return PermissionDenied(f"port {port} may not be opened by this user; choose one above 1023 with {option}")
    return InvalidArgument(f"cannot listen on {host}, port {port}: {error.strerror}; choose another host")


def refuse_new_connections(listening: socket.socket) -> None:
    """Makes new connections fail. Handshakes that have begun complete and wait to be accepted.

    Closing the socket at once would reset these handshakes. Instead, the socket is bound to a network device that does
    not exist, which needs no privilege since Linux 5.7. On older kernels, a packet filter drops SYN packets; such
    kernels may allow this to privileged processes only. On other systems, a few connections may be lost.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        listening.setsockopt(socket.SOL_SOCKET, _SO_BINDTOIFINDEX, _NO_DEVICE)
    except OSError:
        _drop_first_packets(listening)


def _drop_first_packets(listening: socket.socket) -> None:
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_SYN))
    filtering = struct.pack("HL", len(_DROP_SYN), ctypes.addressof(program))
    try:
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filtering)
    except OSError:
        return


def has_gone(transport: asyncio.BaseTransport) -> bool:
    """Returns whether the system of the client has refused something that was sent: the client has closed it all.

    A client that has only closed its sending side takes what is sent. Without anything sent, the two look the same.
    """
    connection = cast(socket.socket | None, transport.get_extra_info("socket"))
    try:
        return connection is not None and connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
    except OSError:  # it is closed
        return True


def readable(connection: socket.socket) -> bool:
    """Returns whether the socket has bytes, a connection or an end of stream to read."""
    try:
        if sys.platform == "win32" or not hasattr(select, "poll"):  # there select accepts any socket number
            return bool(select.select([connection], [], [], 0)[0])
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
    except (ValueError, OSError):
        return False
    return bool(poll.poll(0))
