"""The listening socket: opened before anything slow is done, closed so that no connection is lost."""

from __future__ import annotations

import ctypes
import errno
import select
import socket
import struct
import sys
from typing import Literal

from lightship.errors import AlreadyExists, InvalidArgument, LightshipError, PermissionDenied

Port = int | Literal["auto"]

BACKLOG = 2048
_SO_ATTACH_FILTER = 26
_SO_BINDTOIFINDEX = 62
_NO_DEVICE = 2**31 - 1
# A program of the kernel's packet filter, as (code, jump if true, jump if false, constant): it sees the TCP header.
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the byte of flags
    (0x45, 0, 1, 0x02),  # SYN set?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # keep
)


def listen(host: str, port: Port, option: str = "--rest-port") -> socket.socket:
    """A socket that listens; `auto` is a free port. option: how a user chooses another, for the texts of errors.

    Raises AlreadyExists for a port in use, PermissionDenied or InvalidArgument for one or a host that cannot be had.
    """
    number = 0 if port == "auto" else port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise InvalidArgument(f"host {host} is no address of this machine: {error.strerror}; try 127.0.0.1") from None
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise _explained(error, host, number, option) from None
    return listening


def _explained(error: OSError, host: str, port: int, option: str) -> LightshipError:
    if error.errno == errno.EADDRINUSE:
        return AlreadyExists(f"port {port} is in use on {host}; choose another with {option}, or 'auto'")
    if error.errno == errno.EACCES:
        return PermissionDenied(f"port {port} may not be opened by this user; choose one above 1023 with {option}")
    return InvalidArgument(f"cannot listen on {host}, port {port}: {error.strerror}; choose another --host")


def refuse_new_connections(listening: socket.socket) -> None:
    """From now on attempts to connect fail; handshakes that have begun end well, and wait to be accepted.

    Closing the socket at once would reset those. It listens on a device that does not exist instead, which needs no
    privilege since Linux 5.7; on earlier ones a filter has the kernel drop first packets, which it may allow to
    privileged processes only. Elsewhere than on Linux a small gap remains.
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


def readable(connection: socket.socket) -> bool:
    """Whether bytes, or a connection, or an end wait to be read."""
    try:
        if not hasattr(select, "poll"):  # on Windows, where select takes any number of a socket
            return bool(select.select([connection], [], [], 0)[0])
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
    except (ValueError, OSError):
        return False
    return bool(poll.poll(0))
