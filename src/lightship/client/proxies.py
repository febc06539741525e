"""Which proxy the environment names for an address. Nobody sees that in the address, so errors name it."""

from __future__ import annotations

import os
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from lightship.client.address import speaks_grpc, without_password

# gRPC's core takes the first that is set, and knows them in lower case only.
_GRPC_PROXIES, _GRPC_EXCEPTIONS = ("grpc_proxy", "https_proxy", "http_proxy"), ("no_grpc_proxy", "no_proxy")


def proxy_of(base: str) -> str | None:
    """Returns the proxy that the environment names for an address, without its password; None if it names none."""
    parts = urlsplit(base)
    if not parts.hostname:  # a UNIX socket
        return None
    proxy = _grpc_proxy(parts.hostname) if speaks_grpc(base) else _http_proxy(parts)
    if not proxy:
        return None
    return without_password(proxy if "://" in proxy else f"http://{proxy}")


def proxy_advice(base: str) -> str | None:
    """Returns what to do if no connection is made to an address that has a proxy; None if it has none."""
    proxy, host = proxy_of(base), urlsplit(base).hostname
    if proxy is None:
        return None
    variable = "no_proxy" if speaks_grpc(base) else "NO_PROXY"
    return (
        f"the environment names the proxy {proxy} for this address: check that the proxy runs and reaches the server, "
        f"or set {variable}={host} to do without it"
    )


def _http_proxy(parts: SplitResult) -> str | None:
    proxies = getproxies()
    server = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)  # NO_PROXY may name a port too
    return None if proxy_bypass(server) else proxies.get(parts.scheme) or proxies.get("all")


def _grpc_proxy(host: str) -> str | None:
    exceptions = _first_of(_GRPC_EXCEPTIONS) or ""
    if any(host.endswith(ending.strip()) for ending in exceptions.split(",") if ending.strip()):
        return None
    return _first_of(_GRPC_PROXIES)


def _first_of(names: tuple[str, ...]) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)
