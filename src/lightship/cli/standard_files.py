"""The standard files of a process: input, output and errors."""

from __future__ import annotations

import os
import sys

_NUMBERS = (0, 1, 2)


def open_missing() -> None:
    """Opens the null device for each standard file that this process was started without.

    Otherwise the next file or socket would get its number, and what libraries print would go there.
    """
    for number in _NUMBERS:
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)  # by helper processes and workers
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
