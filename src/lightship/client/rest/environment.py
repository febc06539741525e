"""What the environment says about connections: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY and SSL_CERT_FILE.

httpx2 reads these variables. Nobody sees that in an address, so the errors must name them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from lightship.client.address import without_password
from lightship.errors import InvalidArgument


@contextmanager
def reads_environment() -> Iterator[None]:
    """Wraps the making of an httpx2 client. Raises InvalidArgument for variables that cannot be used."""
    try:
        yield
    except (ValueError, httpx2.InvalidURL) as error:
        raise InvalidArgument(
            f"the proxy in the environment cannot be used: {error}; correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"
        ) from error
    except ImportError as error:
        raise InvalidArgument(
            "the environment names a SOCKS proxy, which needs another package: install httpx2[socks], or correct "
            "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"
        ) from error
    except OSError as error:  # of `ssl`, which does not name the file
        raise InvalidArgument(
            f"the trusted authorities in the environment cannot be read: {error}; correct SSL_CERT_FILE or SSL_CERT_DIR"
        ) from error


def proxy_of(base: str) -> str | None:
    """Returns the proxy that the environment names for an address, without its password; None if it names none."""
    parts = urlsplit(base)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or not parts.hostname or proxy_bypass(parts.hostname):
        return None
    return without_password(proxy if "://" in proxy else f"http://{proxy}")
