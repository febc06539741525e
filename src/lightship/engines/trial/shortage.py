"""Tells failures of the system, which may pass, from those of a model, which do not."""

from __future__ import annotations

import errno
import os

from lightship.threads import NO_THREAD, RAISE_LIMITS

# What libraries say when the system gives them no further thread, memory or file: they quote it, or name the call.
_SHORTAGES = (
    *(os.strerror(number) for number in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)),
    "bad_alloc",
    "pthread_create",
    NO_THREAD,
    RAISE_LIMITS,  # of Lightship's own errors
)


def names_shortage(reason: str) -> bool:
    """Returns whether a failure's reason is that there were too few threads, files or too little memory."""
    return any(shortage in reason for shortage in _SHORTAGES)
