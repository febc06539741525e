"""How many files this process may open, and how many of them may be connections."""

from __future__ import annotations

import contextlib
import sys

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_MOST = 1 << 16  # files; a higher limit has no use, and some programs look at each possible file
_RESERVE = 256  # files for models, logs, helper processes and gRPC


def raise_file_limit() -> None:
    """Lets this process open as many files as the system allows it, but not more than 65,536."""
    if sys.platform == "win32" or resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def max_connections(wanted: int = 0) -> int:
    """Returns how many connections may be open, so that a reserve of files is left; 0 for no limit.

    It is `wanted`, unless that is 0 or more than the files allow.
    """
    if sys.platform == "win32" or resource is None:
        return wanted
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    most = max(1, soft - min(_RESERVE, soft // 2))
    return min(wanted or most, most)
