"""The variables of the environment that httpx2 reads: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

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
